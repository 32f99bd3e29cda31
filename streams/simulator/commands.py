"""`meteo simulate`: an invented territory sends its messages, its past at once and its present in time."""

from __future__ import annotations

import signal
from datetime import date, datetime
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from infra.database import connect
from infra.errors import MeteoError
from infra.services.embedded import database_url, kafka_bootstrap
from infra.settings import settings
from infra.world import World
from streams.simulator.scenario import DEFAULT_DAY, DEFAULT_SEED, NAMES, scenario

if TYPE_CHECKING:
    from streams.simulator.history import Broadcast

DEFAULT_DAYS = 180
DEFAULT_HISTORY_DAYS = 730


def register(app: typer.Typer) -> None:
    """Add `simulate` to the command line."""
    app.command("simulate")(simulate_world)


def simulate_world(
    first: Annotated[
        str, typer.Option("--from", metavar="DATE", help="First day sent event by event.")
    ] = DEFAULT_DAY.isoformat(),
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days sent event by event.")] = DEFAULT_DAYS,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same world to the byte.")] = DEFAULT_SEED,
    territory: Annotated[str, typer.Option(help="Département whose partners send.")] = "44",
    name: Annotated[str, typer.Option("--scenario", help=f"One of {', '.join(NAMES)}.")] = "winter",
    history_days: Annotated[
        int, typer.Option(min=0, help="Days before the first, sent at once as daily counts.")
    ] = DEFAULT_HISTORY_DAYS,
    live: Annotated[
        bool, typer.Option("--live", help="Let the world's time pass, and wait at its end.")
    ] = False,
    speed: Annotated[str, typer.Option(help="With --live: 1x, 1440x (a day a minute), or max.")] = "1440x",
    world: Annotated[
        str | None, typer.Option(help="World to send into; by default that of METEO_WORLD.")
    ] = None,
) -> None:
    """Send an invented territory's messages into a world that is not operational; a second start goes on."""
    from streams.simulator.history import Broadcast
    from streams.simulator.live import speed_of

    where = World.named(world or settings().world)
    if where.is_operational:
        raise MeteoError(
            f"world {where.name!r} is operational: simulated messages go to demo… or exercise… only"
        )
    first_day = _day(first)
    made = scenario(name, first_day, seed=seed, territory=territory)
    broadcast = Broadcast(made, first_day, days, history_days, where.name)
    pace = speed_of(speed) if live else None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        _send(broadcast, where, pace)
        if live:
            typer.echo("the last day is over; the world stands still until Ctrl-C")
            signal.pause()
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on from here")


def _send(broadcast: Broadcast, where: World, pace: float | None) -> None:
    # The driver of the broker is loaded only by those who send.
    from streams.gateways.publisher import Publisher
    from streams.simulator.live import Live
    from streams.topics import ensure_topics

    chosen = settings()
    bootstrap = kafka_bootstrap(chosen)
    ensure_topics(
        bootstrap, where, chosen.kafka_partitions, events_retention_days=chosen.events_retention_days
    )
    with (
        connect(database_url(chosen), where, autocommit=True) as connection,
        Publisher(bootstrap, where) as publisher,
        _progress() as progress,
    ):
        past = progress.add_task("past", total=None)
        span = (broadcast.ends - broadcast.begins).total_seconds()
        present = progress.add_task("present", total=span, visible=False)

        def report(reached: datetime, sent: int) -> None:
            passed = (reached - broadcast.begins).total_seconds()
            if passed < 0:
                progress.update(
                    past, completed=sent, description=f"past {reached:%Y-%m-%d}  {sent:,} observations"
                )
            else:
                progress.update(past, visible=False)
                told = f"{reached:%Y-%m-%d %H:%M}Z  {sent:,} observations"
                progress.update(present, visible=True, completed=passed, description=told)

        Live(connection, publisher, broadcast, report).run(pace)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise MeteoError(f"--from {text!r}: write a date as 2025-12-15") from None


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
