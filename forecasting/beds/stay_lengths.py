r"""How long patients stay: the chance of leaving on each day of a stay, estimated with its uncertainty.

Age :math:`a` of a stay counts civil days since admission, and a bed is counted at the end of the day. The hazard
:math:`h_a` is the chance of leaving on day :math:`a` for a patient present at the end of day :math:`a-1` (for
:math:`a = 0`, of leaving on the day of admission), so a patient is present at the end of day :math:`a` with
probability :math:`S(a) = \prod_{k \le a} (1 - h_k)`.

From :math:`d_a` departures among :math:`n_a` at risk (stays still open leave the count at their present age: right
censoring, as in Kaplan & Meier 1958, doi:10.1080/01621459.1958.10501452) and a default table
:math:`h^0` worth :math:`\kappa` stays, the posterior of a beta-Stacy process (Walker & Muliere 1997,
doi:10.1214/aos/1031594741) is independent at each age,

.. math:: h_a \sim \mathrm{Beta}(\kappa S^0_{a-1} h^0_a + d_a,\; \kappa S^0_{a-1} (1 - h^0_a) + n_a - d_a),

so that thin data leans on the table, ample data on itself, and each draw of the forecast takes its own hazards.

Where only stocks and flows are known, the table is stretched in time to agree with them (`fit_stretch`).

>>> counts = StayCounts.from_lengths(np.array([0, 2, 2, 5]), np.array([True, True, True, False]))
>>> counts.departures[:4].tolist(), counts.at_risk[:4].tolist()
([1, 0, 2, 0], [4, 3, 3, 1])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
MAX_AGE = 90
DEFAULT_WEIGHT = 30.0
STRETCHES = np.geomspace(0.35, 2.8, 25)


@dataclass(frozen=True)
class StayTable:
    """A length of stay by its mean and coefficient of variation, as a discretised gamma law.

    Attributes
    ----------
    mean_days
        Mean length, days.
    variation
        Standard deviation over mean.
    """

    mean_days: float
    variation: float


# Orders of magnitude that a territory starts from when nothing is known of its own stays; versioned data
# (`reference_table` 'stay_tables') replaces them, and stays seen or stocks and flows correct them.
DEFAULT_STAYS: Mapping[tuple[str, str], StayTable] = {
    ("conventional", "all"): StayTable(5.5, 1.1),
    ("conventional", "covid"): StayTable(11.0, 0.9),
    ("conventional", "influenza"): StayTable(7.0, 0.9),
    ("conventional", "bronchiolitis"): StayTable(3.5, 0.8),
    ("conventional", "gastroenteritis"): StayTable(3.5, 0.9),
    ("critical", "all"): StayTable(6.0, 1.2),
    ("critical", "covid"): StayTable(14.0, 0.9),
    ("critical", "influenza"): StayTable(9.0, 1.0),
    ("critical", "bronchiolitis"): StayTable(5.0, 0.8),
}


def stay_table(unit: str, syndrome: str, known: Mapping[str, StayTable] | None = None) -> StayTable:
    """Return the table of a unit and syndrome: the given one, else the default, else that of all causes.

    Parameters
    ----------
    known
        Tables by `unit:syndrome`, of versioned data.
    """
    for name in (syndrome, "all"):
        if known and f"{unit}:{name}" in known:
            return known[f"{unit}:{name}"]
        if (unit, name) in DEFAULT_STAYS:
            return DEFAULT_STAYS[unit, name]
    raise KeyError(f"no stay table for unit {unit!r}")


def discrete_hazards(table: StayTable, stretch: float = 1.0, ages: int = MAX_AGE) -> Floats:
    """Return the hazards of a table, shape (age,); the last one goes on for ever.

    Parameters
    ----------
    stretch
        Factor on the length of stays.
    """
    shape = table.variation**-2
    scale = table.mean_days * stretch / shape
    # A length of a days lies between a - 0.5 and a + 0.5: admission and departure fall anywhere in their day.
    survival = special.gammaincc(shape, (np.arange(ages) + 0.5) / scale)
    before = np.concatenate([[1.0], survival[:-1]])
    return np.asarray(np.clip(1.0 - survival / np.maximum(before, 1e-12), 1e-4, 0.95))


def survival(hazards: Floats) -> Floats:
    """Return the chance of being present at the end of each day, from hazards whose last axis is age."""
    return np.asarray(np.cumprod(1.0 - hazards, axis=-1))


@dataclass(frozen=True, eq=False)
class StayCounts:
    """Stays seen, as the two counts per age that hold all there is to know of them.

    Attributes
    ----------
    departures, at_risk
        Shape (age,): patients who left at that age, and patients who could have.
    """

    departures: NDArray[np.int64]
    at_risk: NDArray[np.int64]

    @classmethod
    def from_lengths(cls, lengths: NDArray[np.int64], ended: NDArray[np.bool_], ages: int = MAX_AGE) -> Self:
        """Count stays.

        Parameters
        ----------
        lengths
            Civil days from admission to departure, or to now for stays still open, shape (stay,).
        ended
            Whether each stay has ended; an open stay is at risk up to and including the day it was last seen.
        """
        length = np.clip(np.asarray(lengths, dtype=np.int64), 0, ages - 1)
        # A stay longer than the table has not ended within it.
        done = np.asarray(ended, dtype=bool) & (np.asarray(lengths) < ages)
        departures = np.bincount(length[done], minlength=ages)
        gone = np.bincount(length, minlength=ages)
        at_risk = len(length) - np.concatenate([[0], np.cumsum(gone)[:-1]])
        return cls(departures.astype(np.int64), at_risk.astype(np.int64))


def draw_hazards(
    table: Floats,
    counts: StayCounts | None,
    draws: int,
    rng: np.random.Generator,
    *,
    weight: float = DEFAULT_WEIGHT,
) -> Floats:
    """Draw hazards from their posterior, shape (draw, age).

    Parameters
    ----------
    table
        Default hazards, shape (age,).
    counts
        Stays seen, or None when there are none.
    weight
        Stays that the default table is worth.
    """
    before = np.concatenate([[1.0], survival(table)[:-1]]) * weight
    alpha, beta = before * table, before * (1.0 - table)
    if counts is not None:
        alpha = alpha + counts.departures
        beta = beta + counts.at_risk - counts.departures
    # Beyond the ages that matter the default is worth next to nothing; a floor keeps its mean.
    scale = np.maximum(1.0, 2.0 / np.maximum(alpha + beta, 1e-9))
    hazards = rng.beta(np.maximum(alpha * scale, 1e-6), np.maximum(beta * scale, 1e-6), (draws, len(table)))
    return np.clip(hazards, 1e-4, 0.99)


def fit_stretch(
    stock: Floats, admissions: Floats, table: StayTable, *, stretches: Floats = STRETCHES
) -> Floats:
    """Return how well each stretch of a table explains a stock by the admissions before, as probabilities.

    Parameters
    ----------
    stock, admissions
        Same days, shape (time,), without NaN, the oldest first; four weeks or more say something.

    Returns
    -------
    ndarray, shape (stretch,)
        Posterior of `stretches` under a flat prior; errors count as one per week, as days of one wave move
        together (profile likelihood with unknown variance).
    """
    errors = np.array([_misfit(stock, admissions, discrete_hazards(table, float(s))) for s in stretches])
    independent = max(len(stock) / 7.0, 1.0)
    log_weight = -0.5 * independent * np.log(np.maximum(errors, 1e-6))
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum())


def inflow_factor(stock: Floats, admissions: Floats, hazards: Floats) -> Floats:
    r"""Return by how much admissions must be multiplied for a stock to be what it was, shape (draw,).

    A kind of bed is entered by other doors than admission (from critical care back to a ward, say), and
    some admissions never enter it. With :math:`G` the survival of those present on the first day, least squares of

    .. math:: B_t - B_0 G(t) = \gamma \sum_{a} S(a) A_{t-a}

    gives each draw of hazards the :math:`\gamma` with which it agrees with the recent past, the last three weeks
    weighing most; bounded by a half and two.

    Parameters
    ----------
    stock, admissions
        Same days, shape (time,), without NaN, the oldest first.
    hazards
        Shape (draw, age).
    """
    present = survival(hazards)
    days = len(stock)
    left = remaining_survival(present, present, days - 1)
    lags = np.arange(1, days)[:, None] - np.arange(1, days)[None, :]
    staying = np.where(lags >= 0, present[:, np.clip(lags, 0, present.shape[1] - 1)], 0.0)
    arrived = staying @ admissions[1:]
    missing = stock[1:] - stock[0] * left
    recent = np.exp(-np.arange(days - 1)[::-1] / 21.0)
    gamma = (recent * arrived * missing).sum(axis=1) / np.maximum((recent * arrived**2).sum(axis=1), 1e-9)
    return np.asarray(np.clip(gamma, 0.5, 2.0))


def _misfit(stock: Floats, admissions: Floats, hazards: Floats) -> float:
    present = survival(hazards)
    days = len(stock)
    remaining = remaining_survival(present[None, :], present, days)[0]
    arrivals = np.convolve(np.concatenate([[0.0], admissions[1:]]), present)[:days]
    expected = stock[0] * np.concatenate([[1.0], remaining])[:days] + arrivals
    return float(np.mean((np.sqrt(np.maximum(stock, 0)) - np.sqrt(expected)) ** 2))


def remaining_survival(present: Floats, weights: Floats, days: int) -> Floats:
    r"""Return the chance that a patient of unknown age is still present `1 … days` days later.

    .. math:: G(j) = \sum_e w_e\, S(e + j) / S(e)

    Parameters
    ----------
    present
        Survival, shape (draw, age).
    weights
        How many patients of each age there may be, shape (age,) or (draw, age); survival itself for a unit
        whose admissions have been steady.

    Returns
    -------
    ndarray, shape (draw, days)
    """
    draws, ages = present.shape
    tail = present[:, -1:] * (present[:, -1:] / present[:, -2:-1]) ** np.arange(1, days + 1)
    longer = np.concatenate([present, tail], axis=1)
    share = np.broadcast_to(weights, (draws, ages))
    share = share / np.maximum(share.sum(axis=1, keepdims=True), 1e-12) / np.maximum(present, 1e-12)
    return np.stack([(share * longer[:, j : j + ages]).sum(axis=1) for j in range(1, days + 1)], axis=1)
