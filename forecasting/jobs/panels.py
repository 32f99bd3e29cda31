"""From counts in the store to a panel: a regular grid of days, with what is not yet complete left unknown.

A count report stands for itself: it is there or it is not. Individual events trickle in, so a day of them is
complete only once the signal's usual delay has passed since its end, and a day on which their sender was heard
without a case is a zero, not a gap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.jobs.days_off import local_holidays, public_holidays
from forecasting.panel import Panel
from infra.clock import end_of_day
from streams.vocabulary.places import register, zone_of
from streams.vocabulary.signals import signal as signal_of

Floats = NDArray[np.float64]
CALENDAR_AHEAD = np.timedelta64(60, "D")


def make_panel(
    counts: pd.DataFrame,
    places: Sequence[str],
    *,
    by: str,
    origin: date,
    days: int,
    as_of: datetime,
    event_partners: frozenset[str],
    zones: Mapping[str, str],
    lies_in: Mapping[str, str] | None = None,
) -> Panel:
    """Return the daily panel of some places.

    Parameters
    ----------
    counts
        As `streams.store.counts.read_counts` returns them.
    places
        Territories, or facilities when `by` is `facility`.
    by
        `place` or `facility`.
    days
        Length of the grid, which ends on `origin`.
    event_partners
        Partners that send individual events.
    zones
        Civil time zone of each place.
    lies_in
        Territory of each facility.
    """
    daily = counts[(counts["reference_end"] - counts["reference_date"]) == pd.Timedelta(days=1)]
    daily = daily[daily[by].isin(places)]
    keys = daily["signal"] + ":" + daily["syndrome"]
    signals = tuple(sorted(keys.unique()))
    first = np.datetime64(origin, "D") - np.timedelta64(days - 1, "D")
    dates = np.arange(first, np.datetime64(origin, "D") + 1)
    values = np.full((days, len(places), len(signals)), np.nan)
    of_events = np.zeros((len(places), len(signals)), dtype=bool)
    time = (daily["reference_date"].to_numpy().astype("datetime64[D]") - first).astype(int)
    inside = (time >= 0) & (time < days)
    row = pd.Categorical(daily[by], categories=list(places)).codes
    column = pd.Categorical(keys, categories=list(signals)).codes
    values[time[inside], row[inside], column[inside]] = daily["value"].to_numpy(float)[inside]
    sent = daily["partner"].map(lambda p: set(p.split("+")) <= event_partners).to_numpy(bool)
    of_events[row[sent], column[sent]] = True
    _fill_zeros(values, of_events, signals)
    _hide_incomplete(values, of_events, signals, places, origin, as_of, zones)
    return Panel(
        dates=dates,
        freq="D",
        territories=tuple(places),
        signals=signals,
        values=values,
        exists=np.asarray(np.isfinite(values).any(axis=0), dtype=np.bool_),
        as_of=np.datetime64(origin, "D"),
        population=_population(places) if by == "place" else None,
        kinds={s: "count" for s in signals},
        holidays=public_holidays(dates[0], dates[-1] + CALENDAR_AHEAD),
        local_holidays=_local_holidays(places, lies_in or {}, dates[0], dates[-1] + CALENDAR_AHEAD),
    )


def _local_holidays(
    places: Sequence[str], lies_in: Mapping[str, str], first: np.datetime64, last: np.datetime64
) -> dict[str, NDArray[np.datetime64]]:
    """Return the holidays that some places have beside, a facility those of its territory."""
    territories = {place: lies_in.get(place, place) for place in places}
    local = local_holidays(sorted(set(territories.values())), first, last)
    return {place: local[t] for place, t in territories.items() if t in local}


def _fill_zeros(values: Floats, of_events: NDArray[np.bool_], signals: Sequence[str]) -> None:
    """Write a zero where a sender of events was heard on its topic, after a series' first case."""
    topics = np.array([signal_of(s.split(":")[0]).topic for s in signals])
    flows = np.array([signal_of(s.split(":")[0]).kind == "flow" for s in signals])
    for topic in set(topics[flows]):
        columns = np.flatnonzero((topics == topic) & flows)
        for place in range(values.shape[1]):
            mine = columns[of_events[place, columns]]
            heard = np.isfinite(values[:, place, mine]).any(axis=1)
            if not heard.any():
                continue
            last = int(np.flatnonzero(heard)[-1])
            for column in mine:
                series = values[:, place, column]
                first = int(np.flatnonzero(np.isfinite(series))[0])
                gap = np.isnan(series) & heard
                gap[:first] = False
                gap[last + 1 :] = False
                series[gap] = 0.0


def _hide_incomplete(
    values: Floats,
    of_events: NDArray[np.bool_],
    signals: Sequence[str],
    places: Sequence[str],
    origin: date,
    as_of: datetime,
    zones: Mapping[str, str],
) -> None:
    for column, name in enumerate(signals):
        known = signal_of(name.split(":")[0])
        if known.kind != "flow":
            continue
        for place, code in enumerate(places):
            if not of_events[place, column]:
                continue
            back = 0
            while end_of_day(origin - timedelta(days=back), zones[code]) + known.usual_delay > as_of:
                values[len(values) - 1 - back, place, column] = np.nan
                back += 1


def _population(places: Sequence[str]) -> Floats | None:
    known = register()
    if not all(p in known for p in places):
        return None
    return np.array([float(known[p].population) for p in places])


def zones_of(places: Sequence[str], inside: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the civil time zone of each place; of a facility, that of the territory it lies in."""
    return {p: zone_of((inside or {}).get(p, p)) for p in places}
