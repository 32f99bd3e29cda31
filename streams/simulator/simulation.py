"""A simulated period: the truth in tables, and the envelopes that partners would have sent about it.

>>> from datetime import date
>>> from streams.simulator.scenario import scenario
>>> world = scenario("winter", date(2025, 12, 8), start=date(2025, 11, 1))
>>> winter = simulate(world, date(2025, 12, 8), date(2025, 12, 9))
>>> next(winter.envelopes("demo")).simulated
True
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property

import numpy as np
import pandas as pd

from infra.errors import MeteoError
from streams.envelope import Envelope
from streams.simulator.civil_days import CivilDays
from streams.simulator.epidemic import Epidemics, spread
from streams.simulator.events import (
    KINDS,
    LATEST_DAYS,
    PARTS,
    SIGNALS,
    Events,
    individual_events,
    join,
    stay_events,
)
from streams.simulator.observation import OTHER, Counts, count
from streams.simulator.partners import BEDDED, CRITICAL, UNIT_NAMES
from streams.simulator.presets import AGE_BANDS
from streams.simulator.randomness import token
from streams.simulator.scenario import Scenario
from streams.simulator.staffing import staffed_beds
from streams.simulator.stays import Stays, make_stays
from streams.vocabulary.signals import signal as signal_named

KEY_ID = "simulated-1"
_CHUNK_DAYS = 7
_CALENDAR_MARGIN = 160


@dataclass(frozen=True)
class Simulation:
    """What happened from `start` to the day before `end`, by scenario.

    Attributes
    ----------
    start, end
        First day, and the day after the last.
    epidemics, counts, stays
        The layers, from 200 days before the scenario's start.
    """

    scenario: Scenario
    start: date
    end: date
    epidemics: Epidemics
    counts: Counts
    stays: Stays

    @property
    def first(self) -> int:
        """Position of `start` in the layers' days."""
        return self.counts.days.index(self.start)

    @property
    def last(self) -> int:
        """Position of `end` in the layers' days."""
        return self.counts.days.index(self.end)

    @property
    def syndromes(self) -> tuple[str, ...]:
        """The scenario's diseases, then `other`."""
        return (*(d.key for d in self.scenario.parameters.diseases), OTHER)

    @cached_property
    def calendar(self) -> CivilDays:
        """The layers' days and those after, in which late reports and discharges fall."""
        days = self.counts.days
        return replace(days, length=days.length + _CALENDAR_MARGIN)

    @cached_property
    def daily(self) -> np.ndarray:
        """True counts of all layers' days, shape (days, partners, signals of `SIGNALS`, syndromes)."""
        shape = (self.last, len(self.scenario.partners), len(SIGNALS), len(self.syndromes))
        out = np.zeros(shape, np.int64)
        for column, cell in enumerate(self.counts.cells):
            cause = self.syndromes.index(cell.syndrome)
            for name in _DAILY_SIGNALS.get(cell.kind, ()):
                out[:, cell.partner, SIGNALS.index(name), cause] += self.counts.drawn[: self.last, column]
        for name, moments, which in _stay_flows(self.stays):
            day = self.calendar.civil_index(moments[which])
            inside = day < self.last
            where = (day[inside], self.stays.partner[which][inside], self.stays.syndrome[which][inside])
            np.add.at(out[:, :, SIGNALS.index(name), :], where, 1)
        return out

    @cached_property
    def truth(self) -> pd.DataFrame:
        """Final counts: date, partner, facility, signal, syndrome, value; a row for each series and day."""
        partners = self.scenario.partners
        rows = []
        for p, partner in enumerate(partners):
            for name in partner.signals:
                block = self.daily[self.first : self.last, p, SIGNALS.index(name)]
                rows += [(partner, name, cause, block[:, s]) for s, cause in enumerate(self.syndromes)]
        rows = [r for r in rows if not (r[1].startswith("lab_") and r[2] == OTHER)]
        n = self.last - self.first
        return pd.DataFrame(
            {
                "date": np.tile(np.array(self.counts.days.dates[self.first : self.last]), len(rows)),
                "partner": np.repeat([r[0].key for r in rows], n),
                "facility": np.repeat([r[0].facility.finess if r[0].facility else "" for r in rows], n),
                "signal": np.repeat([r[1] for r in rows], n),
                "syndrome": np.repeat([r[2] for r in rows], n),
                "value": np.concatenate([r[3] for r in rows]),
            }
        )

    def series(self, signal: str, syndrome: str = "all") -> np.ndarray:
        """Return the territory's true daily counts of a signal, shape (days,)."""
        block = self.daily[self.first : self.last, :, SIGNALS.index(signal)].sum(axis=1)
        column = self.syndromes.index(syndrome) if syndrome != "all" else slice(None)
        daily: np.ndarray = block[:, column].reshape(len(block), -1).sum(axis=1)
        return daily

    @cached_property
    def present(self) -> np.ndarray:
        """Patients present at the end of each of the layers' days, shape (days, partners, units)."""
        change = np.zeros((self.last + 1, len(self.scenario.partners), len(UNIT_NAMES)), np.int64)
        exits = self.stays.exits
        for k in range(3):
            there = self.stays.times[:, k] >= 0
            for moments, sign in ((self.stays.times[there, k], 1), (exits[there, k], -1)):
                day = np.minimum(self.calendar.civil_index(moments), self.last)
                np.add.at(change, (day, self.stays.partner[there], self.stays.units[there, k]), sign)
        present: np.ndarray = change.cumsum(axis=0)[:-1]
        return present

    @cached_property
    def census(self) -> pd.DataFrame:
        """Beds at the end of each day: date, partner, facility, unit, critical, occupied, staffed."""
        frames = []
        days = self.counts.days.dates[self.first : self.last]
        staffed = staffed_beds(self.scenario, self.calendar)[self.first : self.last]
        for p, partner in enumerate(self.scenario.partners):
            for name in BEDDED if partner.facility else ():
                u = UNIT_NAMES.index(name)
                frames.append(
                    pd.DataFrame(
                        {
                            "date": np.array(days),
                            "partner": partner.key,
                            "facility": partner.facility.finess if partner.facility else "",
                            "unit": f"{partner.facility.finess}:{name}" if partner.facility else "",
                            "critical": name == CRITICAL,
                            "occupied": self.present[self.first : self.last, p, u],
                            "staffed": staffed[:, p, u],
                        }
                    )
                )
        return pd.concat(frames, ignore_index=True)

    def stays_open(self, day: date) -> np.ndarray:
        """Return the mask of the stays begun before the civil `day` begins and not ended then."""
        moment = self.calendar.midnights[self.calendar.index(day)]
        present: np.ndarray = (self.stays.day < self.calendar.index(day)) & (self.stays.end >= moment)
        return present

    def tables(
        self,
        stays_from: date | None = None,
        calls_from: date | None = None,
        since: datetime | None = None,
    ) -> Iterator[Events]:
        """Yield events in the order they became known, week by week, none missing and none twice.

        Parameters
        ----------
        stays_from
            Stays that arrive from this day on are told (default: `start`), and those open when `start` begins.
        calls_from
            Calls, tests and visits without admission from this day on are told (default: `start`).
        since
            Leave out what became known before.
        """
        stays_from, calls_from = stays_from or self.start, calls_from or self.start
        least, begin = 0, self.calendar.index(min(stays_from, calls_from))
        if since is not None:
            least = int(since.timestamp())
            begin = max(begin, self.calendar.index(since.date()) - LATEST_DAYS)
        told = (self.stays.day >= self.calendar.index(stays_from)) | self.stays_open(self.start)
        pending = stay_events(self.scenario, self.stays.take(told), self.calendar)
        pending = pending.take(
            (pending.reported >= least) & (pending.reported < self.calendar.midnights[self.last])
        )
        calls = self.calendar.index(calls_from)
        for a in range(begin, self.last, _CHUNK_DAYS):
            b = min(a + _CHUNK_DAYS, self.last)
            if b > calls:
                fresh = individual_events(self.scenario, self.counts, max(a, calls), b, self.calendar)
                pending = join([pending, fresh])
            ready = pending.reported < self.calendar.midnights[b]
            yield pending.take(ready & (pending.reported >= least)).in_order()
            pending = pending.take(~ready)

    def envelopes(
        self,
        world: str,
        *,
        stays_from: date | None = None,
        calls_from: date | None = None,
        since: datetime | None = None,
    ) -> Iterator[Envelope]:
        """Yield the individual events known before `end` in the order they became known; see `tables`."""
        write = EnvelopeWriter(self, world)
        for table in self.tables(stays_from, calls_from, since):
            yield from write(table)


# Which signals a daily cell counts in; those of stays come from the stays.
_DAILY_SIGNALS = {
    "sos_calls": ("sos_calls",),
    "samu_calls": ("samu_calls",),
    "lab_positives": ("lab_tests", "lab_positives"),
    "lab_negatives": ("lab_tests",),
    "ed_home": ("ed_visits",),
}


def _stay_flows(stays: Stays) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield signal, moments and mask of each movement."""
    came = stays.arrival >= 0
    critical = UNIT_NAMES.index(CRITICAL)
    yield "ed_visits", stays.arrival, came
    yield "ed_hospitalisations", stays.arrival, came
    yield "admissions", stays.times[:, 0], np.ones(len(stays), bool)
    for k in range(3):
        there = stays.times[:, k] >= 0
        yield "critical_admissions", stays.times[:, k], there & (stays.units[:, k] == critical)
        if k:
            yield "transfers", stays.times[:, k], there
    yield "discharges", stays.end, ~stays.died
    yield "deaths", stays.end, stays.died


class EnvelopeWriter:
    """Writes rows of events as envelopes of a world."""

    def __init__(self, simulation: Simulation, world: str) -> None:
        scenario = simulation.scenario
        self._seed, self._place, self._world = scenario.seed, scenario.territory, world
        self._syndromes = simulation.syndromes
        self._partners = scenario.partners
        self._dates = [d.strftime("%y%m%d") for d in simulation.calendar.dates]
        self._units_of_measure = [signal_named(name).unit for name in SIGNALS]

    def __call__(self, events: Events) -> Iterator[Envelope]:
        """Yield one envelope for each row."""
        columns = (
            events.occurred,
            events.reported,
            events.partner,
            events.signal,
            events.unit,
            events.age,
            events.syndrome,
            events.female,
            events.day,
            events.number,
            events.part,
            events.stay,
            events.kind,
        )
        for row in zip(*(c.tolist() for c in columns), strict=True):
            yield self._write(*row)

    def _write(
        self,
        occurred: int,
        reported: int,
        partner_index: int,
        signal: int,
        unit: int,
        age: int,
        syndrome: int,
        female: bool,
        day: int,
        number: int,
        part: int,
        stay: int,
        kind: int,
    ) -> Envelope:
        partner = self._partners[partner_index]
        known = datetime.fromtimestamp(reported, UTC)
        finess = partner.facility.finess if partner.facility else None
        stem = f"{partner.prefix}{self._dates[day]}{'S' if stay == 2 else '-'}{number:05d}"
        return Envelope(
            event_id=stem + PARTS[part],
            source_version=known,
            kind=KINDS[kind],
            world=self._world,
            partner=partner.key,
            key_id=KEY_ID if stay else None,
            stay_token=token(self._seed, stem) if stay else None,
            signal=SIGNALS[signal],
            code=self._syndromes[syndrome],
            code_system="meteo",
            place=self._place,
            facility=finess,
            unit=f"{finess}:{UNIT_NAMES[unit]}" if unit >= 0 else None,
            age_band=AGE_BANDS[age],
            sex="F" if female else "M",
            reference_start=datetime.fromtimestamp(occurred, UTC),
            unit_of_measure=self._units_of_measure[signal],
            reported=known,
            reported_basis="stated",
            simulated=True,
        )


def simulate(scenario: Scenario, start: date, end: date) -> Simulation:
    """Simulate the days from `start` to the day before `end`.

    Raises
    ------
    MeteoError
        When the period is empty or begins before the scenario.
    """
    if start < scenario.start:
        raise MeteoError(f"{start} is before the scenario's start, {scenario.start}: ask for a later day")
    if end <= start:
        raise MeteoError(f"the period from {start} to {end} is empty")
    epidemics = spread(scenario, (end - scenario.start).days)
    counts = count(scenario, epidemics)
    return Simulation(scenario, start, end, epidemics, counts, make_stays(scenario, counts))
