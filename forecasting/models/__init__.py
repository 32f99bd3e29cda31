"""The models, one small file each, and the registry that names them.

Adding one is a file with a class that has ``name``, ``cadence`` and ``fit(problem, state)`` (see
`forecasting.models.base`), and a line here.

- `persistence`, `seasonal_naive`: the yardsticks.
- `pooled`: ridge regression over all territories on differences of the fourth-root level, in several
memories.
- `pooled_quantiles`: linear quantile regression over all territories.
- `sarimax`, `prophet_growth`: one territory at a time, refitted in rotation.
- `negative_binomial`: growth on the signals' growth, pooled.
"""

from forecasting.features import Look
from forecasting.models.base import CannotForecast, Fitted, Model
from forecasting.models.negative_binomial import NegativeBinomialGrowth
from forecasting.models.persistence import Persistence
from forecasting.models.pooled import WINTER_YEARS, Member, PooledGrowth
from forecasting.models.pooled_quantiles import PooledQuantiles
from forecasting.models.prophet_growth import ProphetGrowth
from forecasting.models.sarimax import Sarimax
from forecasting.models.seasonal_naive import SeasonalNaive

# Common looks see the mean over territories, so they can only learn from many weeks; local looks learn from territories
# differing, so theta is high and memory short.
_COMMON = {"pooled": True, "gaps": False, "shares": False, "level": True}
_LONG, _LONGER = (0, 7, 14), (0, 7, 14, 21, 28)


def _looks(season_weeks: int | None, drift: bool) -> tuple[Member, ...]:
    """Two looks at what territories have in common, learned from one part of the year."""
    looks = (Look(_LONG, drift=drift, **_COMMON), Look(_LONGER, signals=False, drift=drift, **_COMMON))
    theta, penalty, by_level = (0.0, 0.01, 0.0) if drift else (0.5, 0.02, 2.0)
    return tuple(Member(x, theta, None, season_weeks, penalty, taught=True, by_level=by_level) for x in looks)


_ALL_YEAR, _WIDE, _SEASON, _NARROW = _looks(None, False), _looks(10, True), _looks(6, True), _looks(4, False)


def _common(name: str, members: tuple[Member, ...], years: float = WINTER_YEARS) -> PooledGrowth:
    return PooledGrowth(name, members, "pooled common", years)


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
    _common("pooled common, all year", _ALL_YEAR, years=0.0),
    _common("pooled common, wide season", _WIDE),
    _common("pooled common, season", _SEASON, years=2.1),
    _common("pooled common, several seasons", _ALL_YEAR + _WIDE + _NARROW),
    PooledQuantiles(Look(_LONG, **_COMMON)),
    Sarimax(),
    NegativeBinomialGrowth(),
    ProphetGrowth(),
)

__all__ = ["REGISTRY", "CannotForecast", "Fitted", "Member", "Model", "PooledGrowth", "PooledQuantiles"]
