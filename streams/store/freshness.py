"""Freshness: how far each partner's news reaches, and whether it is late or silent.

A count report is due one period after the last one, plus the signal's usual delay. Individual events come at
all hours, so a partner that sends them is judged by its newest event of any signal: a small hospital may well
see no critical admission for days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, LiteralString

from infra.clock import end_of_day
from infra.database import Connection
from streams.store.partners import agreements_in_force
from streams.vocabulary.places import zone_of
from streams.vocabulary.signals import signal as signal_of

State = Literal["fresh", "late", "silent"]

_EVENTS_LATE = timedelta(hours=24)
_EVENTS_SILENT = timedelta(hours=72)

# Yearly counts are told well into the next year; a partner whose events stopped months ago has gone.
_REPORTS_SINCE = timedelta(days=1100)
_EVENTS_SINCE = timedelta(days=100)
_UNTIL = timedelta(days=400)

_NEWEST: LiteralString = """
    SELECT partner, signal, individual, max(reference_date),
           max(reference_end) - max(reference_date), max(reported)
    FROM observation
    WHERE place = %(place)s AND signal = ANY(%(signals)s) AND reported <= %(as_of)s
      AND individual = %(individual)s AND reference_date >= %(start)s AND reference_date <= %(end)s
    GROUP BY partner, signal, individual
"""


@dataclass(frozen=True)
class Freshness:
    """How fresh one partner's signal is.

    Attributes
    ----------
    newest_reference
        Last civil day it tells something about; None when nothing is known.
    newest_reported
        When the newest report became known.
    state
        `late` when a report is due and not there, `silent` when it has been for days.
    """

    partner: str
    signal: str
    newest_reference: date | None
    newest_reported: datetime | None
    state: State


def read_freshness(connection: Connection, place: str, as_of: datetime) -> list[Freshness]:
    """Read how fresh each partner's signals of a territory were, as known at a moment.

    Partners are those heard in the last three years (of events: in the last hundred days), and those whose
    agreement names the territory.
    """
    agreements = {key: known.agreement for key, known in agreements_in_force(connection).items()}
    expected = {
        (agreement.key, name)
        for agreement in agreements.values()
        if place in agreement.places and not agreement.ended
        for name in agreement.signals
    }
    signals = sorted({name for agreement in agreements.values() for name in agreement.signals})
    rows = _newest(connection, place, signals, as_of)
    heard: dict[str, datetime] = {}
    for partner, _, individual, _, _, reported in rows:
        if individual:
            heard[partner] = max(heard.get(partner, reported), reported)
    found = {
        (partner, name): Freshness(
            partner,
            name,
            reference,
            reported,
            _state_of_events(heard[partner], as_of)
            if individual
            else _state_of_reports(name, place, reference, period, as_of),
        )
        for partner, name, individual, reference, period, reported in rows
    }
    for partner, name in expected - found.keys():
        state = _state_of_events(heard[partner], as_of) if partner in heard else "silent"
        found[partner, name] = Freshness(partner, name, None, None, state)
    return [found[key] for key in sorted(found)]


def _newest(connection: Connection, place: str, signals: list[str], as_of: datetime) -> list[tuple[Any, ...]]:
    """Return the newest report of each partner and signal, of events apart: they are told for less long."""
    found: list[tuple[Any, ...]] = []
    for individual, since in ((False, _REPORTS_SINCE), (True, _EVENTS_SINCE)):
        asked = {
            "place": place,
            "signals": signals,
            "as_of": as_of,
            "individual": individual,
            "start": (as_of - since).date(),
            "end": (as_of + _UNTIL).date(),
        }
        found += connection.execute(_NEWEST, asked).fetchall()
    return found


def _state_of_events(newest: datetime, as_of: datetime) -> State:
    age = as_of - newest
    if age <= _EVENTS_LATE:
        return "fresh"
    return "late" if age <= _EVENTS_SILENT else "silent"


def _state_of_reports(name: str, place: str, reference: date, period_days: int, as_of: datetime) -> State:
    next_end = reference + timedelta(days=2 * period_days - 1)
    due = end_of_day(next_end, zone_of(place)) + signal_of(name).usual_delay
    if as_of <= due:
        return "fresh"
    return "late" if as_of <= due + timedelta(days=max(3, 2 * period_days)) else "silent"
