"""The worker process: Faust application, outbox relay, retention, and starting again when the broker went away.

Several workers of one world share the partitions; each is this same process.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import structlog

from infra.database import connect
from infra.errors import MeteoError
from infra.world import World
from streams.intake.application import BatchLimits, Intake, build_application
from streams.intake.retention import keep_retention
from streams.intake.writing import BatchWriter
from streams.outbox import Relay
from streams.store.partners import apply_open_data
from streams.topics import ensure_topics

log = structlog.get_logger(__name__)

_LONGEST_PAUSE = 10.0


class Worker:
    """One worker of a world.

    Parameters
    ----------
    database_url, bootstrap, world
        Where it reads and stores.
    partitions, events_retention_days
        For topics that are not there yet.
    """

    def __init__(
        self,
        database_url: str,
        bootstrap: str,
        world: World,
        *,
        partitions: int = 4,
        events_retention_days: int = 7,
        limits: BatchLimits | None = None,
    ) -> None:
        self._database_url = database_url
        self._bootstrap = bootstrap
        self._world = world
        self._partitions = partitions
        self._events_retention_days = events_retention_days
        self._limits = limits
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask the worker to end after the batch it is writing."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped; a broker or database that went away is waited for."""
        relay = Relay(self._database_url, self._bootstrap, self._world)
        relay.start()
        retention = asyncio.create_task(keep_retention(self._database_url, self._world))
        pause = 0.5
        try:
            while not self._stopping.is_set():
                stored = await self._run_once()
                if self._stopping.is_set():
                    return
                pause = 0.5 if stored else min(pause * 2, _LONGEST_PAUSE)
                log.warning("worker_starts_again", seconds=pause)
                await _wait(self._stopping, pause)
        finally:
            retention.cancel()
            await asyncio.to_thread(relay.stop)

    async def _run_once(self) -> bool:
        """Run one application until it ends; return whether it stored anything."""
        try:
            await asyncio.to_thread(self._prepare)
        except (MeteoError, psycopg.Error) as error:
            log.warning("worker_waits", error=str(error))
            return False
        writer = BatchWriter(self._database_url, self._world)
        intake = Intake(self._world, writer, self._limits)
        with tempfile.TemporaryDirectory(prefix="meteo-faust-") as folder:
            application = build_application(self._world, self._bootstrap, folder)
            intake.attach(application)
            try:
                await self._until_ended(application)
            except Exception as error:
                # Whatever ended the application, nothing was acknowledged that is not stored.
                log.warning("application_ended", error=f"{type(error).__name__}: {error}")
            finally:
                writer.stop()
                await _quietly(application.stop)
                await asyncio.to_thread(writer.close)
        return intake.stored > 0

    def _prepare(self) -> None:
        made = ensure_topics(
            self._bootstrap, self._world, self._partitions, events_retention_days=self._events_retention_days
        )
        if made:
            log.info("topics_made", topics=len(made))
        with connect(self._database_url, self._world) as connection:
            apply_open_data(connection)

    async def _until_ended(self, application: Any) -> None:
        await application.start()
        log.info("worker_ready", world=self._world.name)
        stopping = asyncio.create_task(self._stopping.wait())
        ended = asyncio.create_task(application.wait_until_stopped())
        crashed = asyncio.create_task(application._crashed.wait())
        tasks = {stopping, ended, crashed}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()


async def _quietly(stop: Callable[[], Awaitable[None]]) -> None:
    """Stop the application within a bounded time; it may have lost its broker."""
    try:
        await asyncio.wait_for(stop(), 15)
    except Exception as error:
        log.debug("application_stop", error=f"{type(error).__name__}: {error}")


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


def run_worker(worker_of: Callable[[], Worker]) -> None:
    """Run a worker in this process until SIGINT or SIGTERM."""

    async def main() -> None:
        worker = worker_of()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, worker.stop)
        await worker.run()

    asyncio.run(main())
