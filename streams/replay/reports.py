"""The reports of a reference folder with the moments at which they became known, in that order.

Where a vintages file stands beside a final one, revisions come as they did; elsewhere each report is known after
its signal's usual delay, and marked as assumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from infra.errors import MeteoError
from streams.gateways.open_data.editions import CountReport, Reporting, reporting
from streams.gateways.open_data.tables import Refused, Row, RowFault, Table, read_table
from streams.gateways.open_data.tidy import Reader, read_visits, reader_for
from streams.gateways.open_data.vintages import Dated, places_without_calls, read_vintages, revisions
from streams.vocabulary.places import descendants, place, register

# One report with its partner.
Known = tuple[str, CountReport, Reporting]


def territories_of(name: str) -> frozenset[str]:
    """Return the places whose reports are replayed: `all`, or a place with what it lies in and what makes it up.

    Raises
    ------
    MeteoError
        When the register does not hold the place.
    """
    if name == "all":
        return frozenset(register())
    places = {name, *descendants(name)}
    above = place(name).parent
    while above is not None:
        places.add(above)
        above = place(above).parent
    return frozenset(places)


def read_folder(folder: Path, territory: str, until: datetime) -> list[Known]:
    """Read every report of a folder known by a moment, sorted by when it became known.

    Parameters
    ----------
    territory
        `44`, `R52`, `FR`, or `all`.

    Raises
    ------
    MeteoError
        When the folder holds no readable file, or a file holds a row that cannot be read.
    """
    paths = (
        sorted(p for p in folder.iterdir() if p.name.endswith((".csv", ".csv.gz"))) if folder.is_dir() else []
    )
    if not paths:
        raise MeteoError(f"{folder}: no folder of reference series (.csv or .csv.gz files)")
    places = territories_of(territory)
    known: list[Known] = []
    tables = [read_table(str(path)) for path in paths]
    vintages = [dated for table in tables if "as_of" in table.columns for dated in _vintages(table, places)]
    for table in tables:
        if "as_of" not in table.columns:
            reader = reader_for("tidy", table)
            found = _reports(table, reader, places)
            for report, when in _dated(found, reader, vintages):
                if when.reported <= until:
                    known.append((reader.partner, report, when))
    known.sort(key=lambda k: (k[2].reported, k[1].signal, k[1].place, k[1].start, k[1].syndrome))
    return known


def _dated(found: Iterator[CountReport], reader: Reader, vintages: list[Dated]) -> Iterator[Dated]:
    if reader.read is read_visits:
        yield from revisions(found, vintages)
        return
    for report in found:
        yield report, reporting(report.signal, report.place, report.end, None, delay=report.delay)


def _vintages(table: Table, places: frozenset[str]) -> Iterator[Dated]:
    rows = (_row(table, row) for row in table.rows())
    return read_vintages((r for r in rows if r.cells["dep"] in places), places_without_calls(table))


def _reports(table: Table, reader: Reader, places: frozenset[str]) -> Iterator[CountReport]:
    for row in table.rows():
        try:
            for report in reader.read(_row(table, row)):
                if report.place in places:
                    yield report
        except RowFault as fault:
            raise MeteoError(
                f"{table.source}, line {row.line}, field {fault.field}: {fault.reason}"
            ) from None


def _row(table: Table, row: Row | Refused) -> Row:
    if isinstance(row, Refused):
        raise MeteoError(f"{table.source}, line {row.line}: {row.reason}")
    return row
