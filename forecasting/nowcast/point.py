"""Expected final values of the last dates, given what is reported and how complete it should be.

With completeness ``F``, a reported count ``x`` and a territory whose recent level is ``m``, the final count
is taken as a negative-binomial one of mean ``m`` and size ``a`` thinned by ``F``; its expected missing part
is

    missing = m' (1 - F),    m' = (a + x) / (a / m + F).

``a = 0`` is the plain chain ladder ``x / F``; a positive ``a`` is the zero handling: a hospital that sent
nothing yet is not a territory without patients. (*baselinenowcast* uses ``x + 1 - F`` over ``F``, a level of
one.)

``a`` is chosen for each delay by the Poisson deviance of past nowcasts made from what was known then
(deviance because it is consistent for a mean; absolute error would prefer "nothing missing", as most
revisions are nil and a few large), and so is whether completeness departs by weekday. Where past values taken
as reported came nearer than any of these, they are taken as reported (``a`` is infinite): where little is
revised, a nowcast must not do harm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.nowcast.delays import Completeness, estimate_completeness, weekday_of
from forecasting.nowcast.triangle import Floats, ReportingTriangle

PRIOR_SIZES = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_MATURE = 0.9
_LEVEL_STEPS = {"D": 7, "W": 2}
_MIN_PAST_CELLS = 30
_WORTH = 1.01
"""How much more the reports must have lost than the nowcast before it is preferred to them."""


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
    return _expected(cells, tuning.prior_size[delay])


@dataclass(frozen=True)
class PastNowcasts:
    """Nowcasts as they would have been made, beside what is known now; shape (cell,) each.

    Attributes
    ----------
    delay : ndarray of int
        Delay of the value reported then.
    reported, expected, final, completeness : ndarray
        Reported then, expected then, as it stands now, and how complete it was taken to be.
    occasion, territory : ndarray of int
        Which past moment and which territory a cell belongs to.
    """

    delay: NDArray[np.int64]
    reported: Floats
    expected: Floats
    final: Floats
    completeness: Floats
    occasion: NDArray[np.int64]
    territory: NDArray[np.int64]


def tune_on_past(triangle: ReportingTriangle, *, occasions: int = 20) -> tuple[Tuning, PastNowcasts]:
    """Choose the settings of each delay by the errors of past nowcasts, and give those nowcasts.

    Each past nowcast sees only what was known at its moment; its truth is what is known at the triangle's
    edge, of dates that are nearly complete by now.

    Parameters
    ----------
    triangle : ReportingTriangle
        As known now.
    occasions : int
        At most that many past moments, the newest ones.

    Returns
    -------
    tuning : Tuning
        The choices; defaults at delays with too few past cells.
    past : PastNowcasts
        The past nowcasts under these choices.
    """
    past = _earlier_views(triangle, occasions)
    flat, weekly = (_past_cells(triangle, past, by_weekday) for by_weekday in (False, True))
    best_flat, loss_flat = _tuned(flat, triangle.max_delay, False)
    best_weekly, loss_weekly = _tuned(weekly, triangle.max_delay, True)
    # Seven curves instead of one must earn their keep: two percent, not any gain at all.
    use_weekday = triangle.freq == "D" and loss_weekly < 0.98 * loss_flat
    chosen, tuning = (weekly, best_weekly) if use_weekday else (flat, best_flat)
    expected = expected_final(chosen.cells, tuning)
    known = np.isfinite(chosen.final) & np.isfinite(expected) & (chosen.cells.delay >= 0)
    row, column = np.nonzero(known)
    return tuning, PastNowcasts(
        chosen.cells.delay[known],
        chosen.cells.reported[known],
        expected[known],
        chosen.final[known],
        chosen.cells.completeness[known],
        chosen.occasion[row],
        column.astype(np.int64),
    )


@dataclass(frozen=True)
class _PastCells:
    cells: Cells
    final: Floats
    occasion: NDArray[np.int64]


def _earlier_views(
    triangle: ReportingTriangle, occasions: int
) -> list[tuple[ReportingTriangle, Completeness]]:
    """Give the triangle as it stood at past moments, oldest first, with the completeness learnt from it then."""
    edges = triangle.edges()[:-1][-occasions:]
    views = [triangle.as_known(int(edge)) for edge in edges]
    return [(view, estimate_completeness(view)) for view in views]


def _past_cells(
    triangle: ReportingTriangle, past: list[tuple[ReportingTriangle, Completeness]], by_weekday: bool
) -> _PastCells:
    value, delay = triangle.newest()
    mature = delay >= _mature_delay(estimate_completeness(triangle))
    final = np.where(mature, value, np.nan)
    gathered: list[Cells] = []
    truths, moments = [], []
    for moment, (then, curve) in enumerate(past):
        positions = _incomplete_positions(then)
        seen = cells_at(then, positions, use_weekday=by_weekday, completeness=curve)
        gathered.append(seen)
        # A value nobody has looked at since is not a confirmation of itself.
        truths.append(np.where(delay[positions] > seen.delay, final[positions], np.nan))
        moments.append(np.full(positions.size, moment))
    people = len(triangle.territories)
    if not gathered:
        empty = np.empty((0, people))
        none = Cells(np.empty((0, people), np.int64), empty, empty, empty)
        return _PastCells(none, empty, np.empty(0, np.int64))
    stacked = Cells(
        np.concatenate([c.delay for c in gathered]),
        np.concatenate([c.reported for c in gathered]),
        np.concatenate([c.completeness for c in gathered]),
        np.concatenate([c.level for c in gathered]),
    )
    return _PastCells(stacked, np.concatenate(truths), np.concatenate(moments).astype(np.int64))


def _incomplete_positions(triangle: ReportingTriangle) -> NDArray[np.int64]:
    last = min(triangle.edge, triangle.dates.size - 1)
    return np.arange(max(last - triangle.max_delay + 1, 0), last + 1, dtype=np.int64)


def _mature_delay(curve: Completeness) -> int:
    close = np.abs(curve.pooled - 1.0) <= 0.02
    settled = np.flatnonzero(np.cumprod(close[::-1])[::-1])
    return int(settled[0]) if settled.size else close.size - 1


def _tuned(past: _PastCells, max_delay: int, use_weekday: bool) -> tuple[Tuning, float]:
    size = default_tuning(max_delay).prior_size.copy()
    usable = np.isfinite(past.final) & np.isfinite(past.cells.level) & np.isfinite(past.cells.reported)
    total = 0.0
    for delay in range(max_delay + 1):
        chosen = usable & (past.cells.delay == delay)
        if chosen.sum() < _MIN_PAST_CELLS:
            continue
        c = past.cells
        part = Cells(c.delay[chosen], c.reported[chosen], c.completeness[chosen], c.level[chosen])
        losses = {
            a: _poisson_deviance(past.final[chosen], _expected(part, np.full(part.level.shape, a)))
            for a in PRIOR_SIZES
        }
        reported = _poisson_deviance(past.final[chosen], past.cells.reported[chosen])
        size[delay] = min(losses, key=lambda a: losses[a])
        if reported <= _WORTH * losses[float(size[delay])]:
            size[delay], losses[np.inf] = np.inf, reported
        total += min(losses.values())
    return Tuning(size, use_weekday), total


def _expected(cells: Cells, size: Floats) -> Floats:
    full, level = cells.completeness, np.maximum(cells.level, 1e-6)
    unknown_level = ~np.isfinite(level)
    as_reported = np.isinf(size)
    size = np.where(unknown_level | as_reported, 0.0, size)
    mean = (size + cells.reported) / (size / np.where(unknown_level, 1.0, level) + full)
    # Where a date is over-complete (later revisions go down) there is nothing missing to draw from the level.
    expected = np.where(full >= 1.0, cells.reported / full, cells.reported + mean * (1.0 - full))
    expected = np.where(as_reported, cells.reported, expected)
    return np.where(cells.delay >= 0, expected, cells.level)


def _poisson_deviance(final: Floats, expected: Floats) -> float:
    mean = np.maximum(expected, 0.05)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_part = np.where(final > 0, final * np.log(final / mean), 0.0)
    return float(2.0 * (log_part - (final - mean)).sum())


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
