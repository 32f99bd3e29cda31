"""`meteo dead-letters`, `meteo quarantine` and `meteo erase`: what was refused, and what must go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.errors import MeteoError
from infra.settings import settings
from streams.import_commands import open_quarantine

# The work itself is loaded by the commands, so that `meteo` answers at once.
if TYPE_CHECKING:
    from infra.clock import Clock
    from infra.database import Connection
    from streams.gateways.publisher import Publisher

dead_letters = typer.Typer(help="What could not be understood, with its reason.", no_args_is_help=True)
quarantine = typer.Typer(help="What this gateway could not read, encrypted here.", no_args_is_help=True)
erase = typer.Typer(
    help="Remove events for good: retention, ended agreements, objections.", no_args_is_help=True
)

_Partner = Annotated[str, typer.Option(help="Only of this partner.")]


@dead_letters.command("list")
def list_letters(
    partner: _Partner = "",
    every: Annotated[bool, typer.Option("--all", help="Also those resolved.")] = False,
    limit: Annotated[int, typer.Option(min=1)] = 50,
) -> None:
    """List dead letters, the newest first."""
    from streams.store.dead_letters import list_dead_letters

    with _connected() as connection:
        letters = list_dead_letters(connection, partner=partner or None, waiting_only=not every, limit=limit)
    table = Table("id", "recorded", "stage", "partner", "where", "bytes", "field", "reason")
    for letter in letters:
        topic = f"{letter.topic}/{letter.partition}@{letter.offset}" if letter.topic else ""
        where = " ".join(part for part in (topic, letter.place_in_input) if part)
        recorded = f"{letter.recorded:%Y-%m-%d %H:%M}"
        cells = (str(letter.id), recorded, letter.stage, letter.partner or "", where, str(letter.size_bytes))
        table.add_row(*cells, letter.field or "", letter.reason)
    Console().print(table)


@dead_letters.command("show")
def show_letter(letter_id: Annotated[int, typer.Argument(help="Its number.")]) -> None:
    """Print the bytes of a dead letter."""
    from streams.store.dead_letters import show_dead_letter

    with _connected() as connection:
        letter, payload = show_dead_letter(connection, letter_id)
    typer.echo(f"{letter.reason} (field {letter.field or '-'}, {letter.place_in_input or '-'})", err=True)
    if payload is None:
        raise MeteoError(f"its bytes are in its gateway's quarantine, entry {letter.quarantine_id}")
    typer.echo(payload)


@dead_letters.command("retry")
def retry_letters(letter_ids: Annotated[list[int], typer.Argument(help="Their numbers.")]) -> None:
    """Put dead letters back on their topics after a fix."""
    from streams.store.dead_letters import retry_dead_letter

    with _connected() as connection, _publisher() as publisher:
        for letter_id in letter_ids:
            retry_dead_letter(connection, publisher, letter_id)
            connection.commit()
            typer.echo(f"{letter_id}: back on its topic")


@quarantine.command("list")
def list_quarantined() -> None:
    """List what this gateway keeps, without contents."""
    table = Table("id", "kept until", "partner", "place", "bytes", "field", "reason")
    for entry in open_quarantine(settings()).entries():
        told, until = entry.refusal, f"{entry.kept_until:%Y-%m-%d}"
        cells = (entry.quarantine_id, until, told.partner or "", told.place, str(entry.size_bytes))
        table.add_row(*cells, told.field or "", told.reason)
    Console().print(table)


@quarantine.command("show")
def show_quarantined(quarantine_id: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Print the content of an entry: it may hold identities."""
    typer.echo(open_quarantine(settings()).read(quarantine_id)[1])


@quarantine.command("retry")
def retry_quarantined(quarantine_ids: Annotated[list[str], typer.Argument(help="Their ids.")]) -> None:
    """Read entries again after a fix; what is read leaves the quarantine, and exit 1 tells that some stay."""
    from streams.gateways.importing import Importer
    from streams.gateways.open_data.tables import parse_table
    from streams.gateways.quarantine import publish_resolved

    kept, world = open_quarantine(settings()), settings().this_world
    refused = 0
    with _publisher() as publisher:
        for quarantine_id in quarantine_ids:
            entry, payload = kept.read(quarantine_id)
            told = entry.refusal
            if told.reader is None or told.header is None:
                raise MeteoError(f"{quarantine_id}: its reader is not known, so it cannot be read again")
            name = told.place.partition(", line ")[0]
            table = parse_table(told.header.encode() + b"\n" + payload, name, name)
            summary = Importer(world, publisher, kept, keep_refused=False).run(told.reader, table)
            if summary.refused_rows:
                typer.echo(f"{quarantine_id}: still refused: {summary.refused[0].reason}", err=True)
                refused += 1
                continue
            publish_resolved(publisher, world, entry)
            kept.forget(quarantine_id)
            typer.echo(f"{quarantine_id}: read, {summary.published} reports")
    if refused:
        raise typer.Exit(1)


@quarantine.command("purge")
def purge_quarantine() -> None:
    """Let go of entries whose retention has passed."""
    typer.echo(f"{open_quarantine(settings()).purge()} entries let go")


@erase.command("expired")
def erase_expired_events() -> None:
    """Erase events older than their agreement's retention."""
    from streams.store.erasure import erase_expired

    with _connected() as connection:
        typer.echo(f"{erase_expired(connection, _clock(connection))} events erased")


@erase.command("partner")
def erase_partner_events(key: Annotated[str, typer.Argument(help="Partner whose agreement ended.")]) -> None:
    """Erase every event of a partner whose agreement has ended."""
    from streams.store.erasure import erase_partner

    with _connected() as connection:
        typer.echo(f"{erase_partner(connection, _clock(connection), key)} events erased")


@erase.command("stay")
def erase_stay_events(
    partner: Annotated[str, typer.Argument(help="Partner of the stay.")],
    tokens: Annotated[list[str], typer.Argument(help="The stay's tokens under every live key.")],
) -> None:
    """Erase the events of a stay after an objection, and refuse what arrives later."""
    from streams.store.erasure import erase_stays

    with _connected() as connection:
        typer.echo(f"{erase_stays(connection, _clock(connection), partner, tokens)} events erased")


def _connected() -> Connection:
    from infra.database import connect
    from infra.services.embedded import database_url

    return connect(database_url(settings()), settings().this_world)


def _publisher() -> Publisher:
    from infra.services.embedded import kafka_bootstrap
    from streams.gateways.publisher import Publisher

    return Publisher(kafka_bootstrap(settings()), settings().this_world)


def _clock(connection: Connection) -> Clock:
    from infra.world_clock import read_clock

    return read_clock(connection)
