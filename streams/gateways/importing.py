"""Importing: publishers' files to Kafka as count reports, what cannot be read to quarantine, and a summary.

Good rows go on whatever stands beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError

from infra.world import World
from streams.envelope import Envelope
from streams.gateways.open_data.editions import edition_of
from streams.gateways.open_data.tables import Refused, Row, RowFault, Table
from streams.gateways.open_data.tidy import Reader, reader_for
from streams.gateways.open_data.vintages import places_without_calls, read_vintages
from streams.gateways.publisher import Publisher
from streams.gateways.quarantine import Quarantine, Refusal, publish_letter

PER_MESSAGE = 500
_CHUNK = 5000


@dataclass
class ImportSummary:
    """What an import did.

    Attributes
    ----------
    reports
        Count reports published, by signal.
    refused
        Rows that could not be read, with their place and reason (the first hundred).
    """

    source: str
    reader: str
    rows: int = 0
    reports: Counter[str] = field(default_factory=Counter)
    refused_rows: int = 0
    refused: list[Refusal] = field(default_factory=list)

    @property
    def published(self) -> int:
        """Number of count reports published."""
        return sum(self.reports.values())


class Importer:
    """Publishes tables of one world.

    Parameters
    ----------
    publisher
        Where count reports and letters go.
    quarantine
        Where unreadable rows stay.
    keep_refused
        Whether a row that cannot be read is kept and told; not when it comes from the quarantine already.
    """

    def __init__(
        self, world: World, publisher: Publisher, quarantine: Quarantine, *, keep_refused: bool = True
    ) -> None:
        self._world = world
        self._publisher = publisher
        self._quarantine = quarantine
        self._keep_refused = keep_refused

    def run(
        self,
        key: str,
        table: Table,
        *,
        edition: datetime | None = None,
        advance: Callable[[int], None] = lambda rows: None,
    ) -> ImportSummary:
        """Publish a table and return when Kafka has acknowledged all of it.

        Parameters
        ----------
        key
            Reader: `sursaud`, `sivic`, `sidep`, `odisse`, `sae`, `drees` or `tidy`.
        edition
            When the file was published; told by its name when None.
        advance
            Called with the number of rows done since the last call.

        Raises
        ------
        MeteoError
            When the file is of another kind, or Kafka does not take it.
        """
        reader = reader_for(key, table)
        summary = ImportSummary(table.source, reader.key)
        chunk: list[Envelope] = []
        done = 0
        for envelope in self._envelopes(reader, table, edition or edition_of(table.name), summary):
            chunk.append(envelope)
            if len(chunk) >= _CHUNK:
                self._publisher.publish("counts", chunk, per_message=PER_MESSAGE)
                chunk.clear()
                advance(summary.rows - done)
                done = summary.rows
        self._publisher.publish("counts", chunk, per_message=PER_MESSAGE)
        self._publisher.flush()
        advance(summary.rows - done)
        return summary

    def _envelopes(
        self, reader: Reader, table: Table, edition: datetime | None, summary: ImportSummary
    ) -> Iterator[Envelope]:
        dated = "as_of" in table.columns
        without_calls = places_without_calls(table) if dated else frozenset[str]()
        for row in table.rows():
            summary.rows += 1
            try:
                if isinstance(row, Refused):
                    raise RowFault(row.field, row.reason)
                if dated:
                    found = [
                        report.envelope_reported(self._world.name, reader.partner, when)
                        for report, when in read_vintages([row], without_calls)
                    ]
                else:
                    found = [r.envelope(self._world.name, reader.partner, edition) for r in reader.read(row)]
            except (RowFault, ValueError) as fault:
                self._refuse(table, row, reader, fault, summary)
                continue
            for envelope in found:
                summary.reports[envelope.signal] += 1
                yield envelope

    def _refuse(
        self,
        table: Table,
        row: Row | Refused,
        reader: Reader,
        fault: RowFault | ValueError,
        summary: ImportSummary,
    ) -> None:
        name, reason = told_of(fault)
        header = table.lines[0].decode(table.encoding, errors="replace")
        place = f"{table.name}, line {row.line}"
        refusal = Refusal(reason, place, name, reader.partner, reader.key, header)
        if self._keep_refused:
            publish_letter(self._publisher, self._world, self._quarantine.put(row.raw, refusal))
        summary.refused_rows += 1
        if len(summary.refused) < 100:
            summary.refused.append(refusal)


def told_of(fault: RowFault | ValueError) -> tuple[str | None, str]:
    """Return field and reason of a fault, never the row's content: the reason leaves this gateway."""
    if isinstance(fault, RowFault):
        return fault.field, fault.reason
    if isinstance(fault, ValidationError):
        first = fault.errors(include_url=False, include_input=False)[0]
        return ".".join(str(part) for part in first["loc"]) or None, first["msg"].removeprefix(
            "Value error, "
        )
    return None, " ".join(str(fault).split())[:300]
