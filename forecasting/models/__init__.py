"""The models, one small file each, and the registry that names them.

Adding one is a file with a class that has ``name``, ``cadence`` and ``fit(problem, state)`` (see
`forecasting.models.base`), and a line here.

- `persistence`, `seasonal_naive`: the yardsticks.
- `pooled`: ridge regression over all territories on differences of the fourth-root level, in several
memories.
- `sarimax`, `prophet_growth`: one territory at a time, refitted in rotation.
- `negative_binomial`: growth on the signals' growth, pooled.
"""

from forecasting.features import Look
from forecasting.models.base import CannotForecast, Fitted, Model
from forecasting.models.negative_binomial import NegativeBinomialGrowth
from forecasting.models.persistence import Persistence
from forecasting.models.pooled import Member, PooledGrowth
from forecasting.models.prophet_growth import ProphetGrowth
from forecasting.models.sarimax import Sarimax
from forecasting.models.seasonal_naive import SeasonalNaive

REGISTRY: tuple[Model, ...] = (
    Persistence(),
    SeasonalNaive(),
    PooledGrowth(
        "pooled recent",
        (
            Member(Look((0, 7)), theta=0.95, memory_weeks=6),
            Member(Look((0, 3, 7, 10)), theta=0.8, memory_weeks=6),
        ),
    ),
    PooledGrowth(
        "pooled long",
        (Member(Look((0, 7)), theta=0.95), Member(Look((0, 7, 14)), theta=0.9, memory_weeks=12)),
    ),
    PooledGrowth("pooled short look", (Member(Look((0,)), theta=0.9, memory_weeks=8),)),
    Sarimax(),
    NegativeBinomialGrowth(),
    ProphetGrowth(),
)

__all__ = ["REGISTRY", "CannotForecast", "Fitted", "Member", "Model", "PooledGrowth"]
