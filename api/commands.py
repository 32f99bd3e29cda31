"""Commands of the interface: `meteo serve`, and the operator's one-time link."""

from __future__ import annotations

import sys

import typer
import uvicorn

from infra.database import connect
from infra.services.embedded import database_url
from infra.services.ports import require_free
from infra.settings import Settings, settings
from infra.telemetry import configure_logs

_GRACE_SECONDS = 5


def register(app: typer.Typer) -> None:
    """Add `serve` and `operator` to the command line."""
    app.command("serve")(serve)
    operator = typer.Typer(no_args_is_help=True)
    operator.command("link")(link)
    # With one command only, typer would drop its name.
    operator.callback()(_operator)
    app.add_typer(operator, name="operator", help="Let an operator in.")


def serve() -> None:
    """Serve the API and the page on METEO_API_HOST and METEO_API_PORT until Ctrl-C."""
    # Loaded by the process that serves; other commands start without it.
    from api.application import create_app

    chosen = settings()
    configure_logs(chosen.log_format, chosen.log_level, "api")
    require_free(chosen.api_port, "API", "stop that program, or choose another with METEO_API_PORT=8001")
    app = create_app(chosen)
    if not chosen.this_world.is_operational and sys.stdout.isatty():
        # To the person at the keyboard only: a link in a log file would let its readers in.
        typer.echo(f"Opérateur (lien à usage unique) · operator, one-time link: {make_link(chosen)}")
    uvicorn.run(
        app,
        host=chosen.api_host,
        port=chosen.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def link() -> None:
    """Print an address that opens an operator session once, within a day."""
    typer.echo(make_link(settings()))


def _operator() -> None:
    """Let an operator in."""


def make_link(chosen: Settings) -> str:
    """Return a new one-time address of the world the settings name."""
    from api.sessions import Sessions, signing_key

    world = chosen.this_world
    sessions = Sessions(signing_key(chosen), world.name, secure=chosen.public_url.startswith("https://"))
    with connect(database_url(chosen), world) as connection:
        return sessions.make_link(connection, chosen.public_url)
