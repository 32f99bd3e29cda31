"""Commands of the frame: migrations, tuning, worlds, and the demonstration."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from infra.database import connect, drop_world
from infra.errors import MeteoError
from infra.services.embedded import database_url
from infra.settings import settings
from infra.tuning import tune
from infra.world import World

console = Console()


def register(app: typer.Typer) -> None:
    """Add `db` and `demo` to the command line."""
    app.add_typer(_database_commands(), name="db", help="Migrate and tune the database of this world.")
    app.command("demo")(demo)


def demo(
    speed: Annotated[str, typer.Option(help="World seconds per second: 1440x is a day a minute.")] = "1440x",
    fresh: Annotated[bool, typer.Option(help="Forget the former demonstration and begin again.")] = False,
    offline: Annotated[bool, typer.Option(help="Do not ask the publisher for current open data.")] = False,
) -> None:
    """Start everything on this machine and show the health weather of a simulated Loire-Atlantique."""
    from infra.demo import run_demo

    run_demo(settings(), speed=speed, fresh=fresh, offline=offline)


def _database_commands() -> typer.Typer:
    commands = typer.Typer(no_args_is_help=True)

    @commands.command("migrate")
    def upgrade_command(revision: Annotated[str, typer.Argument(help="Target revision.")] = "head") -> None:
        """Bring this world's schema up to date, making it when it is not there."""
        from infra.migrations import migrate

        migrate(database_url(settings()), settings().this_world, revision)
        console.print(f"schema {settings().this_world.schema} is at {revision}")

    @commands.command("downgrade")
    def downgrade_command(
        revision: Annotated[str, typer.Argument(help="Target revision, or base.")],
        yes: Annotated[bool, typer.Option(help="Yes, lose what the newer schema holds.")] = False,
    ) -> None:
        """Take this world's schema back to an older revision."""
        if not yes:
            raise MeteoError("a downgrade loses what the newer schema holds: repeat with --yes")
        from infra.migrations import downgrade

        downgrade(database_url(settings()), settings().this_world, revision)
        console.print(f"schema {settings().this_world.schema} is back at {revision}")

    @commands.command("tune")
    def tune_command() -> None:
        """Apply what this edition of the database adds; can be repeated."""
        with connect(database_url(settings()), settings().this_world) as connection:
            result = tune(connection)
        console.print(result.edition)
        for line in result.done:
            console.print(f"  {line}")

    @commands.command("drop-world")
    def drop(name: Annotated[str, typer.Argument(help="A demo, exercise or replay world.")]) -> None:
        """Erase a world that is not operational, with everything in it."""
        world = World.named(name)
        with connect(database_url(settings()), world) as connection:
            drop_world(connection, world)
        console.print(f"world {name} is erased")

    return commands
