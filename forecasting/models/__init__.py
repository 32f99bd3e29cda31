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

# Common looks see the mean over territories, so they can only learn from many weeks; local looks learn from territories
# differing, so theta is high and memory short.
_COMMON = {"pooled": True, "gaps": False, "shares": False, "level": True}
_LONG, _LONGER = (0, 7, 14), (0, 7, 14, 21, 28)

REGISTRY: tuple[Model, ...] = (
    Persistence(),
    SeasonalNaive(),
    PooledGrowth(
        "pooled local, recent",
        (
            Member(Look((0, 7)), theta=0.95, memory_weeks=6),
            Member(Look((0, 3, 7, 10)), theta=0.8, memory_weeks=6),
        ),
    ),
    PooledGrowth(
        "pooled local, long",
        (
            Member(Look((0, 7)), theta=0.95, memory_weeks=26),
            Member(Look(_LONG), theta=0.9, memory_weeks=12),
        ),
    ),
    PooledGrowth("pooled local, newest", (Member(Look((0,)), theta=0.9, memory_weeks=8),)),
    PooledGrowth(
        "pooled common, all year",
        (
            Member(Look(_LONG, **_COMMON), theta=0.5, penalty=0.05, taught=True),
            Member(Look(_LONGER, signals=False, **_COMMON), theta=0.5, penalty=0.05, taught=True),
        ),
    ),
    PooledGrowth(
        "pooled common, season",
        (
            Member(Look(_LONG, **_COMMON), theta=0.5, season_weeks=8, penalty=0.05, taught=True),
            Member(
                Look(_LONGER, signals=False, **_COMMON), theta=0.5, season_weeks=8, penalty=0.05, taught=True
            ),
        ),
        years=1.5,
    ),
    PooledGrowth(
        "pooled common, narrow season",
        (
            Member(Look(_LONG, **_COMMON), theta=0.5, season_weeks=4, penalty=0.05, taught=True),
            Member(
                Look(_LONGER, signals=False, **_COMMON), theta=0.5, season_weeks=4, penalty=0.05, taught=True
            ),
        ),
        years=2.5,
    ),
    Sarimax(),
    NegativeBinomialGrowth(),
    ProphetGrowth(),
)

__all__ = ["REGISTRY", "CannotForecast", "Fitted", "Member", "Model", "PooledGrowth"]
