"""`meteo replay`: a reference folder streamed in the order its reports became known."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from infra.clock import PARIS, end_of_day, parse_as_of
from infra.errors import MeteoError
from infra.settings import Settings, settings
from infra.world import World

# The work itself is loaded by the command, so that `meteo` answers at once.
if TYPE_CHECKING:
    from streams.replay.running import Replay

_STORING_SECONDS = 600.0
_WORDS = ("pause", "resume", "status")


def replay(
    folder: Annotated[str, typer.Argument(help="Folder of reference series; or pause, resume, status.")],
    from_: Annotated[str, typer.Option("--from", help="First moment, a date or an instant.")] = "",
    to: Annotated[str, typer.Option("--to", help="Last moment.")] = "",
    speed: Annotated[str, typer.Option(help="3600x is an hour a second; max as fast as it goes.")] = "3600x",
    territory: Annotated[str, typer.Option(help="44, R52, FR, or all.")] = "44",
    world_name: Annotated[
        str, typer.Option("--world", help="World of the replay; METEO_WORLD when that is one, else replay.")
    ] = "",
    restart: Annotated[bool, typer.Option("--restart", help="Begin again instead of going on.")] = False,
    with_worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Run a worker of that world beside it.")
    ] = True,
) -> None:
    """Stream a folder of reference series in the order its reports became known, in a world of its own."""
    from infra.database import connect
    from infra.migrations import migrate
    from infra.services.embedded import database_url, kafka_bootstrap
    from infra.world_clock import set_clock
    from streams.gateways.publisher import Publisher
    from streams.intake.backlog import wait_until_read
    from streams.replay.reports import read_folder
    from streams.replay.running import Replay, read_speed
    from streams.store.partners import apply_open_data
    from streams.topics import ensure_topics

    chosen = settings()
    world = _replay_world(chosen, world_name)
    if folder in _WORDS:
        _steer(chosen, world, folder)
        return
    begin, until = _moment("--from", from_, last=False), _moment("--to", to, last=True)
    if begin >= until:
        raise MeteoError("--to must be after --from")
    pace = read_speed(speed)
    address, bootstrap = database_url(chosen), kafka_bootstrap(chosen)
    console = Console(stderr=True)
    with console.status(f"reading {folder}"):
        known = read_folder(Path(folder).expanduser(), territory, until)
        migrate(address, world)
        ensure_topics(bootstrap, world, chosen.kafka_partitions)
    with (
        connect(address, world, autocommit=True) as connection,
        Publisher(bootstrap, world) as publisher,
        _worker(world, with_worker),
    ):
        apply_open_data(connection)
        if restart:
            connection.execute("DELETE FROM bookmark WHERE name = 'replay'")
        set_clock(connection, begin, 0.0)
        running = Replay(
            world,
            connection,
            publisher,
            known,
            begin=begin,
            until=until,
            speed=pace,
            territory=territory,
        )
        _run(running, begin, until, console, len(known))
        if with_worker:
            with console.status("storing"):
                wait_until_read(bootstrap, world, timeout=_STORING_SECONDS)


def _run(running: Replay, begin: datetime, until: datetime, console: Console, total: int) -> None:
    previous = signal.signal(signal.SIGINT, lambda number, frame: running.stop())
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task(f"{begin:%Y-%m-%d}", total=(until - begin).total_seconds())

            def advance(position: datetime, published: int) -> None:
                progress.update(
                    task,
                    completed=(position - begin).total_seconds(),
                    description=f"{position:%Y-%m-%d %H:%M} · {published}/{total} reports",
                )

            stood = running.run(advance)
    finally:
        signal.signal(signal.SIGINT, previous)
    ended = "finished" if stood.position >= until else "stopped; the same command goes on from here"
    typer.echo(f"{stood.published} reports, at {stood.position:%Y-%m-%d %H:%M} UTC: {ended}")


def _steer(chosen: Settings, world: World, word: str) -> None:
    from infra.database import connect
    from infra.services.embedded import database_url
    from streams.replay.running import ask_pause, read_bookmark

    with connect(database_url(chosen), world, autocommit=True) as connection:
        stood = read_bookmark(connection) if word == "status" else ask_pause(connection, word == "pause")
    if stood is None:
        raise MeteoError(f"no replay was begun in world {world.name}")
    state = "paused" if stood.paused else "running" if stood.position < stood.until else "finished"
    typer.echo(f"{world.name}: {state} at {stood.position:%Y-%m-%d %H:%M} UTC, {stood.published} reports")


def _replay_world(chosen: Settings, name: str) -> World:
    own = chosen.this_world
    world = World.named(name) if name else own if own.kind == "replay" else World.named("replay")
    if world.kind != "replay":
        raise MeteoError(f"--world {world.name}: a replay lives in a world whose name begins with replay")
    return world


def _moment(option: str, text: str, *, last: bool) -> datetime:
    if not text:
        raise MeteoError(f"{option} is missing: write a date such as 2020-09-01")
    try:
        if len(text) == 10 and not last:
            # The evening before: the first civil day is lived through from its start.
            return end_of_day(date.fromordinal(date.fromisoformat(text).toordinal() - 1), PARIS)
        return parse_as_of(text, PARIS)
    except ValueError as error:
        raise MeteoError(f"{option}: {error}") from None


@contextmanager
def _worker(world: World, wanted: bool) -> Iterator[None]:
    """Run `meteo worker` of the replayed world while the replay runs."""
    if not wanted:
        yield
        return
    command = [sys.executable, "-m", "infra.command_line", "worker"]
    process = subprocess.Popen(  # noqa: S603 - our own command
        command,
        env={**os.environ, "METEO_WORLD": world.name, "METEO_LOG_LEVEL": "warning"},
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
