"""Whether a run is still fed what it was: signals that stopped, leads that moved, delays that changed, strange values.

Each check compares the newest stretch with an earlier one of the same inputs, so it needs no state and every
forecaster that computes a part of the run finds the same. Causes carry the plain name of a signal, as the syndrome
is the target's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.input_checks import (
    Causes,
    changed_delays,
    implausible_values,
    merged,
    moved_lags,
    stale_signals,
)
from forecasting.jobs.completing import Revisions
from forecasting.jobs.forecaster import relevant
from forecasting.jobs.leads import lead_atlas
from forecasting.leadlag import LeadLag
from forecasting.nowcast.delays import Completeness, estimate_completeness
from forecasting.nowcast.triangle import triangle_of_revisions
from forecasting.panel import Panel
from streams.vocabulary.signals import signal as signal_of

Floats = NDArray[np.float64]

LEAD_DAYS, EARLIER_LEAD_DAYS = 140, 260
"""The newest stretch and the one before it, without a day in common; shorter ones follow single waves, whose leads
differ without anything having changed."""
DELAY_DAYS = 14
DELAY_SHIFT = 0.1
"""Share reported by some delay that the newest fortnight must differ by, beyond twice the error of so many events."""
LONGEST_DELAY = 10
LEAST_PAIRS = 60
LONGEST_SILENCE = 2
FORGOTTEN_DAYS = 60
"""What stopped longer ago is no news: models have learnt without it."""


def input_doubts(panel: Panel, target: str | None, revisions: Revisions, seed: int) -> Causes:
    """Return why the inputs of a target are to be doubted, by territory."""
    if target is None:
        return {}
    newest = lead_atlas(panel, target, seed, days=LEAD_DAYS)
    earlier = lead_atlas(panel, target, seed, back=LEAD_DAYS, days=EARLIER_LEAD_DAYS)
    moved = moved_lags([_plain(r) for r in newest], [_plain(r) for r in earlier])
    found = (_stale(panel, target), _implausible(panel, target), moved, _delays(panel, target, revisions))
    return merged(*found)


def _stale(panel: Panel, target: str) -> Causes:
    """Name the signals that stopped coming, whoever sends them.

    A partner that sends nothing at all is told of by its freshness; one that leaves out a signal, or that nobody
    expects anything of, is seen here alone, and here it makes intervals wider.
    """
    names = relevant(panel, target)
    values = np.stack([panel.series(s) for s in names], axis=2)
    exists = np.asarray(np.isfinite(values[-FORGOTTEN_DAYS:]).any(axis=0), dtype=np.bool_)
    plain = [s.split(":")[0] for s in names]
    return stale_signals(
        values,
        exists,
        panel.territories,
        plain,
        {s: _usual_age(s) for s in plain},
        target=target.split(":")[0],
    )


def _usual_age(signal: str) -> int:
    """Return how many days before day 0 a signal's newest day usually lies: yesterday, and its delay in whole days."""
    return 1 + ceil(signal_of(signal).usual_delay / timedelta(days=1))


def _implausible(panel: Panel, target: str) -> Causes:
    names = relevant(panel, target)
    values = np.stack([panel.series(s) for s in names], axis=2)
    plain = [s.split(":")[0] for s in names]
    return implausible_values(values, panel.territories, plain, target=target.split(":")[0])


def _plain(row: LeadLag) -> LeadLag:
    return replace(row, signal=row.signal.split(":")[0])


def _delays(panel: Panel, target: str, revisions: Revisions) -> Causes:
    """Compare the completeness by delay of the last weeks with that of the time before."""
    table = revisions.table
    today = panel.dates[-1]
    found: list[Causes] = []
    for name in relevant(panel, target):
        rows = table[table["signal"] == name]
        days = rows["date"].to_numpy().astype("datetime64[D]")
        if len(rows) == 0 or not _is_told_daily(rows["reported_at"].to_numpy()):
            continue
        recent = days > today - DELAY_DAYS
        curves = [_curve(rows[part], panel.territories, today) for part in (recent, ~recent)]
        now, before = curves
        if now is not None and before is not None:
            shift = DELAY_SHIFT + 2.0 * _counting_error(panel, name)
            found.append(changed_delays(now, before, panel.territories, name.split(":")[0], tolerance=shift))
    return merged(*found)


def _counting_error(panel: Panel, name: str) -> Floats:
    """Return the largest standard error of a share of the newest fortnight's events, shape (territory,)."""
    events = np.nansum(panel.series(name)[-DELAY_DAYS:], axis=0)
    error: Floats = 0.5 / np.sqrt(np.maximum(events, 1.0))
    return error


def _is_told_daily(reported: NDArray[Any]) -> bool:
    """Whether reports came nearly every day: between extracts taken now and then, nobody looked."""
    days = np.unique(reported.astype("datetime64[D]"))
    return len(days) > DELAY_DAYS and int(np.diff(days).astype(int)[-DELAY_DAYS:].max()) <= LONGEST_SILENCE


def _curve(rows: pd.DataFrame, territories: Sequence[str], today: np.datetime64) -> Floats | None:
    """Return the completeness by delay of some rows, shape (delay, territory); None where too little was revised."""
    if len(rows) == 0:
        return None
    triangle = triangle_of_revisions(
        rows["date"].to_numpy(),
        rows["reported_at"].to_numpy(),
        rows["territory"].to_numpy(),
        rows["value"].to_numpy(),
        str(today - 1),
        max_delay=LONGEST_DELAY,
    )
    learnt: Completeness = estimate_completeness(triangle)
    if learnt.pairs < LEAST_PAIRS:
        return None
    place = {code: i for i, code in enumerate(triangle.territories)}
    # A territory that is not told of there has the pooled curve on both sides, and so no change of its own.
    columns = [learnt.by_territory[:, place[t]] if t in place else learnt.pooled for t in territories]
    return np.stack(columns, axis=1)
