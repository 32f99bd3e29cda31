"""Choosing how much a territory's level counts in its nowcasts, by the errors of past ones.

The strength ``a`` of :mod:`.point` is chosen for each delay by the Poisson deviance of past nowcasts made from what
was known then (deviance because it is consistent for a mean; absolute error would prefer "nothing missing", as most
revisions are nil and a few large),

    D = 2 sum( y log(y / m) - (y - m) ),

``y`` the final value and ``m`` the expected one; and so is whether completeness departs by weekday. Where past values
taken as reported came nearer than any of these, they are taken as reported (``a`` is infinite): where little is
revised, a nowcast must not do harm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.nowcast.delays import Completeness, estimate_completeness
from forecasting.nowcast.point import (
    Cells,
    Tuning,
    cells_at,
    default_tuning,
    expected_final,
    expected_with_prior,
)
from forecasting.nowcast.triangle import Floats, ReportingTriangle

PRIOR_SIZES = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_MIN_PAST_CELLS = 30
_WORTH = 1.01
"""How much more the reports must have lost than the nowcast before it is preferred to them."""


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
            a: _poisson_deviance(past.final[chosen], expected_with_prior(part, np.full(part.level.shape, a)))
            for a in PRIOR_SIZES
        }
        reported = _poisson_deviance(past.final[chosen], past.cells.reported[chosen])
        size[delay] = min(losses, key=lambda a: losses[a])
        if reported <= _WORTH * losses[float(size[delay])]:
            size[delay], losses[np.inf] = np.inf, reported
        total += min(losses.values())
    return Tuning(size, use_weekday), total


def _poisson_deviance(final: Floats, expected: Floats) -> float:
    mean = np.maximum(expected, 0.05)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_part = np.where(final > 0, final * np.log(final / mean), 0.0)
    return float(2.0 * (log_part - (final - mean)).sum())
