"""The whole chain as it is installed: a week of partners' events in, the forecast on the API out.

Every process is the real command, on a real Kafka and a real TimescaleDB. What the API answers is compared
with what the simulator published, to the unit.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest

from infra.clock import end_of_day
from infra.database import connect
from infra.migrations import migrate
from infra.services.ports import choose_port
from infra.tuning import tune
from infra.world import World
from streams.envelope import Envelope
from streams.intake.backlog import wait_until_read
from streams.simulator.history import Broadcast
from streams.simulator.scenario import DEFAULT_SEED, scenario
from streams.store.counts import read_counts
from streams.topics import ensure_topics

FIRST, DAYS, HISTORY = date(2025, 12, 15), 7, 100
METEO = str(Path(sys.executable).with_name("meteo"))


@dataclass(frozen=True)
class Installed:
    """A world with its settings in the environment, as its processes see them."""

    world: World
    database_url: str
    bootstrap: str
    environment: dict[str, str]
    folder: Path

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [METEO, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )
        assert done.returncode == 0, f"meteo {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            process = subprocess.Popen([METEO, *arguments], env=self.environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def installed(kafka_bootstrap: str, timescale_database: str, tmp_path: Path) -> Installed:
    world = World.named("demo_chain")
    migrate(timescale_database, world)
    with connect(timescale_database, world) as connection:
        tune(connection)
    ensure_topics(kafka_bootstrap, world, 3)
    environment = {
        **os.environ,
        "METEO_WORLD": world.name,
        "METEO_DATABASE_URL": timescale_database,
        "METEO_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "METEO_DATA_DIR": str(tmp_path),
        "METEO_API_PORT": str(choose_port()),
        "METEO_RUN_DRAWS": "200",
        "METEO_LOG_FORMAT": "json",
    }
    return Installed(world, timescale_database, kafka_bootstrap, environment, tmp_path)


def published(world: str) -> Counter[tuple[str, date]]:
    """Return what the simulator sends of emergency visits and house calls, per signal and civil day."""
    broadcast = Broadcast(scenario("winter", FIRST, seed=DEFAULT_SEED), FIRST, DAYS, HISTORY, world)
    latest: dict[tuple[str, str], Envelope] = {}
    for envelope in broadcast.envelopes():
        if envelope.signal in ("sos_calls", "ed_visits") and envelope.individual:
            key = (envelope.partner, envelope.event_id)
            if key not in latest or envelope.source_version >= latest[key].source_version:
                latest[key] = envelope
    return Counter((e.signal, e.reference_date) for e in latest.values() if e.kind != "cancel")


@pytest.mark.timescale
@pytest.mark.slow
@pytest.mark.timeout(420)
def test_a_week_of_events_becomes_a_forecast_on_the_api(installed: Installed) -> None:
    with installed.running("worker"):
        installed.run(
            "simulate", "--from", FIRST.isoformat(), "--days", str(DAYS), "--history-days", str(HISTORY)
        )
        wait_until_read(installed.bootstrap, installed.world, timeout=120)
    check_counts(installed)
    installed.run("run", "now", "--territory", "44")
    with installed.running("serve"):
        check_api(f"http://127.0.0.1:{installed.environment['METEO_API_PORT']}")
    installed.run("run", "verify", "1")
    installed.run("run", "chain")


def check_counts(installed: Installed) -> None:
    expected = published(installed.world.name)
    assert len(expected) >= 2 * DAYS
    with connect(installed.database_url, installed.world) as connection:
        frame = read_counts(
            connection,
            signals=["sos_calls", "ed_visits"],
            syndromes=["all"],
            places=["44"],
            start=FIRST,
            end=FIRST + timedelta(days=DAYS),
            as_of=end_of_day(date(2100, 1, 1)),
        )
        letters = connection.execute("SELECT count(*) FROM dead_letter").fetchone()
    days = [FIRST + timedelta(days=n) for n in range(DAYS)]
    rows = zip(frame["signal"], frame["reference_date"], frame["value"], strict=True)
    stored = {(name, day.date()): value for name, day, value in rows if day.date() in days}
    wanted = {key: float(n) for key, n in expected.items() if key[1] in days}
    assert stored == wanted
    assert letters == (0,)


def check_api(address: str) -> None:
    with httpx.Client(base_url=address, timeout=30) as client:
        wait_until_ready(client)
        bulletin = client.get("/v1/meteo/44").json()
        assert bulletin.get("world_kind") == "demo", bulletin
        assert bulletin["colour"] in ("green", "yellow", "orange", "red")
        answer = client.get("/v1/forecasts/44", params={"target": "admissions:all"}).json()
        (forecast,) = answer["forecasts"]
        assert forecast["horizons"] == list(range(15))
        assert all(row == sorted(row) for row in forecast["quantiles"])
        page = client.get("/t/44", headers={"Accept-Language": "fr"})
        assert page.status_code == 200
        assert "Loire-Atlantique" in page.text
        assert client.get("/v1/meteo/999").headers["content-type"].startswith("application/problem+json")


def wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(client.get("/readyz").text)
