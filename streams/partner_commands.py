"""`meteo partner apply|list|show`: agreements as versioned data."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.errors import MeteoError
from infra.settings import settings

if TYPE_CHECKING:
    from infra.database import Connection

partners = typer.Typer(help="Partners and their agreements.", no_args_is_help=True)


@partners.command("apply")
def apply(files: Annotated[list[Path], typer.Argument(help="Agreements in YAML.")]) -> None:
    """Append a version of each agreement; the same content again changes nothing."""
    from streams.store.partners import agreements_in_force, apply_agreement, read_agreement_file

    agreements = [read_agreement_file(file) for file in files]
    with _connected() as connection:
        for agreement in agreements:
            before = agreements_in_force(connection).get(agreement.key)
            now = apply_agreement(connection, agreement, getpass.getuser())
            same = before is not None and before.version == now.version
            typer.echo(f"{agreement.key}: version {now.version}{' (unchanged)' if same else ''}")


@partners.command("list")
def list_partners() -> None:
    """List the partners of this world."""
    from streams.store.partners import agreements_in_force

    table = Table("partner", "version", "kind", "signals", "name")
    with _connected() as connection:
        for key, known in sorted(agreements_in_force(connection).items()):
            agreement = known.agreement
            signals = ", ".join(agreement.signals)
            table.add_row(key, str(known.version), agreement.kind, signals, agreement.name)
    Console().print(table)


@partners.command("show")
def show(key: Annotated[str, typer.Argument(help="Key of the partner.")]) -> None:
    """Print the agreement in force as YAML."""
    import yaml

    from streams.store.partners import agreements_in_force

    with _connected() as connection:
        known = agreements_in_force(connection).get(key)
    if known is None:
        raise MeteoError(f"no partner {key!r}; `meteo partner list` shows them")
    typer.echo(yaml.safe_dump(known.agreement.model_dump(mode="json"), allow_unicode=True, sort_keys=False))


def _connected() -> Connection:
    # Loaded here, so that `meteo` itself answers at once.
    from infra.database import connect
    from infra.services.embedded import database_url

    return connect(database_url(settings()), settings().this_world)
