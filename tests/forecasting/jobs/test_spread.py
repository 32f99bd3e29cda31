"""A run spread over forecasters: the same bytes as one made alone, whoever computes what, and whoever dies."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from forecasting import store
from forecasting.jobs.conduct import make_plan, make_run
from forecasting.jobs.cycles import cycle_on
from forecasting.jobs.forecaster import Lesson
from forecasting.jobs.inputs import RunInputs
from forecasting.jobs.lessons import Overview, learn_lesson
from forecasting.jobs.spread import answer, spread_run
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
                answer(own, request)
                answer(own, request)

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
    assert {r["kind"] for r in requests} == {"lesson", "part"}
    assert not any(answer(filled, r) for r in requests)


def test_without_a_broker_the_run_is_made_all_the_same(filled: Connection) -> None:
    def refuse(key: str, request: Mapping[str, Any]) -> None:
        raise ConnectionError("no broker")

    expected = alone(filled)
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", ASKED)
    assert spread_run(filled, plan, ASKED, CLOCK, size=1, send=refuse).manifest["content"] == expected


def test_a_run_that_fails_leaves_no_open_plan(filled: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("too large")

    monkeypatch.setattr("forecasting.jobs.spread.answer", fail)
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", ASKED)
    with pytest.raises(MemoryError):
        spread_run(filled, plan, ASKED, CLOCK, size=1, send=lambda *_: None, patience=0.0)
    assert filled.execute("SELECT count(*) FROM run_plan WHERE inputs IS NOT NULL").fetchone() == (0,)
    assert store.runs(filled) == []


def test_what_was_learnt_once_is_drawn_by_all(filled: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the models asked: the same bytes as alone, and each target learnt exactly once."""
    asked = replace(ASKED, engine="ensemble")
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", asked)
    expected = make_run(filled, plan, asked, CLOCK)
    learnt: list[str] = []

    def counted(inputs: RunInputs, overview: Overview, name: str) -> Lesson:
        learnt.append(name)
        return learn_lesson(inputs, overview, name)

    monkeypatch.setattr("forecasting.jobs.spread.learn_lesson", counted)
    record = spread_run(filled, plan, asked, CLOCK, size=1, send=lambda *_: None, patience=0.0)
    assert record.manifest["content"] == expected.manifest["content"]
    assert record.manifest["states"] == expected.manifest["states"]
    assert sorted(learnt) == ["admissions:covid", "critical_admissions:covid", "ed_visits:covid"]


def test_a_chunk_asked_before_its_lessons_says_the_same(filled: Connection) -> None:
    """Requests may overtake each other."""
    expected = alone(filled)
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", ASKED)

    def hasty(key: str, request: Mapping[str, Any]) -> None:
        if request["kind"] == "lesson":
            answer(filled, {**request, "kind": "part", "which": 0})

    record = spread_run(filled, plan, ASKED, CLOCK, size=1, send=hasty, patience=0.0)
    assert record.manifest["content"] == expected


def _answer_and_die(url: str, request: Mapping[str, Any], begun: Any) -> None:
    with connect(url, WORLD) as own:
        begun.set()
        answer(own, request)


def test_a_forecaster_killed_in_the_middle_changes_nothing(filled: Connection, world_url: str) -> None:
    asked = replace(ASKED, engine="ensemble")
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", asked)
    expected = make_run(filled, plan, asked, CLOCK).manifest["content"]
    context = multiprocessing.get_context("spawn")
    killed: list[int | None] = []

    def send(key: str, request: Mapping[str, Any]) -> None:
        if request["which"] != 0:
            return
        begun = context.Event()
        worker = context.Process(target=_answer_and_die, args=(world_url, dict(request), begun))
        worker.start()
        assert begun.wait(60)
        time.sleep(0.2)
        worker.kill()
        worker.join()
        killed.append(worker.exitcode)

    record = spread_run(filled, plan, asked, CLOCK, size=1, send=send, patience=0.0)
    assert record.manifest["content"] == expected
    assert killed[0] == -signal.SIGKILL
