"""Editions: when a file was published, and when each of its rows became knowable.

A daily file is cumulative: it states what was known of the last days when it came out, and repeats older ones.
So a row of the last fortnight is reported when the file was (stated); an older row is assumed known after the
signal's usual delay, since an earlier edition told it first. Without an edition every row is assumed.

>>> edition_of("sursaud-corona-quot-dep-2020-07-09-19h15.csv").isoformat()
'2020-07-09T17:15:00+00:00'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from infra.clock import PARIS, end_of_day
from streams.envelope import Basis, Envelope
from streams.vocabulary.places import zone_of
from streams.vocabulary.signals import signal as signal_of

# Emergency visits are complete to 98 % four days after; laboratories correct for a week.
RECENT = timedelta(days=14)
_IN_NAME = re.compile(r"(20\d{2})-(\d{2})-(\d{2})(?:-(\d{2})h(\d{2}))?")


def edition_of(name: str) -> datetime | None:
    """Return the moment of publication that a file's name tells, in UTC; None when it tells none.

    A name with a date alone is taken as published at 19:15 Paris time, the publisher's usual hour.
    """
    found = _IN_NAME.search(name)
    if found is None:
        return None
    year, month, day, hour, minute = (int(part) if part else None for part in found.groups())
    try:
        moment = datetime.combine(
            date(year or 0, month or 0, day or 0),
            time(19 if hour is None else hour, 15 if minute is None else minute),
            tzinfo=ZoneInfo(PARIS),
        )
    except ValueError:
        return None
    return moment.astimezone(UTC)


@dataclass(frozen=True)
class Reporting:
    """When a row became knowable, and in which order it stands among revisions."""

    reported: datetime
    basis: Basis
    source_version: datetime


def reporting(
    signal: str, place: str, reference_end: date, edition: datetime | None, *, delay: timedelta | None = None
) -> Reporting:
    """Return when a count became knowable.

    Parameters
    ----------
    reference_end
        Day after the last day of the period.
    edition
        When the file was published; None when nobody knows.
    delay
        From the end of the period; the signal's usual one when None.
    """
    end = end_of_day(reference_end - timedelta(days=1), zone_of(place)) + timedelta(microseconds=1)
    usual = end + (signal_of(signal).usual_delay if delay is None else delay)
    if edition is None:
        return Reporting(usual, "assumed", usual)
    if edition < usual or edition - end <= RECENT:
        return Reporting(edition, "stated", edition)
    return Reporting(usual, "assumed", edition)


@dataclass(frozen=True)
class CountReport:
    """What a reader found in a row: one count, before it is given a world and a reporting time."""

    signal: str
    syndrome: str
    place: str
    start: date
    end: date
    value: float
    age_band: str = "all"
    facility: str | None = None
    unit: str | None = None
    delay: timedelta | None = None

    def envelope(self, world: str, partner: str, edition: datetime | None) -> Envelope:
        """Return the report as it travels; its identity is the series and the date."""
        return self.envelope_reported(
            world, partner, reporting(self.signal, self.place, self.end, edition, delay=self.delay)
        )

    def envelope_reported(self, world: str, partner: str, when: Reporting) -> Envelope:
        """Return the report as it travels, known at a given moment."""
        where = "|".join(part for part in (self.place, self.facility, self.unit) if part)
        return Envelope(
            event_id=f"{self.signal}|{self.syndrome}|{where}|{self.age_band}|{self.start}",
            source_version=when.source_version,
            kind="insert",
            world=world,
            partner=partner,
            signal=self.signal,
            code=self.syndrome,
            code_system="meteo",
            place=self.place,
            facility=self.facility,
            unit=self.unit,
            age_band=self.age_band,
            reference_start=self.start,
            reference_end=self.end,
            value=self.value,
            unit_of_measure=signal_of(self.signal).unit,
            reported=when.reported,
            reported_basis=when.basis,
        )
