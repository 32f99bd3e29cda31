r"""What the bed model misses: whole paths of its past relative errors, added to its draws.

Fewer patients leave at weekends and holidays, stays lengthen under pressure, and some doors are not counted. From each
past day :math:`s` the model is run with the admissions that did come, and its relative errors

.. math:: e_h(s) = \frac{B_{s+h} - m_h(s)}{m_h(s)}, \qquad m_h(s) = B_s G(h) + \gamma \sum_{k=1}^{h} S(h-k) A_{s+k}

are kept as a path over :math:`h`. Each draw of the forecast takes the path of one past start, chosen by chance with
more weight on recent starts and on those of the same weekday (a bootstrap of multi-step errors), shrunk by what
the chance of single departures already explains, so that nothing is counted twice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecasting.beds.stay_lengths import remaining_survival, survival

Floats = NDArray[np.float64]
FEWEST_STARTS = 28
MEMORY_DAYS = 40.0
SAME_WEEKDAY = 6.0


def past_errors(stock: Floats, admissions: Floats, hazards: Floats, inflow: float, horizon: int) -> Floats:
    """Return the model's relative errors from each past start, shape (start, horizon), NaN where unknown.

    Parameters
    ----------
    stock, admissions
        Same days, shape (time,), NaN where unknown, the oldest first.
    hazards
        Mean hazards, shape (age,).
    inflow
        Share of admissions that comes into these beds.
    horizon
        Steps followed from each start.
    """
    present = survival(hazards)
    left = remaining_survival(present[None], present, horizon)[0]
    starts = max(len(stock) - horizon, 0)
    index = np.arange(starts)[:, None] + np.arange(1, horizon + 1)[None, :]
    came = admissions[index] * inflow
    expected = stock[:starts, None] * left
    for lag in range(horizon):
        expected[:, lag:] += came[:, : horizon - lag] * present[lag]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(expected >= 1.0, (stock[index] - expected) / expected, np.nan))


def draw_error_paths(
    errors: Floats, thinning: Floats, draws: int, rng: np.random.Generator, *, weekday_phase: int
) -> Floats:
    """Draw paths of relative error, shape (horizon, draw); zeros where too few starts are known.

    Parameters
    ----------
    errors
        Shape (start, horizon), the newest start last.
    thinning
        Relative standard deviation that the chance of departures explains already, shape (horizon,).
    weekday_phase
        Days from the newest start to the day from which the forecast starts.
    """
    usable = np.flatnonzero(np.isfinite(errors).all(axis=1))
    if len(usable) < FEWEST_STARTS:
        return np.zeros((errors.shape[1], draws))
    back = len(errors) - 1 - usable
    weight = np.exp(-back / MEMORY_DAYS) * np.where((back + weekday_phase) % 7 == 0, SAME_WEEKDAY, 1.0)
    weight /= weight.sum()
    paths = errors[usable]
    centre = weight @ paths
    spread = np.sqrt(weight @ (paths - centre) ** 2)
    shrink = np.sqrt(np.clip(1.0 - (thinning / np.maximum(spread, 1e-9)) ** 2, 0.0, 1.0))
    chosen = rng.choice(len(usable), size=draws, p=weight)
    return np.asarray((centre + shrink * (paths[chosen] - centre)).T)
