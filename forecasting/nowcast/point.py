"""Expected final values of the last dates, given what is reported and how complete it should be.

With completeness ``F``, a reported count ``x`` and a territory whose recent level is ``m``, the final count
is taken as a negative-binomial one of mean ``m`` and size ``a`` thinned by ``F``; its expected missing part
is

    missing = m' (1 - F),    m' = (a + x) / (a / m + F).

``a = 0`` is the plain chain ladder ``x / F``; a positive ``a`` is the zero handling: a hospital that sent
nothing yet is not a territory without patients. (*baselinenowcast* uses ``x + 1 - F`` over ``F``, a level of
one.)

:mod:`.tuning` chooses ``a`` on past nowcasts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.nowcast.delays import Completeness, estimate_completeness, weekday_of
from forecasting.nowcast.triangle import Floats, ReportingTriangle

_MATURE = 0.9
_LEVEL_STEPS = {"D": 7, "W": 2}


@dataclass(frozen=True)
class Cells:
    """What enters the nowcast of the dates not yet complete, shape (cell, territory) each.

    Attributes
    ----------
    delay : ndarray of int
        Delay of the newest value, −1 where none is known.
    reported : ndarray
        Newest value, NaN where none is known.
    completeness : ndarray
        Completeness by the delays.
    level : ndarray
        Recent level of the territory on that weekday, in the unit of the values.
    """

    delay: NDArray[np.int64]
    reported: Floats
    completeness: Floats
    level: Floats


@dataclass(frozen=True)
class Tuning:
    """Choices made on past nowcasts, one per delay.

    Attributes
    ----------
    prior_size : ndarray, shape (delay,)
        Strength ``a`` of the territory's recent level; infinite where values are taken as reported.
    use_weekday : bool
        Whether completeness departs by weekday.
    """

    prior_size: Floats
    use_weekday: bool


def default_tuning(max_delay: int) -> Tuning:
    """Choices when no past nowcast can be scored: a weak level, no weekday.

    Parameters
    ----------
    max_delay : int
        Longest delay.

    Returns
    -------
    Tuning
        The same at each delay.
    """
    return Tuning(np.ones(max_delay + 1), False)


def cells_at(
    triangle: ReportingTriangle,
    positions: NDArray[np.int64],
    *,
    use_weekday: bool,
    completeness: Completeness | None = None,
) -> Cells:
    """Gather what is known at the edge of a triangle about some dates.

    Parameters
    ----------
    triangle : ReportingTriangle
        As known at the moment of the nowcast.
    positions : ndarray of int, shape (cell,)
        Positions of the dates on the time axis.
    use_weekday : bool
        Let completeness depart by weekday.
    completeness : Completeness, optional
        Given from elsewhere; estimated from the triangle otherwise.

    Returns
    -------
    Cells
        One row a date.
    """
    curve = estimate_completeness(triangle) if completeness is None else completeness
    weekday = weekday_of(triangle.dates)
    value, delay = triangle.newest()
    full = curve.at(delay, weekday, use_weekday=use_weekday)
    level = recent_level(triangle, value, full)
    return Cells(delay[positions], value[positions], full[positions], level[positions])


def recent_level(triangle: ReportingTriangle, value: Floats, completeness: Floats) -> Floats:
    """Level of each territory over its newest nearly complete dates, with the weekdays' common shape.

    Parameters
    ----------
    triangle : ReportingTriangle
        Gives the dates and the step.
    value, completeness : ndarray, shape (time, territory)
        Newest values and how complete they are.

    Returns
    -------
    ndarray, shape (time, territory)
        NaN for a territory without a nearly complete date.
    """
    mature = np.isfinite(value) & (completeness >= _MATURE)
    final = np.where(mature, value / completeness, 0.0)
    weekday = weekday_of(triangle.dates) if triangle.freq == "D" else np.zeros(triangle.dates.size, np.int64)
    shape = _weekday_shape(final, mature, weekday)
    newest_first = np.cumsum(mature[::-1], axis=0)[::-1]
    recent = mature & (newest_first <= _LEVEL_STEPS[triangle.freq])
    expected = np.where(recent, shape[weekday][:, None], 0.0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        flat = np.where(expected > 0, np.where(recent, final, 0.0).sum(axis=0) / expected, np.nan)
    return flat[None, :] * shape[weekday][:, None]


def expected_final(cells: Cells, tuning: Tuning) -> Floats:
    """Give the expected final value of each cell.

    Parameters
    ----------
    cells : Cells
        What is known.
    tuning : Tuning
        Choices by delay.

    Returns
    -------
    ndarray, shape (cell, territory)
        NaN where nothing is reported and no level is known; the level where nothing is reported.
    """
    delay = np.clip(cells.delay, 0, tuning.prior_size.size - 1)
    return expected_with_prior(cells, tuning.prior_size[delay])


def expected_with_prior(cells: Cells, size: Floats) -> Floats:
    """Give the expected final value of each cell for a strength of the level.

    Parameters
    ----------
    cells : Cells
        What is known.
    size : ndarray
        Strength ``a`` of the territory's recent level, broadcast against the cells; infinite takes values as
        reported.

    Returns
    -------
    ndarray, shape of the cells
        As of :func:`expected_final`.
    """
    full, level = cells.completeness, np.maximum(cells.level, 1e-6)
    unknown_level = ~np.isfinite(level)
    as_reported = np.isinf(size)
    size = np.where(unknown_level | as_reported, 0.0, size)
    mean = (size + cells.reported) / (size / np.where(unknown_level, 1.0, level) + full)
    # Where a date is over-complete (later revisions go down) there is nothing missing to draw from the level.
    expected = np.where(full >= 1.0, cells.reported / full, cells.reported + mean * (1.0 - full))
    expected = np.where(as_reported, cells.reported, expected)
    return np.where(cells.delay >= 0, expected, cells.level)


def _weekday_shape(final: Floats, mature: NDArray[np.bool_], weekday: NDArray[np.int64]) -> Floats:
    """Share of each weekday relative to the mean day over the last eight weeks, shape (7,), pooled."""
    newest_first = np.cumsum(mature[::-1], axis=0)[::-1]
    recent = mature & (newest_first <= 56)
    amount = np.bincount(weekday, np.where(recent, final, 0.0).sum(axis=1), 7)
    number = np.bincount(weekday, recent.sum(axis=1).astype(np.float64), 7)
    if amount.sum() <= 0:
        return np.ones(7)
    overall = amount.sum() / number.sum()
    # A weekday seen on few dates stays near the mean day.
    shape: Floats = (amount + 0.02 * amount.sum()) / (number * overall + 0.02 * amount.sum())
    return shape
