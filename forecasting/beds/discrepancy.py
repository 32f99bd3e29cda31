r"""What the bed model misses: its past relative errors, as far as they could be foreseen and as far as not.

Fewer patients leave at weekends and on days off, planned patients stay less long than others, stays lengthen under
pressure, and some doors are not counted. From each past day :math:`s` the model is run with the admissions that did
come, and its relative errors

.. math:: e_h(s) = \frac{B_{s+h} - m_h(s)}{m_h(s)}, \qquad
          m_h(s) = B_s \frac{\sum_a A_{s-a} S(a + h)}{\sum_a A_{s-a} S(a)} + \gamma \sum_{k=1}^{h} S(h-k) A_{s+k}

are regressed, horizon by horizon, on what was known at the start: its weekday, how the model had erred in the days
and the week before, and the days off ahead, which the calendar tells (model output statistics, as weather services
correct their models; Glahn & Lowry 1972,
doi:10.1175/1520-0450(1972)011<1203:TUOMOS>2.0.CO;2). What the regression foresees moves every draw. Each draw also
takes the residuals of one past start, so that errors keep the shape of a path, mirrored by chance and scaled so that
with the chance of single departures, which the draws have already, they are as wide as past errors were, and a
little more for the coefficients being estimates.

Errors far out of proportion are those of wrong numbers (a week of admissions that a correction takes back), not of
departures; they are held at `FARTHEST` robust standard deviations, so that no line is drawn through them or beyond.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecasting.beds.stay_lengths import remaining_survival, survival

Floats = NDArray[np.float64]
WEEK = 7
FEWEST_STARTS = 28
HALF_LIFE_DAYS = 120.0
RIDGE_STARTS = 6.0
LATELY_DAYS = 3
FARTHEST = 4.0
LEAST_SPREAD = 0.01


def past_errors(stock: Floats, admissions: Floats, hazards: Floats, inflow: float, horizon: int) -> Floats:
    """Return the model's relative errors from each day, shape (time, horizon), NaN where unknown.

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
    days = len(stock)
    came = np.full((days, horizon), np.nan)
    truth = np.full((days, horizon), np.nan)
    for h in range(1, min(horizon, days - 1) + 1):
        came[:-h, h - 1], truth[:-h, h - 1] = inflow * admissions[h:], stock[h:]
    expected = stock[:, None] * _left(admissions, present, horizon)
    for lag in range(horizon):
        expected[:, lag:] += came[:, : horizon - lag] * present[min(lag, len(present) - 1)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return _held(np.where(expected >= 1.0, (truth - expected) / expected, np.nan))


def _held(errors: Floats) -> Floats:
    """Hold the errors of each horizon within `FARTHEST` robust standard deviations of their median."""
    out = errors.copy()
    for h in range(errors.shape[1]):
        known = errors[np.isfinite(errors[:, h]), h]
        if len(known) == 0:
            continue
        middle = float(np.median(known))
        # 1.4826 median absolute deviations are a standard deviation where errors are normal.
        reach = FARTHEST * max(1.4826 * float(np.median(np.abs(known - middle))), LEAST_SPREAD)
        out[:, h] = np.clip(errors[:, h], middle - reach, middle + reach)
    return out


def _left(admissions: Floats, present: Floats, horizon: int) -> Floats:
    """Share of those present on each day who are still there later, by when they came, shape (time, horizon)."""
    known = np.isfinite(admissions)
    usual = float(admissions[known].mean()) if known.any() else 1.0
    before = np.full(len(present) - 1, usual)
    came = np.concatenate([before, np.where(known, admissions, usual)]) + 1e-9
    by_age = np.lib.stride_tricks.sliding_window_view(came, len(present))[:, ::-1]
    tail = present[-1] * (present[-1] / present[-2]) ** np.arange(1, horizon + 1)
    longer = np.concatenate([present, tail])
    later = np.stack([longer[h : h + len(present)] for h in range(1, horizon + 1)], axis=1)
    return np.asarray(by_age @ later / (by_age @ present)[:, None])


def known_at_start(errors: Floats, weekday: NDArray[np.int64], shut: Floats) -> Floats:
    """Return what is known on each day of the errors to come from it, shape (time, horizon, driver).

    Parameters
    ----------
    errors
        As `past_errors` returns them.
    weekday
        Of each day, shape (time,).
    shut
        How far each day is closed by the calendar, 0 on ordinary days, shape (time + horizon,): days ahead are known.
    """
    days, horizon = errors.shape
    one_day = np.stack([_later(errors[:, 0], k) for k in range(1, LATELY_DAYS + 1)])
    heard = np.isfinite(one_day)
    lately = np.where(heard, one_day, 0.0).sum(axis=0) / np.maximum(heard.sum(axis=0), 1)
    week = min(WEEK, horizon)
    last_week = np.nan_to_num(_later(errors[:, week - 1], week))
    total = np.concatenate([[0.0], np.cumsum(shut)])
    at = np.arange(days)
    behind = total[at + 1] - total[np.maximum(at + 1 - WEEK, 0)]
    flat = np.column_stack([np.eye(WEEK)[weekday], lately, last_week, behind])
    ahead = np.stack([total[at + 1 + h] - total[at + 1] for h in range(1, horizon + 1)], axis=1)
    return np.concatenate([np.repeat(flat[:, None], horizon, axis=1), ahead[..., None]], axis=2)


def _later(values: Floats, days: int) -> Floats:
    out = np.full(len(values), np.nan)
    out[days:] = values[: max(len(values) - days, 0)]
    return out


def chance_of_departures(number: float, coming: Floats, hazards: Floats) -> Floats:
    """Return the relative standard deviation of beds by the chance of single departures alone, shape (day,).

    Parameters
    ----------
    number
        Patients present at the start.
    coming
        Expected admissions of each day, shape (day,).
    hazards
        Mean hazards, shape (age,).
    """
    present = survival(hazards)
    left = remaining_survival(present[None], present, len(coming))[0]
    mean, variance = number * left, number * left * (1.0 - left)
    for lag in range(len(coming)):
        stays = present[min(lag, len(present) - 1)]
        mean[lag:] += coming[: len(coming) - lag] * stays
        variance[lag:] += coming[: len(coming) - lag] * stays * (1.0 - stays)
    return np.asarray(np.sqrt(variance) / np.maximum(mean, 1.0))


def draw_error_paths(
    errors: Floats, known: Floats, thinning: Floats, draws: int, rng: np.random.Generator
) -> Floats:
    """Draw paths of relative error from the newest day on, shape (horizon, draw); zeros where few starts are known.

    Parameters
    ----------
    errors
        Shape (time, horizon), the newest day last.
    known
        What was known at each start, shape (time, horizon, driver), as of `known_at_start`.
    thinning
        Relative standard deviation that the draws have already, shape (horizon,), as of `chance_of_departures`.
    """
    whole = np.isfinite(errors).all(axis=1)
    if whole.sum() < FEWEST_STARTS:
        return np.zeros((errors.shape[1], draws))
    weight = 0.5 ** ((len(errors) - 1 - np.arange(len(errors))) / HALF_LIFE_DAYS)
    fitted = [_regressed(errors[:, h], known[:, h], weight, h + 1) for h in range(errors.shape[1])]
    foreseen = np.stack([f for f, _ in fitted], axis=1)
    widened = np.array([w for _, w in fitted])
    paths = (errors - foreseen)[whole]
    chance = weight[whole] / weight[whole].sum()
    spread = np.sqrt(chance @ paths**2)
    missing = np.sqrt(np.clip((spread * widened) ** 2 - thinning**2, 0.0, None))
    chosen = paths[rng.choice(len(paths), size=draws, p=chance)]
    mirrored = np.where(rng.random(draws) < 0.5, -1.0, 1.0)[:, None]
    return np.asarray((foreseen[-1] + mirrored * chosen * missing / np.maximum(spread, 1e-9)).T)


def _regressed(errors: Floats, known: Floats, weight: Floats, steps: int) -> tuple[Floats, float]:
    """Foresee errors from every day, shape (time,), and by how much the spread of residuals understates new ones.

    Ridge regression about the mean error, each driver held at no effect by `RIDGE_STARTS` starts of its usual size.
    The mean rests on :math:`n / h` starts or so, as those nearer than the horizon tell of the same departures; the
    drivers change from day to day, so their :math:`p` coefficients rest on all starts that are a week apart.
    """
    rows = np.isfinite(errors)
    w = weight[rows] / weight[rows].sum()
    usual, mean = w @ known[rows], float(w @ errors[rows])
    x, starts = known[rows] - usual, float(1.0 / (w**2).sum())
    cross = (x * w[:, None]).T @ x
    ridged = cross + np.diag(RIDGE_STARTS / weight[rows].sum() * (np.diag(cross) + 1e-12))
    beta = np.linalg.solve(ridged, (x * w[:, None]).T @ errors[rows])
    free = float(np.trace(np.linalg.solve(ridged, cross)))
    doubt = free * max(1.0, steps / WEEK) / starts + (1.0 + steps) / 2.0 / starts
    return mean + (known - usual) @ beta, float(np.sqrt(1.0 + 2.0 * min(doubt, 1.0)))
