"""Deciding whether a run is due now, and which: a pure function of the time and of what was done.

A missed cycle is run once, with its own as-of. Where many were missed (a machine that slept, a world that runs
faster than forecasts are made) only the newest is run and the others are named in the log: their bulletins would
have ended before they were issued.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from forecasting.jobs.cycles import Cycle, cycles_between, latest_due, next_due, unscheduled
from forecasting.run import Reason

DATA_RUN_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class Due:
    """A run that is due.

    Attributes
    ----------
    passed_over
        Missed cycles that are not run any more.
    """

    cycle: Cycle
    reason: Reason
    passed_over: tuple[Cycle, ...] = ()


def cycle_due(now: datetime, last: datetime | None, times: Sequence[str], zone: str) -> Due | None:
    """Return the cycle to run, if one is due.

    Parameters
    ----------
    last
        Moment of the newest cycle that was run, None before the first.
    """
    newest = latest_due(now, times, zone)
    if last is not None and newest.moment <= last:
        return None
    missed = cycles_between(last, now, times, zone) if last is not None else [newest]
    # Half-way to the next cycle its bulletin is old news: it is then told to be catching up.
    half = (next_due(now, times, zone).moment - newest.moment) / 2
    late = now - newest.moment > half or len(missed) > 1
    return Due(newest, "catch-up" if late else "cycle", tuple(missed[:-1]))


def data_due(now: datetime, last_run: datetime | None, material: bool, zone: str) -> Due | None:
    """Return the run that material new data asks for: at most one an hour, counted from any run.

    Parameters
    ----------
    last_run
        As-of of the newest run for whatever reason.
    material
        Whether news came that may change what is said.
    """
    if not material or (last_run is not None and now - last_run < DATA_RUN_EVERY):
        return None
    return Due(unscheduled(now, zone), "data")
