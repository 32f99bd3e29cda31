"""A broadcast through a real broker into a real database: complete, resumable, and read as the truth."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from infra.clock import AnchoredClock
from infra.errors import MeteoError
from infra.world_clock import read_clock
from streams.gateways.publisher import Publisher
from streams.simulator.history import Broadcast
from streams.simulator.live import Live, Report, speed_of
from streams.simulator.scenario import scenario
from streams.store.counts import read_counts
from streams.store.stays import read_census, read_present
from tests.streams.stream_world import StreamWorld

FIRST = date(2025, 12, 15)
DAYS = 12
PARIS = ZoneInfo("Europe/Paris")


def broadcast_to(world: StreamWorld, *, seed: int = 44) -> Broadcast:
    made = scenario("winter", FIRST, territory="53", start=date(2025, 8, 1), seed=seed)
    return Broadcast(made, FIRST, DAYS, 40, world.world.name)


def stop_after(observations: int) -> Report:
    def report(reached: datetime, sent: int) -> None:
        if sent >= observations:
            raise KeyboardInterrupt

    return report


def nothing(reached: datetime, sent: int) -> None:
    """Say nothing."""


@pytest.fixture
def world(kafka_bootstrap: str, embedded_database: str, tmp_path: Path) -> StreamWorld:
    return StreamWorld.made(kafka_bootstrap, embedded_database, tmp_path)


@pytest.mark.slow
def test_what_is_stored_after_stops_and_restarts_is_the_truth(world: StreamWorld) -> None:
    broadcast = broadcast_to(world)
    with world.connect(autocommit=True) as connection, Publisher(world.bootstrap, world.world) as publisher:
        # Cut once in the past and once in the present, then let it end.
        for cut in (5_000, 22_000):
            with pytest.raises(KeyboardInterrupt):
                Live(connection, publisher, broadcast, stop_after(cut)).run(None)
        again = Live(connection, publisher, broadcast, nothing)
        assert again.position.history_complete
        stood = again.position.published_until
        assert stood is not None
        assert broadcast.begins < stood < broadcast.ends
        clock = read_clock(connection)
        assert isinstance(clock, AnchoredClock)
        assert (clock.anchor_world, clock.speed) == (stood, 0.0)
        again.run(None)
        assert read_clock(connection).now() == broadcast.ends
    with world.worker():
        world.wait_until_read()
    sent = list(broadcast.envelopes())
    assert world.count() == len(sent)
    assert world.count("dead_letter") == 0
    assert again.position.history_observations == sum(e.reported < broadcast.begins for e in sent)
    _counts_are_the_truth(world, broadcast)
    _beds_are_the_truth(world, broadcast)


def _counts_are_the_truth(world: StreamWorld, broadcast: Broadcast) -> None:
    """Hold counts read back, from reports before the first live day and from events after it, against the truth."""
    start, end = FIRST - timedelta(days=20), FIRST + timedelta(days=2)
    signals = ["sos_calls", "lab_positives", "admissions", "ed_visits", "critical_admissions"]
    with world.connect() as connection:
        read = read_counts(
            connection,
            signals=signals,
            syndromes=["all", "covid", "influenza"],
            places=["53"],
            start=start,
            end=end,
            as_of=broadcast.ends,
        )
    found = {
        (r[0], r[1], r[2]): r[3]
        for r in zip(
            read["signal"], read["syndrome"], read["reference_date"].dt.date, read["value"], strict=True
        )
    }
    truth = broadcast.simulation
    offset = (start - truth.start).days
    for name in signals:
        for syndrome in ("all", "covid", "influenza"):
            true = truth.series(name, syndrome)[offset : offset + 22]
            told = [found.get((name, syndrome, start + timedelta(days=k)), 0) for k in range(22)]
            late = {"ed_visits", "lab_positives"}
            assert told == true.tolist() or (name in late and told[:20] == true[:20].tolist()), name


def _beds_are_the_truth(world: StreamWorld, broadcast: Broadcast) -> None:
    day = FIRST + timedelta(days=9)
    moment = datetime.combine(day + timedelta(days=1), time(), tzinfo=PARIS).astimezone(UTC)
    with world.connect() as connection:
        # Known at the end of the broadcast, present at `moment`: late entries are in.
        present = read_present(connection, "53", moment)
        census = read_census(connection, "53", broadcast.ends)
    table = broadcast.simulation.census
    true = table[table["date"] == day].groupby(["facility", "critical"])["occupied"].sum()
    counted = present.groupby(["facility", "unit_kind"]).size()
    for (facility, critical), beds in zip(true.index.tolist(), true.tolist(), strict=True):
        seen = counted.get((facility, "critical" if critical else "conventional"), 0)
        # Movements of the last hours are entered up to some hours late.
        assert seen == pytest.approx(beds, abs=4)
    last = FIRST + timedelta(days=DAYS - 2)
    true = table[table["date"] == last].groupby(["facility", "critical"])["occupied"].sum()
    told = {
        (f, kind == "critical"): n
        for f, kind, n in zip(census["facility"], census["unit_kind"], census["occupied"], strict=True)
    }
    assert told == dict(zip(true.index.tolist(), true.tolist(), strict=True))


def test_a_world_holds_one_simulation(world: StreamWorld) -> None:
    with world.connect(autocommit=True) as connection, Publisher(world.bootstrap, world.world) as publisher:
        with pytest.raises(KeyboardInterrupt):
            Live(connection, publisher, broadcast_to(world), stop_after(20_000)).run(None)
        with pytest.raises(MeteoError, match="holds another simulation"):
            Live(connection, publisher, broadcast_to(world, seed=45), nothing)


@pytest.mark.parametrize(("text", "speed"), [("1440x", 1440.0), ("1", 1.0), ("max", None), ("0.5x", 0.5)])
def test_speeds(text: str, speed: float | None) -> None:
    assert speed_of(text) == speed


@pytest.mark.parametrize("text", ["", "fast", "0x", "-3x", "nan"])
def test_wrong_speeds_say_what_to_write(text: str) -> None:
    with pytest.raises(MeteoError, match="1440x"):
        speed_of(text)
