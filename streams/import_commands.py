"""`meteo import` and `meteo fetch`: open data to Kafka, from files, addresses and the publisher's portal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from infra.clock import PARIS, SystemClock, parse_as_of
from infra.errors import MeteoError
from infra.settings import Settings, settings

# The work itself is loaded by the commands, so that `meteo` answers at once.
if TYPE_CHECKING:
    from streams.gateways.importing import ImportSummary
    from streams.gateways.open_data.tables import Table
    from streams.gateways.quarantine import Quarantine

QUARANTINE_RETENTION = timedelta(days=30)
EXIT_ERROR = 2
EXIT_OFFLINE = 3
EXIT_REFUSED_ROWS = 1


class Kind(StrEnum):
    """Readers of open data."""

    SURSAUD = "sursaud"
    SIVIC = "sivic"
    SIDEP = "sidep"
    ODISSE = "odisse"
    SAE = "sae"
    DREES = "drees"
    TIDY = "tidy"


def open_quarantine(chosen: Settings) -> Quarantine:
    """Return this gateway's quarantine, in the settings' folder."""
    from streams.gateways.quarantine import Quarantine

    key = chosen.quarantine_key.get_secret_value() if chosen.quarantine_key else None
    folder = chosen.data_dir / "quarantine" / chosen.world
    return Quarantine(folder, key, SystemClock(), retention=QUARANTINE_RETENTION)


def import_(
    kind: Annotated[Kind, typer.Argument(help="Whose file it is.")],
    sources: Annotated[list[str], typer.Argument(help="Files or addresses; gzip or plain.")],
    edition: Annotated[
        str, typer.Option(help="When the files were published, where their names do not tell it.")
    ] = "",
) -> None:
    """Publish open data files to Kafka as count reports; exit 1 when rows were refused, 2 when a file was."""
    from streams.gateways.open_data.tables import read_table
    from streams.gateways.publisher import PublishError

    try:
        published_at = parse_as_of(edition, PARIS) if edition else None
    except ValueError as error:
        raise MeteoError(f"--edition: {error}") from None
    chosen = settings()
    refused_rows = refused_files = 0
    with _importing(chosen) as run:
        for source in sources:
            # A file that is none says so, and the files after it go on.
            try:
                summary = run(kind.value, read_table(source, timeout=chosen.fetch_timeout), published_at)
            except PublishError:
                raise
            except MeteoError as error:
                typer.secho(f"meteo: {error}", err=True, fg=typer.colors.RED)
                refused_files += 1
                continue
            _tell(summary)
            refused_rows += summary.refused_rows
    if refused_files:
        raise typer.Exit(EXIT_ERROR)
    if refused_rows:
        raise typer.Exit(EXIT_REFUSED_ROWS)


def fetch(
    weeks: Annotated[int, typer.Option(min=1, help="Weeks asked for, up to this one.")] = 104,
) -> None:
    """Download the current Odissé series and publish them; exit 3 when the publisher is away, 2 when one is missing."""
    from streams.gateways.fetching import DatasetAway, PublisherAway, fetch_odisse

    chosen = settings()
    since = SystemClock().now().date() - timedelta(weeks=weeks)
    monday = since - timedelta(days=since.weekday())
    try:
        found = list(fetch_odisse(chosen.odisse_url, monday, timeout=chosen.fetch_timeout))
    except PublisherAway as error:
        typer.secho(f"meteo: offline: {error}; nothing was fetched, what is stored stays", err=True)
        raise typer.Exit(EXIT_OFFLINE) from None
    with _importing(chosen) as run:
        for one in found:
            if isinstance(one, DatasetAway):
                typer.secho(f"meteo: {one}; the other series go on", err=True, fg=typer.colors.RED)
            else:
                _tell(run("odisse", *one))
    if any(isinstance(one, DatasetAway) for one in found):
        raise typer.Exit(EXIT_ERROR)


@contextmanager
def _importing(chosen: Settings) -> Iterator[Callable[[str, Table, datetime | None], ImportSummary]]:
    from infra.services.embedded import kafka_bootstrap
    from streams.gateways.importing import Importer
    from streams.gateways.open_data.tidy import reader_for
    from streams.gateways.publisher import Publisher
    from streams.topics import ensure_topics

    bootstrap = kafka_bootstrap(chosen)
    ensure_topics(bootstrap, chosen.this_world, chosen.kafka_partitions)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Publisher(bootstrap, chosen.this_world) as publisher,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        importer = Importer(chosen.this_world, publisher, open_quarantine(chosen))

        def run(key: str, table: Table, edition: datetime | None) -> ImportSummary:
            # A file of another kind is told before a bar stands there for it.
            reader_for(key, table)
            task = progress.add_task(table.name[:50], total=len(table))
            return importer.run(
                key, table, edition=edition, advance=lambda rows: progress.advance(task, rows)
            )

        yield run


def _tell(summary: ImportSummary) -> None:
    told = ", ".join(f"{signal} {count}" for signal, count in sorted(summary.reports.items()))
    found = f"{summary.published} reports ({told})" if told else "no report: nothing was told in them"
    typer.echo(f"{summary.source}: {summary.rows} rows, {found}")
    if summary.refused_rows:
        typer.echo(f"  {summary.refused_rows} rows refused and kept in quarantine, the first:", err=True)
    for refusal in summary.refused[:5]:
        where = f", field {refusal.field}" if refusal.field else ""
        typer.echo(f"  {refusal.place}{where}: {refusal.reason}", err=True)
