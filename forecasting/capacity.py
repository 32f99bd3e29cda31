r"""Beds free to face a wave, and the probability of needing more.

From what is known of a place, the best of four bases is taken, and it is always said which:

- `census`: all patients present are counted, so the need is all-cause beds and what faces it is all staffed
  beds: :math:`P(B^{all}_h > C)`.
- `estimated`: only one cause is counted and beds are known by the year. Other causes take a usual share
  :math:`\rho` of staffed beds, patient-days over bed-days of annual statistics, that varies from day to day:
  :math:`P(B_h > C (1 - \rho))`, :math:`\rho \sim \mathrm{Beta}` with that mean and standard deviation. One
  draw of :math:`\rho` goes with one draw of the need, over the whole horizon, as a busy winter stays busy.
- `pressure`: beds are not known; the need is set against a high quantile of the place's own past. It is named
  *pression* and never mistaken for a shortage of beds.
- `none`: nothing to set it against, and the colour is grey.

>>> import numpy as np
>>> free = Estimated(beds=100, other_share=0.8, share_sd=0.05).draw(1000, np.random.default_rng(1))
>>> bool(15 < free.mean() < 25)
True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from forecasting.distribution import read_quantiles
from forecasting.run import Basis
from infra.errors import MeteoError

Floats = NDArray[np.float64]
CAPACITY_TABLE = "capacities"
SUMMARY_LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
DEFAULT_SHARE_SD = 0.05


@dataclass(frozen=True)
class Estimated:
    """Beds known by the year, and the usual share of them that other causes take.

    Attributes
    ----------
    beds
        Staffed beds.
    other_share
        Usual occupancy by other causes, patient-days over bed-days.
    share_sd
        Standard deviation of that share from day to day.
    source
        Where the figures come from.
    """

    beds: float
    other_share: float
    share_sd: float = DEFAULT_SHARE_SD
    source: str = ""

    def __post_init__(self) -> None:
        """Refuse figures that cannot be.

        Raises
        ------
        MeteoError
            Naming the figure.
        """
        if not self.beds >= 0:
            raise MeteoError(f"capacity: {self.beds} beds")
        if not 0 <= self.other_share <= 1.2 or not 0 < self.share_sd < 0.5:
            raise MeteoError(
                f"capacity: share of other causes {self.other_share} ± {self.share_sd}: "
                "write patient-days over bed-days, between 0 and 1"
            )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read a row of the reference table `capacities`."""
        return cls(
            beds=float(document["beds"]),
            other_share=float(document["other_share"]),
            share_sd=float(document.get("share_sd", DEFAULT_SHARE_SD)),
            source=str(document.get("source", "")),
        )

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        """Draw beds that other causes leave free, shape (draw,)."""
        mean = min(self.other_share, 0.995)
        variance = min(self.share_sd**2, 0.9 * mean * (1 - mean))
        if mean <= 0:
            return np.full(draws, self.beds)
        size = mean * (1 - mean) / variance - 1
        return np.asarray(self.beds * (1.0 - rng.beta(mean * size, (1 - mean) * size, draws)))


@dataclass(frozen=True, eq=False)
class Facing:
    """What the need of one unit is set against.

    Attributes
    ----------
    basis
        How it is known.
    free
        Beds free to face the need, shape (draw,) or (horizon, draw); a level of the place's own past for
        `pressure`; None for `none`.
    """

    basis: Basis
    free: Floats | None


NOTHING = Facing("none", None)


def facing_census(staffed: float) -> Facing:
    """Return what faces an all-cause need: every staffed bed."""
    return Facing("census", np.array([float(staffed)]))


def facing_past(history: Floats, level: float, least_days: int) -> Facing:
    """Return a high quantile of a place's own past, or nothing when that past is short or empty.

    Parameters
    ----------
    history
        Occupied beds of past days, NaN where unknown, shape (time,).
    level
        Quantile that stands for "too many".
    least_days
        Days that must be known.
    """
    known = history[np.isfinite(history)]
    if len(known) < least_days or known.max(initial=0.0) < 1.0:
        return NOTHING
    return Facing("pressure", np.array([float(np.quantile(known, level))]))


def probability_short(needed: Floats, facing: Facing) -> Floats | None:
    """Return P(beds needed > beds free) of each day, shape (horizon,), or None where it cannot be known.

    Parameters
    ----------
    needed
        Draws of beds, shape (horizon, draw).
    """
    if facing.free is None:
        return None
    return np.asarray((needed > facing.free).mean(axis=1))


def summary(draws: Floats) -> dict[str, float]:
    """Return the quantiles a bulletin shows, by level as text."""
    values = read_quantiles(draws, SUMMARY_LEVELS)
    return {f"{level:g}": round(float(value), 3) for level, value in zip(SUMMARY_LEVELS, values, strict=True)}
