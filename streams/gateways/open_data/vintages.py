"""Vintages: a count as it stood on several days, turned into the revisions that became known.

A row `as_of,date,dep,…` says what the publisher's file of that day told. Of one series and date:

- the first value became known after the signal's usual delay (assumed), unless a vintage of that time states it;
- each vintage that tells another value than the one before is a revision, known when it came out (stated);
- a day is complete two weeks after: where no vintage fell between, its mature value is known then (assumed).

So early incompleteness is what vintages show of it, and never outlives the fortnight for want of a vintage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from infra.clock import PARIS, end_of_day
from streams.envelope import Basis
from streams.gateways.open_data.daily import day_reports
from streams.gateways.open_data.editions import CountReport, Reporting, reporting
from streams.gateways.open_data.tables import Row, Table
from streams.gateways.open_data.tidy import VISITS
from streams.vocabulary.places import zone_of

Dated = tuple[CountReport, Reporting]
Identity = tuple[str, str, str, date]
MATURE = timedelta(days=14)
_PUBLISHED_AT = time(19, 15)


def vintage_moment(day: date) -> datetime:
    """Return when the publisher's file of a day came out, in UTC."""
    return datetime.combine(day, _PUBLISHED_AT, tzinfo=ZoneInfo(PARIS)).astimezone(UTC)


def identity_of(report: CountReport) -> Identity:
    """Return what makes two reports revisions of one another."""
    return report.signal, report.syndrome, report.place, report.start


def read_vintages(rows: Iterable[Row], without_calls: frozenset[str]) -> Iterator[Dated]:
    """Return what each vintage states.

    Parameters
    ----------
    without_calls
        Départements without an SOS Médecins association: their zeros tell nothing.
    """
    for row in rows:
        moment = vintage_moment(row.day("as_of"))
        place = row.departement("dep")
        for report in day_reports(row, VISITS, place, row.day("date")):
            if report.signal != "sos_calls" or place not in without_calls:
                yield report, Reporting(moment, "stated", moment)


def places_without_calls(table: Table) -> frozenset[str]:
    """Return the départements of a vintages file of which no act was ever told."""
    heard: set[str] = set()
    seen: set[str] = set()
    for row in table.rows():
        if isinstance(row, Row):
            seen.add(row.cells["dep"])
            if row.cells["sos_total"].strip() not in ("", "0"):
                heard.add(row.cells["dep"])
    return frozenset(seen - heard)


def revisions(final: Iterable[CountReport], vintages: Iterable[Dated]) -> Iterator[Dated]:
    """Return every revision of the series of a final file, with what vintages say of their history."""
    told: dict[Identity, list[tuple[datetime, float]]] = defaultdict(list)
    for report, when in vintages:
        told[identity_of(report)].append((when.reported, report.value))
    for report in final:
        history = sorted(told.get(identity_of(report), []))
        yield from _history(report, history)


def _history(report: CountReport, history: list[tuple[datetime, float]]) -> Iterator[Dated]:
    usual = reporting(report.signal, report.place, report.end, None, delay=report.delay)
    day_over = end_of_day(report.end - timedelta(days=1), zone_of(report.place)) + timedelta(microseconds=1)
    mature = max(day_over + MATURE, usual.reported)
    steps = dict(history)
    if not history or history[0][0] > usual.reported:
        steps[usual.reported] = history[0][1] if history else report.value
    if history and not any(moment >= mature for moment, _ in history):
        steps[mature] = report.value
    elif history and history[0][0] < mature:
        # The value at maturity is that of the first vintage after it.
        steps.setdefault(mature, next(value for moment, value in history if moment >= mature))
    if history and history[-1][0] >= mature and history[-1][1] != report.value:
        steps[history[-1][0] + MATURE] = report.value
    stated = {moment for moment, _ in history}
    known: float | None = None
    for moment in sorted(steps):
        if steps[moment] != known:
            known = steps[moment]
            basis: Basis = "stated" if moment in stated else "assumed"
            yield replace(report, value=known), Reporting(moment, basis, moment)
