"""The forecaster process on a real broker and database: requests in, runs out; and its commands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import typer
from typer.testing import CliRunner

from forecasting import store
from forecasting.jobs import commands
from forecasting.jobs.process import Forecaster
from infra.database import Connection, connect
from infra.errors import MeteoError
from infra.migrations import migrate
from infra.settings import Settings
from infra.world import World
from infra.world_clock import set_clock
from streams.gateways.publisher import Publisher
from streams.store.partners import apply_open_data
from streams.topics import ensure_topics
from tests.forecasting.jobs.reports import ASKED, report

NOW = datetime(2020, 11, 16, 4, 31, tzinfo=UTC)


@pytest.fixture
def chosen(embedded_database: str, kafka_bootstrap: str) -> Settings:
    """Return the settings of a world of its own whose time stands still, with two départements."""
    world = World.named(f"demo_{uuid4().hex[:8]}")
    migrate(embedded_database, world)
    ensure_topics(kafka_bootstrap, world, 2)
    with connect(embedded_database, world) as connection:
        set_clock(connection, NOW, 0.0)
        apply_open_data(connection)
        report(connection, "44", level=12.0)
        report(connection, "49", level=5.0)
    return Settings(world=world.name, database_url=embedded_database, kafka_bootstrap=kafka_bootstrap)


@pytest.fixture
def watched(chosen: Settings) -> Iterator[Connection]:
    """Open a connection to see what the forecasters did."""
    assert chosen.database_url is not None
    with connect(chosen.database_url, chosen.this_world, autocommit=True) as connection:
        yield connection


def until(connection: Connection, runs: int, seconds: float = 90.0) -> None:
    """Wait for a number of runs."""
    deadline = time.monotonic() + seconds
    while len(store.runs(connection)) < runs:
        assert time.monotonic() < deadline, f"{len(store.runs(connection))} of {runs} runs in time"
        time.sleep(0.1)


def test_forecasters_share_a_run_and_answer_a_request(chosen: Settings, watched: Connection) -> None:
    first = Forecaster(chosen, ASKED, spread=1)
    second = Forecaster(chosen, ASKED, parts_only=True)
    for process in (second, first):
        process.start()
    try:
        until(watched, 1)
        with Publisher(str(chosen.kafka_bootstrap), chosen.this_world) as publisher:
            publisher.publish_document("run-requests", "49", {"kind": "nonsense"})
            publisher.publish_document("run-requests", "49", {"kind": "run", "territories": ["49"]})
        until(watched, 2)
    finally:
        first.stop()
        second.stop()
    found = store.runs(watched)
    assert [(r.reason, r.scope["territories"]) for r in found] == [
        ("demand", ["49"]),
        ("cycle", ["44", "49"]),
    ]
    assert store.check_chain(watched) == (2, [])
    assert watched.execute("SELECT count(*) FROM run_plan WHERE run_id = 1").fetchone() == (1,)


def test_commands_make_prove_and_prune_runs(
    chosen: Settings, watched: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "settings", lambda: chosen)
    app = typer.Typer()
    commands.register(app)
    runner = CliRunner()

    def meteo(*words: str) -> str:
        result = runner.invoke(app, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "no run yet" in meteo("run", "list")
    assert meteo("run", "now", "--yardstick", "--territory", "44").startswith("run 1  ")
    assert "2020-11-16T05:31" in meteo("run", "show", "1")
    assert '"trust": "ok"' in meteo("run", "show", "1", "--territory", "44")
    assert "comes out the same" in meteo("run", "verify", "1")
    assert "draws of 5 series dropped" in meteo("run", "prune", "--before", "2021-01-01")
    assert "comes out the same" in meteo("run", "verify", "1")
    assert "chain of 1 runs holds" in meteo("run", "chain")
    assert "nothing has matured yet" in meteo("verify")
    with pytest.raises(MeteoError, match="no run 7"):
        meteo("run", "show", "7")
    with pytest.raises(MeteoError, match="has no offset"):
        meteo("run", "now", "--as-of", "2020-11-01T08:00")
