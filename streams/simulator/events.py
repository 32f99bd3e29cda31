"""Individual events as columns: what occurred, when it became known, how it was corrected or cancelled.

An event is first reported after its partner's delay. A small share is coded wrongly and corrected later (`update`),
another was entered by error and is withdrawn (`cancel`). While a partner is cut off nothing leaves it; the events
that would have left come in the hours after it is back, in their order.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from streams.simulator.civil_days import CivilDays
from streams.simulator.delays import lognormal_seconds, pick
from streams.simulator.observation import OTHER, STAY_KINDS, Counts
from streams.simulator.partners import CRITICAL, EMERGENCY, UNIT_NAMES, Lateness
from streams.simulator.randomness import generator, uniforms
from streams.simulator.scenario import Scenario
from streams.simulator.stays import (
    HOUR,
    OTHER_AGES,
    Stays,
    age_index,
    arrival_seconds,
)

SIGNALS = (
    "sos_calls",
    "samu_calls",
    "lab_tests",
    "lab_positives",
    "ed_visits",
    "ed_hospitalisations",
    "admissions",
    "critical_admissions",
    "transfers",
    "discharges",
    "deaths",
)
KINDS = ("insert", "update", "cancel")
INSERT, UPDATE, CANCEL = range(3)
# Last letter of the event's number: which part of the call, test or stay it is.
PARTS = ("", "T", "P", "V", "O", "A", "M1", "M2", "C1", "C2", "D", "X")
_PART = {part: i for i, part in enumerate(PARTS)}
_MORNING = 6 * HOUR
_CATCH_UP = 3 * HOUR
_COLUMNS = 9
# Nothing becomes known, corrected or withdrawn later than this after it occurred, outages of weeks included.
LATEST_DAYS = 60


@dataclass(frozen=True)
class Events:
    """Rows of events, each attribute of shape (events,).

    Attributes
    ----------
    occurred, reported
        Seconds since 1970 (UTC).
    partner, signal, unit, age
        Indices in the scenario's partners, `SIGNALS`, `UNIT_NAMES` (-1: none) and the age bands.
    syndrome
        Index in the scenario's diseases, the number of diseases meaning other causes.
    female
        Sex.
    day, number, part
        Position of the day and rank in it of the call, test, visit or stay, and index in `PARTS`.
    stay
        0 for an event without stay, 1 for a visit that goes home, 2 for a stay.
    kind
        Index in `KINDS`.
    """

    occurred: np.ndarray
    reported: np.ndarray
    partner: np.ndarray
    signal: np.ndarray
    unit: np.ndarray
    age: np.ndarray
    syndrome: np.ndarray
    female: np.ndarray
    day: np.ndarray
    number: np.ndarray
    part: np.ndarray
    stay: np.ndarray
    kind: np.ndarray

    def __len__(self) -> int:
        return len(self.occurred)

    def take(self, which: np.ndarray) -> Events:
        """Return the rows chosen by a mask or by positions."""
        return Events(*(getattr(self, f.name)[which] for f in fields(self)))

    def in_order(self) -> Events:
        """Return the rows by the time they became known; ties by number, so that the order is one."""
        keys = (
            self.kind,
            self.part,
            self.number,
            self.day,
            self.stay,
            self.partner,
            self.occurred,
            self.reported,
        )
        return self.take(np.lexsort(keys))


def join(tables: list[Events]) -> Events:
    """Return the rows of several tables."""
    return Events(*(np.concatenate([getattr(t, f.name) for t in tables]) for f in fields(Events)))


def individual_events(
    scenario: Scenario, counts: Counts, first: int, last: int, calendar: CivilDays
) -> Events:
    """Return the calls, tests and visits without admission of the days [first, last), with their revisions."""
    chosen = [i for i, cell in enumerate(counts.cells) if cell.kind not in STAY_KINDS]
    numbers = counts.drawn[first:last, chosen]
    per_day = numbers.sum(axis=1)
    day = np.repeat(np.arange(first, last), per_day)
    cell = np.repeat(np.tile(np.arange(len(chosen)), last - first), numbers.ravel())
    u = uniforms(scenario.seed, "individuals", counts.days.ordinal + first, per_day, _COLUMNS)
    cells = [counts.cells[i] for i in chosen]
    kinds = np.array([SIGNALS.index(_signal_of(c.kind)) for c in cells])
    causes = [*(d.key for d in scenario.parameters.diseases), OTHER]
    ages = {d.key: d.ages for d in scenario.parameters.diseases} | {OTHER: OTHER_AGES}
    visit = np.array([c.kind == "ed_home" for c in cells])[cell]
    signal = kinds[cell]
    base = Events(
        occurred=calendar.instant(day, _hour_of(signal, u[:, 0])),
        reported=np.zeros(len(day), np.int64),
        partner=np.array([c.partner for c in cells])[cell],
        signal=signal,
        unit=np.where(visit, UNIT_NAMES.index(EMERGENCY), -1),
        age=age_index(u[:, 1], np.array([ages[c.syndrome] for c in cells])[cell]),
        syndrome=np.array([causes.index(c.syndrome) for c in cells])[cell],
        female=u[:, 2] < 0.52,
        day=day,
        number=np.arange(len(day)) - np.repeat(np.cumsum(per_day) - per_day, per_day),
        part=np.select([visit, signal == SIGNALS.index("lab_tests")], [_PART["V"], _PART["T"]], 0),
        stay=visit.astype(np.int64),
        kind=np.zeros(len(day), np.int64),
    )
    base = replace(base, reported=_reported(scenario, calendar, base, u[:, 3:6]))
    revised = _with_revisions(scenario, calendar, base, u[:, 6], u[:, 7], u[:, 8])
    positive = np.array([c.kind == "lab_positives" for c in cells])[cell]
    found = replace(
        base.take(positive),
        signal=np.full(int(positive.sum()), SIGNALS.index("lab_positives")),
        part=np.full(int(positive.sum()), _PART["P"]),
    )
    return join([revised, found])


def stay_events(scenario: Scenario, stays: Stays, calendar: CivilDays) -> Events:
    """Return every movement of the given stays, with their revisions."""
    tables = []
    critical = UNIT_NAMES.index(CRITICAL)
    came, emergency = stays.arrival >= 0, np.full(len(stays), UNIT_NAMES.index(EMERGENCY))
    tables.append(_movement(stays, "ed_visits", "V", stays.arrival, emergency, came))
    tables.append(_movement(stays, "ed_hospitalisations", "O", stays.arrival, emergency, came))
    everyone = np.ones(len(stays), bool)
    tables.append(_movement(stays, "admissions", "A", stays.times[:, 0], stays.units[:, 0], everyone))
    for k in (1, 2):
        there = stays.times[:, k] >= 0
        tables.append(_movement(stays, "transfers", f"M{k}", stays.times[:, k], stays.units[:, k], there))
    for k, part in ((0, "C1"), (1, "C2")):
        there = (stays.times[:, k] >= 0) & (stays.units[:, k] == critical)
        tables.append(
            _movement(stays, "critical_admissions", part, stays.times[:, k], stays.units[:, k], there)
        )
    last_unit = np.where(stays.units[:, 2] >= 0, stays.units[:, 2], stays.units[:, 1])
    last_unit = np.where(last_unit >= 0, last_unit, stays.units[:, 0])
    tables.append(_movement(stays, "discharges", "D", stays.end, last_unit, ~stays.died))
    tables.append(_movement(stays, "deaths", "X", stays.end, last_unit, stays.died))
    events = join(tables)
    u = _per_event_uniforms(scenario, stays, events)
    reported = _reported(scenario, calendar, events, u[:, 0:3])
    # An admission decided in the emergency department is known once the patient has left it.
    decided = events.signal == SIGNALS.index("ed_hospitalisations")
    entered = np.concatenate([stays.times[came, 0], stays.times[came, 0], events.occurred[2 * came.sum() :]])
    events = replace(events, reported=np.where(decided, np.maximum(reported, entered), reported))
    revisable = np.isin(events.signal, [SIGNALS.index("admissions"), SIGNALS.index("ed_visits")])
    return _with_revisions(
        scenario,
        calendar,
        events,
        np.where(revisable, u[:, 3], 1.0),
        np.where(revisable, u[:, 4], 1.0),
        u[:, 5],
    )


def _movement(
    stays: Stays, signal: str, part: str, moment: np.ndarray, unit: np.ndarray, there: np.ndarray
) -> Events:
    n = int(there.sum())
    zero = np.zeros(n, np.int64)
    return Events(
        occurred=moment[there],
        reported=zero,
        partner=stays.partner[there],
        signal=zero + SIGNALS.index(signal),
        unit=unit[there],
        age=stays.age[there],
        syndrome=stays.syndrome[there],
        female=stays.female[there],
        day=stays.day[there],
        number=stays.number[there],
        part=zero + _PART[part],
        stay=zero + 2,
        kind=zero,
    )


def _per_event_uniforms(scenario: Scenario, stays: Stays, events: Events) -> np.ndarray:
    """Return six uniforms for each event, from its stay's day and its part, whatever stays are asked for."""
    width = len(PARTS) * 6
    out = np.empty((len(events), 6))
    order = np.argsort(events.day, kind="stable")
    days, starts = np.unique(events.day[order], return_index=True)
    ordinal = stays.first_ordinal
    for day, rows in zip(days, np.split(order, starts[1:]), strict=True):
        count = int(events.number[rows].max()) + 1
        block = generator(scenario.seed, "reports", ordinal + int(day)).random((count, width))
        block = block.reshape(count, len(PARTS), 6)
        out[rows] = block[events.number[rows], events.part[rows]]
    return out


def _signal_of(kind: str) -> str:
    return {"lab_positives": "lab_tests", "lab_negatives": "lab_tests", "ed_home": "ed_visits"}.get(
        kind, kind
    )


def _hour_of(signal: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return seconds after midnight: laboratories sample from 7:00 to 12:00, the rest follows the day's profile."""
    lab = signal == SIGNALS.index("lab_tests")
    return np.where(lab, 7 * HOUR + (u * 5 * HOUR).astype(np.int64), arrival_seconds(u))


def _reported(scenario: Scenario, calendar: CivilDays, events: Events, u: np.ndarray) -> np.ndarray:
    """Return when each event first becomes known; `u` has three uniforms each."""
    out = np.zeros(len(events), np.int64)
    for index, partner in enumerate(scenario.partners):
        for key in partner.signals:
            rows = np.flatnonzero((events.partner == index) & (events.signal == SIGNALS.index(key)))
            if len(rows):
                out[rows] = _late(partner.lateness_of(key), calendar, events.occurred[rows], u[rows])
    return after_outages(scenario, calendar, events.partner, out)


def _late(lateness: Lateness, calendar: CivilDays, occurred: np.ndarray, u: np.ndarray) -> np.ndarray:
    ready: np.ndarray = occurred + pick(lognormal_seconds(lateness.hours, lateness.cv, 240.0), u[:, 0])
    if not lateness.batch:
        return ready
    missed = np.searchsorted(np.cumsum(lateness.late)[:-1], u[:, 1], side="right")
    morning = calendar.midnights[calendar.civil_index(ready) + 1 + missed] + _MORNING
    sent: np.ndarray = morning + (u[:, 2] * HOUR).astype(np.int64)
    return sent


def after_outages(
    scenario: Scenario, calendar: CivilDays, partner: np.ndarray, moment: np.ndarray
) -> np.ndarray:
    """Return the moments with those that fall in an outage of their partner put into its catch-up."""
    out = moment
    for outage in scenario.parameters.outages:
        index = [p.key for p in scenario.partners].index(outage.partner)
        a, b = calendar.index(outage.start), calendar.index(outage.end)
        if b < 0 or a >= calendar.length:
            continue
        begin, finish = calendar.midnights[max(a, 0)], calendar.midnights[min(b, calendar.length)]
        cut = (partner == index) & (out >= begin) & (out < finish)
        through = (out - begin) / (finish - begin)
        out = np.where(cut, finish + _MORNING + (through * _CATCH_UP).astype(np.int64), out)
    return out


def _with_revisions(
    scenario: Scenario,
    calendar: CivilDays,
    events: Events,
    wrong: np.ndarray,
    double: np.ndarray,
    wait: np.ndarray,
) -> Events:
    """Return the events with wrong codes corrected later, and with entries made by error then withdrawn."""
    rules = scenario.parameters
    other = len(rules.diseases)
    coded = ~np.isin(events.signal, [SIGNALS.index("lab_tests"), SIGNALS.index("lab_positives")])
    miscoded = coded & (wrong < rules.correction)
    seen_as = np.where(events.syndrome == other, other - 1, other)
    first = replace(events, syndrome=np.where(miscoded, seen_as, events.syndrome))
    later = pick(lognormal_seconds(30.0, 0.8, 240.0), wait) + HOUR
    sooner = pick(lognormal_seconds(8.0, 0.8, 96.0), wait) + HOUR

    def at(delay: np.ndarray) -> np.ndarray:
        return after_outages(scenario, calendar, events.partner, events.reported + delay)

    corrected = replace(events, reported=at(later), kind=np.full(len(events), UPDATE)).take(miscoded)
    error = double < rules.spurious
    # An entry by error has the number of the true one in a range of its own.
    entry = replace(events, number=events.number + 50_000)
    withdrawn = replace(entry, reported=at(sooner), kind=np.full(len(events), CANCEL))
    return join([first, corrected, entry.take(error), withdrawn.take(error)])
