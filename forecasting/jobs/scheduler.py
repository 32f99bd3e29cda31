"""The forecaster process: one of them, under a lock of the world, starts every run.

It looks at the world's clock about every second, runs what is due, and verifies past runs once a day. A database
that went away is waited for; a run that failed is tried again, later and later, and never stops the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import psycopg
import structlog

from forecasting import store
from forecasting.jobs.conduct import make_plan, make_run
from forecasting.jobs.gather import Asked
from forecasting.jobs.news import Heard, keep_heard, listen, read_heard
from forecasting.jobs.schedule import Due, cycle_due, data_due
from forecasting.jobs.verification import verify_matured
from forecasting.run import RunRecord
from forecasting.store.draft import RunPlan
from infra.clock import Clock
from infra.database import Connection, advisory_lock, connect
from infra.errors import MeteoError
from infra.world import World

log = structlog.get_logger(__name__)

LOCK = "forecaster"
Maker = Callable[[Connection, RunPlan, Asked, Clock], RunRecord]


@dataclass(frozen=True)
class Pace:
    """How often the forecaster looks, in seconds of the machine.

    Attributes
    ----------
    look
        Between two looks at the clock.
    data_run
        Least between two runs for new data: a world that runs fast would otherwise do nothing else.
    retry, longest_retry
        First and longest pause after a failure.
    """

    look: float = 1.0
    data_run: float = 60.0
    retry: float = 2.0
    longest_retry: float = 60.0


class Scheduler:
    """Starts the runs of a world.

    Parameters
    ----------
    asked
        Settings of the runs, with the civil times of the cycles.
    on_new_data
        Whether material new data starts a run.
    make
        Makes a run: in this process, or spread over workers.
    """

    def __init__(
        self,
        database_url: str,
        world: World,
        clock: Clock,
        asked: Asked,
        *,
        on_new_data: bool = True,
        pace: Pace | None = None,
        make: Maker = make_run,
    ) -> None:
        self._database_url = database_url
        self._world = world
        self._clock = clock
        self._asked = asked
        self._on_new_data = on_new_data
        self._pace = pace or Pace()
        self._make = make
        self._stopping = threading.Event()
        self._last_data_run = float("-inf")
        self._not_before: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._verified: date | None = None

    def stop(self) -> None:
        """Ask the scheduler to end after the run it is making."""
        self._stopping.set()

    def run(self) -> None:
        """Start runs until stopped."""
        pause = self._pace.retry
        while not self._stopping.is_set():
            try:
                self._hold_and_look()
                pause = self._pace.retry
            except (psycopg.Error, MeteoError) as error:
                log.warning("forecaster_waits", error=str(error).strip(), seconds=pause)
                self._stopping.wait(pause)
                pause = min(pause * 2, self._pace.longest_retry)

    def _hold_and_look(self) -> None:
        with (
            connect(self._database_url, self._world, autocommit=True) as holder,
            advisory_lock(holder, LOCK) as held,
        ):
            if not held:
                # Another forecaster starts the runs of this world; be ready to take over.
                self._stopping.wait(self._pace.retry)
                return
            log.info("forecaster_ready", world=self._world.name)
            with connect(self._database_url, self._world) as connection:
                while not self._stopping.is_set():
                    # A lock lost with its connection must not leave two schedulers.
                    holder.execute("SELECT 1")
                    if not self.look(connection):
                        self._stopping.wait(self._pace.look)

    def look(self, connection: Connection) -> bool:
        """Run what is due now; return whether a run was made."""
        now = self._clock.now()
        before = read_heard(connection)
        heard = listen(connection, before)
        due = self._due(connection, now, before, heard)
        connection.rollback()
        if due is None:
            return False
        made = self._start(connection, due)
        if made:
            keep_heard(connection, heard)
            connection.commit()
            self._verify(connection, now)
        return made

    def _due(self, connection: Connection, now: datetime, before: Heard, heard: Heard) -> Due | None:
        last_cycle, last_run = store.last_moments(connection)
        due = cycle_due(now, last_cycle, self._asked.cycles, self._asked.zone)
        if due is not None and self._may_try(due.cycle.name):
            return due
        patient = time.monotonic() - self._last_data_run >= self._pace.data_run
        if not (self._on_new_data and patient):
            return None
        due = data_due(now, last_run, heard.advanced_from(before), self._asked.zone)
        return due if due is not None and self._may_try("data") else None

    def _may_try(self, name: str) -> bool:
        return time.monotonic() >= self._not_before.get(name, 0.0)

    def _start(self, connection: Connection, due: Due) -> bool:
        if due.passed_over:
            log.warning(
                "cycles_passed_over",
                cycles=len(due.passed_over),
                first=due.passed_over[0].name,
                last=due.passed_over[-1].name,
            )
        name = "data" if due.reason == "data" else due.cycle.name
        try:
            plan = make_plan(connection, self._world.name, due.cycle, due.reason, self._asked)
            self._make(connection, plan, self._asked, self._clock)
        except psycopg.OperationalError:
            raise
        except Exception as error:  # whatever broke this run must not keep the next from being made
            connection.rollback()
            self._put_off(name, error)
            return False
        if due.reason == "data":
            self._last_data_run = time.monotonic()
        self._pauses.clear()
        self._not_before.clear()
        return True

    def _put_off(self, name: str, error: Exception) -> None:
        pause = self._pauses.get(name, self._pace.retry)
        self._pauses[name] = min(pause * 2, self._pace.longest_retry)
        self._not_before[name] = time.monotonic() + pause
        expected = isinstance(error, MeteoError)
        log.warning("run_put_off", run=name, error=str(error), seconds=pause, exc_info=not expected)

    def _verify(self, connection: Connection, now: datetime) -> None:
        if self._verified == now.date():
            return
        self._verified = now.date()
        try:
            verify_matured(connection, now)
            connection.commit()
        except Exception as error:  # verification may be late; a forecast may not
            connection.rollback()
            log.warning("verification_failed", error=str(error), exc_info=True)
