"""A week of events with corrections, moves and cancellations, and a plain count of what they come to."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from streams.envelope import Envelope

MONDAY = datetime(2020, 9, 7, tzinfo=UTC)
LATER = datetime(2020, 12, 1, tzinfo=UTC)
_SYNDROMES = ("covid", "influenza", "gastroenteritis", None)


def call(world: str, number: int, occurred: datetime, **more: object) -> Envelope:
    content: dict[str, object] = {
        "event_id": f"call-{number}",
        "source_version": occurred + timedelta(hours=1),
        "kind": "insert",
        "world": world,
        "partner": "sos",
        "signal": "sos_calls",
        "code": _SYNDROMES[number % 4],
        "code_system": "meteo" if _SYNDROMES[number % 4] else None,
        "place": "44",
        "age_band": ("0-14", "15-44", "75+")[number % 3],
        "reference_start": occurred,
        "reported": occurred + timedelta(hours=2),
        "reported_basis": "stated",
        "simulated": True,
    }
    return Envelope.model_validate(content | more)


def count_report(world: str, day: date, value: float, version: datetime, **more: object) -> Envelope:
    content: dict[str, object] = {
        "event_id": f"lab_positives|covid|44|all|{day}",
        "source_version": version,
        "kind": "insert",
        "world": world,
        "partner": "lab",
        "signal": "lab_positives",
        "code": "covid",
        "code_system": "meteo",
        "place": "44",
        "reference_start": day,
        "value": value,
        "unit_of_measure": "tests",
        "reported": version,
        "reported_basis": "stated",
    }
    return Envelope.model_validate(content | more)


def movement(world: str, stay: int, signal: str, occurred: datetime, unit: str, **more: object) -> Envelope:
    content: dict[str, object] = {
        "event_id": f"stay-{stay}-{signal}-{occurred:%m%d%H%M}",
        "source_version": occurred,
        "kind": "insert",
        "world": world,
        "partner": "chu",
        "key_id": "k1",
        "stay_token": f"{stay:064d}",
        "signal": signal,
        "code": "covid",
        "code_system": "meteo",
        "place": "44",
        "facility": "440000271",
        "unit": f"440000271:{unit}",
        "reference_start": occurred,
        "reported": occurred + timedelta(hours=1),
        "reported_basis": "stated",
    }
    return Envelope.model_validate(content | more)


def week_of_events(world: str, *, calls: int = 1500, seed: int = 7) -> list[Envelope]:
    """Return events of a week: one call in ten is corrected, one in twenty moved a day, one in thirty cancelled."""
    rng = random.Random(seed)
    events: list[Envelope] = []
    for number in range(calls):
        occurred = MONDAY + timedelta(seconds=rng.randrange(7 * 86400))
        events.append(call(world, number, occurred))
        version = occurred + timedelta(days=2, seconds=rng.randrange(86400))
        revised = {"source_version": version, "reported": version, "kind": "update"}
        if number % 10 == 0:
            events.append(call(world, number, occurred, code="bronchiolitis", code_system="meteo", **revised))
        if number % 20 == 1:
            events.append(call(world, number, occurred - timedelta(days=1), **revised))
        if number % 30 == 2:
            events.append(call(world, number, occurred, **(revised | {"kind": "cancel"})))
    for stay in range(calls // 20):
        came = MONDAY + timedelta(seconds=rng.randrange(5 * 86400))
        events.append(movement(world, stay, "admissions", came, "medecine"))
        if stay % 3 == 0:
            events.append(movement(world, stay, "transfers", came + timedelta(hours=10), "rea-medicale"))
        if stay % 2 == 0:
            events.append(movement(world, stay, "discharges", came + timedelta(hours=30), "medecine"))
    for number in range(7):
        day = (MONDAY + timedelta(days=number)).date()
        first = MONDAY + timedelta(days=number + 2)
        events += [
            count_report(world, day, 10 + number + step, first + timedelta(days=step)) for step in range(3)
        ]
    return events


def latest(events: Iterable[Envelope], as_of: datetime) -> list[Envelope]:
    """Return what stands of each event at a moment, by the plain rule."""
    newest: dict[tuple[str, str], Envelope] = {}
    for event in sorted(events, key=lambda e: e.source_version):
        if event.reported <= as_of:
            newest[event.partner, event.event_id] = event
    return [event for event in newest.values() if event.kind != "cancel"]


def daily(events: Iterable[Envelope], signal: str, syndrome: str, as_of: datetime) -> dict[date, float]:
    """Return the counts by day at a moment, by the plain rule; days without any event of the signal are absent."""
    standing = [e for e in latest(events, as_of) if e.signal == signal]
    counts: defaultdict[date, float] = defaultdict(float)
    for event in standing:
        ours = (syndrome == "all" and event.individual) or (event.code or "other") == syndrome
        counts[event.reference_date] += event.value if ours else 0.0
    return dict(counts)
