"""The frame of the `meteo` command: it knows no sub-command, each folder registers its own.

A folder names, under the entry-point group `meteo.commands`, each of its commands and the function `register(app)`
that adds it. So the frame imports none of them, a gateway installed alone has only the commands it brings, and
starting one command does not load what the others need.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated

import typer

from infra.errors import MeteoError

GROUP = "meteo.commands"
EXIT_ERROR = 2
EXIT_INTERRUPTED = 130
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"meteo {version('meteo-sante')}")
        raise typer.Exit


def _frame(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Météo santé: the health weather of a territory, and the beds it will need."""


def build_app(asked: str | None = None) -> typer.Typer:
    """Return the command with everything that is installed, or only the part that brings the command `asked`.

    A part that cannot be loaded is named on standard error and left out, so that a fault in one never keeps
    a person from stopping the services or reading the settings.
    """
    app = typer.Typer(
        name="meteo", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback()(_frame)
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    wanted = [point for point in points if point.name == asked] or points
    for point in {point.value: point for point in wanted}.values():
        _register(point, app)
    return app


def _register(point: EntryPoint, app: typer.Typer) -> None:
    try:
        register = point.load()
    except (ImportError, AttributeError) as error:
        if _debugging():
            raise
        _show(MeteoError(f"the commands of {point.name!r} ({point.value}) cannot be loaded: {error}"))
        return
    register(app)


def _debugging() -> bool:
    # Read here and not from the settings: those may be what is wrong.
    return os.environ.get("METEO_DEBUG", "").lower() not in ("", "0", "false", "no")


def _show(error: MeteoError) -> None:
    typer.secho(f"meteo: {error}", err=True, fg=typer.colors.RED)


def main() -> None:
    """Run the command; an error of ours is one message and exit code 2, with a traceback if METEO_DEBUG is set."""
    for name in THREADS:
        # Matrices here are small: more threads only wait for each other, on cores that other services need.
        os.environ.setdefault(name, "1")
    try:
        build_app(next((word for word in sys.argv[1:] if not word.startswith("-")), None))()
    except MeteoError as error:
        if _debugging():
            raise
        _show(error)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        # While modules are imported; commands that run have their own end.
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader (`head`, say) has had enough; Python must not complain while closing standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
