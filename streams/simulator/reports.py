"""Count reports: the same world as its partners would have aggregated it, with the times they became known.

Every morning at 7:30 each partner reports, for each of its signals and causes, the days whose counts changed since the
last report: a day is first reported the next morning and grows as late events come in, so the reports make the
reporting triangle that the individual events make. A report of a partner, signal, cause and day is read instead of
that partner's individual events of the day, so that individual stays may be told for days that reports cover.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from streams.envelope import Envelope
from streams.simulator.events import (
    CANCEL,
    INSERT,
    SIGNALS,
    UPDATE,
    Events,
    after_outages,
    individual_events,
    join,
    stay_events,
)
from streams.simulator.simulation import Simulation
from streams.simulator.stays import HOUR
from streams.vocabulary.signals import signal as signal_named

MORNING = 7 * HOUR + HOUR // 2
# A report later than this many days after its day would be a fault of the simulator.
_TICKS = 128
_CHUNK_DAYS = 60
_LONGEST_STAY_DAYS = 150


@dataclass(frozen=True)
class Reports:
    """Revisions of daily counts, each attribute of shape (reports,), in the order of series, day and report.

    Attributes
    ----------
    partner, signal, syndrome, day
        Indices; the syndrome after the last one means every cause, days are positions in the calendar.
    reported
        Seconds since 1970 (UTC).
    value
        Count known from then on.
    first
        Whether it is the first report of its day.
    final_only
        Whether it tells the final count at once, its growth not being told.
    """

    partner: np.ndarray
    signal: np.ndarray
    syndrome: np.ndarray
    day: np.ndarray
    reported: np.ndarray
    value: np.ndarray
    first: np.ndarray
    final_only: np.ndarray


_DAYS = 1 << 16


def growing_reports(simulation: Simulation) -> Reports:
    """Return the reports of the days of a simulation, each day growing as its late events came in."""
    causes, first = len(simulation.syndromes), simulation.first
    keys, changes = _with_every_cause(*_changes(simulation), causes)
    base_keys, base = _first_mornings(simulation)
    keys = np.concatenate([keys, base_keys])
    changes = np.concatenate([changes, np.zeros(len(base_keys), np.int64)])
    series, tick = keys // _TICKS, keys % _TICKS
    tick = np.maximum(tick, base[series % _DAYS - first, series // _DAYS // (causes + 1) // len(SIGNALS)])
    keys, where = np.unique(series * _TICKS + tick, return_inverse=True)
    added = np.bincount(where, weights=changes.astype(float)).astype(np.int64)
    series = keys // _TICKS
    begins = np.concatenate([[True], series[1:] != series[:-1]])
    running = np.cumsum(added)
    of_each = np.diff(np.append(np.flatnonzero(begins), len(keys)))
    value = running - np.repeat((running - added)[begins], of_each)
    kept = begins | (added != 0)
    return _reports(simulation, keys[kept], value[kept], begins[kept], final_only=False)


def final_reports(simulation: Simulation) -> Reports:
    """Return one report of each day of a simulation, with its final count, on the first morning."""
    keys, _ = _first_mornings(simulation)
    keys = np.sort(keys)
    causes = len(simulation.syndromes)
    day, rest = keys // _TICKS % _DAYS, keys // _TICKS // _DAYS
    partner, name, cause = (
        rest // (causes + 1) // len(SIGNALS),
        rest // (causes + 1) % len(SIGNALS),
        rest % (causes + 1),
    )
    by_cause = simulation.daily[day, partner, name]
    value = np.where(
        cause == causes,
        by_cause.sum(axis=1),
        np.take_along_axis(by_cause, np.minimum(cause, causes - 1)[:, None], axis=1)[:, 0],
    )
    return _reports(simulation, keys, value, np.ones(len(keys), bool), final_only=True)


def _reports(
    simulation: Simulation, keys: np.ndarray, value: np.ndarray, first: np.ndarray, *, final_only: bool
) -> Reports:
    causes = len(simulation.syndromes)
    tick, day, rest = keys % _TICKS, keys // _TICKS % _DAYS, keys // _TICKS // _DAYS
    return Reports(
        partner=rest // (causes + 1) // len(SIGNALS),
        signal=rest // (causes + 1) % len(SIGNALS),
        syndrome=rest % (causes + 1),
        day=day,
        reported=simulation.calendar.midnights[day + tick] + MORNING,
        value=value,
        first=first,
        final_only=np.full(len(keys), final_only),
    )


def _changes(simulation: Simulation) -> tuple[np.ndarray, np.ndarray]:
    """Return, as keys of (series, day, morning) and changes, how each event adds to its day or leaves it."""
    first, last = simulation.first, simulation.last
    keys, changes = [], []
    for a in range(max(first - _LONGEST_STAY_DAYS, 0), last, _CHUNK_DAYS):
        b = min(a + _CHUNK_DAYS, last)
        came = (simulation.stays.day >= a) & (simulation.stays.day < b)
        tables = [stay_events(simulation.scenario, simulation.stays.take(came), simulation.calendar)]
        if b > first:
            tables.append(
                individual_events(
                    simulation.scenario, simulation.counts, max(a, first), b, simulation.calendar
                )
            )
        for key, change in _of_events(simulation, join(tables)):
            keys.append(key)
            changes.append(change)
    return np.concatenate(keys), np.concatenate(changes)


def _of_events(simulation: Simulation, events: Events) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield keys and changes: an insertion adds, a correction moves from a cause to another, a cancellation takes."""
    calendar, causes = simulation.calendar, len(simulation.syndromes)
    day = calendar.civil_index(events.occurred)
    inside = (day >= simulation.first) & (day < simulation.last)
    events, day = events.take(inside), day[inside]
    tick = _morning_after(simulation, events.partner, events.reported) - day
    seen_as = np.where(events.syndrome == causes - 1, causes - 2, causes - 1)

    def keys_of(syndrome: np.ndarray) -> np.ndarray:
        series = (events.partner * len(SIGNALS) + events.signal) * (causes + 1) + syndrome
        packed: np.ndarray = (series * _DAYS + day) * _TICKS + tick
        return packed

    sign = np.select([events.kind == CANCEL, events.kind >= INSERT], [-1, 1])
    yield keys_of(events.syndrome), sign
    moved = events.kind == UPDATE
    yield keys_of(seen_as)[moved], np.full(int(moved.sum()), -1)


def _morning_after(simulation: Simulation, partner: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """Return the position of the first civil day whose report holds what was known at `moment`."""
    calendar = simulation.calendar
    morning = calendar.civil_index(moment - MORNING) + 1
    # A report due while the partner is cut off leaves the first morning after.
    due = calendar.midnights[morning] + MORNING
    sent = after_outages(simulation.scenario, calendar, partner, due)
    later: np.ndarray = np.where(sent == due, morning, calendar.civil_index(sent - MORNING - 1) + 1)
    return later


def _with_every_cause(keys: np.ndarray, changes: np.ndarray, causes: int) -> tuple[np.ndarray, np.ndarray]:
    """Add the series of every cause together."""
    rest, tail = keys // (_DAYS * _TICKS), keys % (_DAYS * _TICKS)
    every = (rest // (causes + 1) * (causes + 1) + causes) * _DAYS * _TICKS + tail
    return np.concatenate([keys, every]), np.concatenate([changes, changes])


def _first_mornings(simulation: Simulation) -> tuple[np.ndarray, np.ndarray]:
    """Return a key for each series and day at its first report, and that morning, shape (days, partners)."""
    days, causes = np.arange(simulation.first, simulation.last), len(simulation.syndromes)
    partners = simulation.scenario.partners
    base = np.empty((len(days), len(partners)), np.int64)
    keys = []
    for p, partner in enumerate(partners):
        end_of_day = simulation.calendar.midnights[days + 1]
        base[:, p] = _morning_after(simulation, np.full(len(days), p), end_of_day) - days
        for name in partner.signals:
            for cause in range(causes + 1):
                if name.startswith("lab_") and cause == causes - 1:
                    continue
                series = (p * len(SIGNALS) + SIGNALS.index(name)) * (causes + 1) + cause
                keys.append((series * _DAYS + days) * _TICKS + base[:, p])
    return np.concatenate(keys), base


def report_envelopes(simulation: Simulation, reports: Reports, world: str) -> list[Envelope]:
    """Return the reports as envelopes, in the order they became known."""
    scenario = simulation.scenario
    syndromes = (*simulation.syndromes, "all")
    dates = simulation.calendar.dates
    order = np.lexsort((reports.syndrome, reports.signal, reports.partner, reports.day, reports.reported))
    columns = (
        reports.partner,
        reports.signal,
        reports.syndrome,
        reports.day,
        reports.reported,
        reports.value,
        reports.first,
        reports.final_only,
    )
    out = []
    for p, s, c, d, reported, value, first, final_only in zip(
        *(a[order].tolist() for a in columns), strict=True
    ):
        partner, day, known = scenario.partners[p], dates[d], datetime.fromtimestamp(reported, UTC)
        finess = partner.facility.finess if partner.facility else None
        out.append(
            Envelope(
                event_id=f"{finess or scenario.territory}|{day}|{SIGNALS[s]}|{syndromes[c]}",
                source_version=known,
                kind="insert" if first else "update",
                world=world,
                partner=partner.key,
                signal=SIGNALS[s],
                code=syndromes[c],
                code_system="meteo",
                place=scenario.territory,
                facility=finess,
                reference_start=day,
                reference_end=day + timedelta(days=1),
                value=value,
                unit_of_measure=signal_named(SIGNALS[s]).unit,
                reported=known,
                reported_basis="assumed" if final_only else "stated",
                simulated=True,
            )
        )
    return out
