"""`meteo services up|down|status`: the embedded broker and database, left running in between."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.services.embedded import EmbeddedServices
from infra.settings import settings

services = typer.Typer(help="Start and stop the embedded Kafka and PostgreSQL.", no_args_is_help=True)

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port; a free one when not given.")]


def register(app: typer.Typer) -> None:
    """Add `services` to the command line."""
    app.add_typer(services, name="services")


def _say(line: str) -> None:
    typer.echo(line, err=True)


@services.command()
def up(kafka_port: Port = None, postgres_port: Port = None) -> None:
    """Start both, leave them running, and print the addresses in a form a shell can read."""
    both = EmbeddedServices(
        settings().data_dir.absolute(), kafka_port=kafka_port, postgres_port=postgres_port, say=_say
    ).start(detached=True)
    typer.echo(f"export METEO_KAFKA_BOOTSTRAP={both.broker.bootstrap}")
    typer.echo(f"export METEO_DATABASE_URL={both.database.url()}")


@services.command()
def down() -> None:
    """Stop both; their data stays."""
    both = EmbeddedServices(settings().data_dir.absolute())
    for name, service in (("kafka", both.broker), ("postgres", both.database)):
        ran = service.record is not None
        service.stop()
        typer.echo(f"{name}: {'stopped' if ran else 'was not running'}")


@services.command()
def status() -> None:
    """Say what runs and where; exit 1 unless both run."""
    both = EmbeddedServices(settings().data_dir.absolute())
    broker, database = both.broker.record, both.database.record
    if broker is None:
        typer.echo("kafka: not running")
    else:
        typer.echo(f"kafka: running at {both.broker.bootstrap} (process {broker.pid}), log {both.broker.log}")
    if database is None:
        typer.echo("postgres: not running")
    else:
        typer.echo(
            f"postgres: running at {both.database.url()} (process {database.pid}), log {both.database.log}"
        )
    if broker is None or database is None:
        raise typer.Exit(1)
