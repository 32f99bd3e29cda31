"""The forecaster as a process: the scheduler, and the reader of run requests, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import orjson
import psycopg
import structlog
from kafka import KafkaConsumer
from kafka.errors import KafkaError

from forecasting.jobs.conduct import make_plan, make_run
from forecasting.jobs.cycles import unscheduled
from forecasting.jobs.gather import Asked
from forecasting.jobs.scheduler import Scheduler
from forecasting.jobs.spread import answer, spread_run
from forecasting.run import RunRecord
from forecasting.store.draft import RunPlan
from infra.clock import Clock, parse_as_of
from infra.database import Connection, connect
from infra.errors import MeteoError
from infra.services.embedded import database_url, kafka_bootstrap
from infra.settings import Settings
from infra.world_clock import StoredClock
from streams.gateways.publisher import Publisher

log = structlog.get_logger(__name__)

TOPIC = "run-requests"
RETRY = 5.0


class Forecaster:
    """One forecaster process of a world.

    Parameters
    ----------
    spread
        Territories per request to other forecasters; 0 computes runs in this process.
    parts_only
        Whether to leave starting runs to others.
    """

    def __init__(self, chosen: Settings, asked: Asked, *, spread: int = 0, parts_only: bool = False) -> None:
        self._settings = chosen
        self._asked = asked
        self._spread = spread
        self._url = database_url(chosen)
        self._clock = StoredClock(self._url, chosen.this_world)
        self._stopping = threading.Event()
        self._scheduler = Scheduler(
            self._url,
            chosen.this_world,
            self._clock,
            asked,
            on_new_data=chosen.run_on_new_data,
            make=self._make,
        )
        self._threads = [threading.Thread(target=self._read_requests, name="run-requests", daemon=True)]
        if not parts_only:
            self._threads.append(threading.Thread(target=self._scheduler.run, name="scheduler", daemon=True))

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask the threads to end, and wait for what they are doing; a run half made is made again later."""
        self._stopping.set()
        self._scheduler.stop()
        for thread in self._threads:
            thread.join(timeout=10)
        self._clock.close()

    def _make(self, connection: Connection, plan: RunPlan, asked: Asked, clock: Clock) -> RunRecord:
        if not self._spread or len(plan.scope["territories"]) <= self._spread:
            return make_run(connection, plan, asked, clock)

        def send(key: str, document: Mapping[str, Any]) -> None:
            with Publisher(kafka_bootstrap(self._settings), self._settings.this_world) as publisher:
                publisher.publish_document(TOPIC, key, document)

        return spread_run(connection, plan, asked, clock, size=self._spread, send=send)

    def _read_requests(self) -> None:
        """Read requests until stopped; a broker or database that went away is waited for."""
        while not self._stopping.is_set():
            try:
                self._consume()
            except (KafkaError, psycopg.Error, MeteoError) as error:
                log.warning("requests_wait", error=str(error).strip(), seconds=RETRY)
                self._stopping.wait(RETRY)

    def _consume(self) -> None:
        world = self._settings.this_world
        consumer = KafkaConsumer(
            world.topic(TOPIC),
            bootstrap_servers=kafka_bootstrap(self._settings).split(","),
            group_id=world.group("forecaster"),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=1,
            # A part of a large run takes longer than the default patience of the broker.
            max_poll_interval_ms=900_000,
        )
        try:
            while not self._stopping.is_set():
                for records in consumer.poll(timeout_ms=500).values():
                    for record in records:
                        self._answer(record.value)
                        consumer.commit()
        finally:
            consumer.close()

    def _answer(self, raw: bytes | None) -> None:
        """Do what one request asks; one that cannot be understood or done is logged and left."""
        try:
            request = orjson.loads(raw or b"")
            kind = request["kind"]
            with connect(self._url, self._settings.this_world) as connection:
                if kind in ("lesson", "part"):
                    answer(connection, request)
                elif kind == "run":
                    self._demand(connection, request)
                else:
                    log.warning("request_unknown", kind=kind)
        except psycopg.OperationalError:
            raise
        except Exception as error:  # one bad request must not keep the next from being answered
            log.warning("request_failed", error=f"{type(error).__name__}: {error}", exc_info=True)

    def _demand(self, connection: Connection, request: Mapping[str, Any]) -> None:
        zone = self._settings.timezone
        moment = parse_as_of(request["as_of"], zone) if request.get("as_of") else self._clock.now()
        plan = make_plan(
            connection,
            self._settings.world,
            unscheduled(moment, zone),
            "demand",
            self._asked,
            [str(t) for t in request.get("territories") or ()],
        )
        make_run(connection, plan, self._asked, self._clock)
