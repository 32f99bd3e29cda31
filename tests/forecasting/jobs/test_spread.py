"""A run spread over forecasters: the same bytes as one made alone, whoever computes what, and whoever dies."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from forecasting import store
from forecasting.jobs.conduct import make_plan, make_run
from forecasting.jobs.cycles import cycle_on
from forecasting.jobs.spread import compute_part, spread_run
from infra.clock import FixedClock
from infra.database import Connection, connect
from tests.forecasting.jobs.reports import ASKED, WORLD

CYCLE = cycle_on(date(2020, 11, 16), "05:30", "Europe/Paris")
CLOCK = FixedClock(CYCLE.moment)


def alone(connection: Connection) -> str:
    plan = make_plan(connection, WORLD.name, CYCLE, "cycle", ASKED)
    content: str = make_run(connection, plan, ASKED, CLOCK).manifest["content"]
    return content


def test_workers_make_the_run_that_one_makes_alone(filled: Connection, world_url: str) -> None:
    expected = alone(filled)
    threads: list[threading.Thread] = []

    def send(key: str, request: Mapping[str, Any]) -> None:
        def work() -> None:
            with connect(world_url, WORLD) as own:
                # Delivered twice, as Kafka may.
                compute_part(own, request["plan"], request["chunk"])
                compute_part(own, request["plan"], request["chunk"])

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", ASKED)
    record = spread_run(filled, plan, ASKED, CLOCK, size=1, send=send)
    for thread in threads:
        thread.join()
    assert record.manifest["content"] == expected
    assert store.check_chain(filled) == (2, [])
    assert filled.execute("SELECT count(*) FROM run_part").fetchone() == (0,)


def test_what_nobody_computes_is_computed_by_the_one_that_waits(filled: Connection) -> None:
    expected = alone(filled)
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", ASKED)
    record = spread_run(filled, plan, ASKED, CLOCK, size=1, send=lambda *_: None, patience=0.0)
    assert record.manifest["content"] == expected


def test_a_request_that_comes_after_the_seal_does_nothing(filled: Connection) -> None:
    requests: list[Mapping[str, Any]] = []
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", ASKED)
    spread_run(filled, plan, ASKED, CLOCK, size=2, send=lambda _, r: requests.append(r), patience=0.0)
    assert not compute_part(filled, requests[0]["plan"], requests[0]["chunk"])


def test_without_a_broker_the_run_is_made_all_the_same(filled: Connection) -> None:
    def refuse(key: str, request: Mapping[str, Any]) -> None:
        raise ConnectionError("no broker")

    expected = alone(filled)
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", ASKED)
    assert spread_run(filled, plan, ASKED, CLOCK, size=1, send=refuse).manifest["content"] == expected


def test_a_run_that_fails_leaves_no_open_plan(filled: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("too large")

    monkeypatch.setattr("forecasting.jobs.spread.compute_part", fail)
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", ASKED)
    with pytest.raises(MemoryError):
        spread_run(filled, plan, ASKED, CLOCK, size=1, send=lambda *_: None, patience=0.0)
    assert filled.execute("SELECT count(*) FROM run_plan WHERE inputs IS NOT NULL").fetchone() == (0,)
    assert store.runs(filled) == []
