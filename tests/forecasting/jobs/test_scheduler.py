"""The forecaster process on a real database: one at a time, catching up, taking over, waiting out a loss."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from forecasting import store
from forecasting.jobs.scheduler import Pace, Scheduler
from infra.clock import PARIS, civil_date
from infra.database import Connection, connect
from tests.forecasting.jobs.reports import ASKED, LAST_DAY, WORLD, count, write

QUICK = Pace(look=0.05, data_run=0.0, retry=0.1, longest_retry=0.2)


@dataclass
class HandClock:
    """A world's clock that the test sets by hand."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment

    def today(self, zone: str = PARIS) -> date:
        return civil_date(self.moment, zone)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(datetime(2020, 11, 16, 4, 31, tzinfo=UTC))


def scheduler(url: str, clock: HandClock, *, on_new_data: bool = False) -> Scheduler:
    return Scheduler(url, WORLD, clock, ASKED, on_new_data=on_new_data, pace=QUICK)


def reasons(connection: Connection) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = [(r.cycle, r.reason) for r in reversed(store.runs(connection))]
    connection.rollback()
    return found


def test_cycles_are_run_once_and_missed_ones_caught_up(
    filled: Connection, world_url: str, clock: HandClock
) -> None:
    one = scheduler(world_url, clock)
    assert one.look(filled)
    assert not one.look(filled)
    clock.moment += timedelta(hours=9)
    assert one.look(filled)
    clock.moment += timedelta(days=2)
    assert one.look(filled)
    assert not one.look(filled)
    assert reasons(filled) == [
        ("2020-11-16T05:30", "cycle"),
        ("2020-11-16T13:30", "cycle"),
        ("2020-11-18T13:30", "catch-up"),
    ]
    assert store.check_chain(filled) == (3, [])


def test_a_new_day_of_a_signal_starts_a_run_and_more_of_the_same_day_does_not(
    filled: Connection, world_url: str, clock: HandClock
) -> None:
    one = scheduler(world_url, clock, on_new_data=True)
    assert one.look(filled)
    clock.moment += timedelta(hours=2)
    assert not one.look(filled)
    day = LAST_DAY + timedelta(days=1)
    write(filled, [count("44", "admissions", day, 14.0, reported=clock.moment)])
    filled.commit()
    assert one.look(filled)
    assert reasons(filled)[-1] == ("2020-11-16T07:31", "data")
    clock.moment += timedelta(hours=2)
    write(filled, [count("44", "admissions", day, 15.0, reported=clock.moment, version=1)])
    filled.commit()
    assert not one.look(filled)


def test_a_colour_goes_down_only_when_two_cycles_of_the_same_hour_agree(
    filled: Connection, world_url: str, clock: HandClock
) -> None:
    # A wall of admissions, taken back by a correction the day after: the rule says it at once, the bulletin later.
    surge = [count("44", "admissions", LAST_DAY - timedelta(days=b), 90.0, version=1) for b in range(7)]
    write(filled, surge)
    filled.commit()
    one = scheduler(world_url, clock)
    assert one.look(filled)
    clock.moment += timedelta(days=1)
    known = clock.moment - timedelta(hours=1)
    write(
        filled,
        [
            count("44", "admissions", LAST_DAY - timedelta(days=b), 4.0, version=2, reported=known)
            for b in range(7)
        ],
    )
    filled.commit()
    colours = []
    for _ in range(2):
        assert one.look(filled)
        found = store.latest_bulletin(filled, "44")
        assert found is not None
        third = next(d for d in found[1].days if d.unit == "conventional" and d.day == date(2020, 11, 19))
        colours.append((third.colour, third.raw_colour))
        clock.moment += timedelta(days=1)
    filled.rollback()
    assert colours[0][0] == "red"
    assert colours[0][1] != "red"
    assert colours[1][0] != "red"


def test_an_empty_world_waits_for_its_first_data(
    connection: Connection, world_url: str, clock: HandClock
) -> None:
    one = scheduler(world_url, clock, on_new_data=True)
    assert not one.look(connection)
    assert reasons(connection) == []


def test_only_one_forecaster_starts_runs_and_another_takes_over(
    filled: Connection, world_url: str, clock: HandClock
) -> None:
    first, second = scheduler(world_url, clock), scheduler(world_url, clock)
    threads = [threading.Thread(target=s.run, daemon=True) for s in (first, second)]
    threads[0].start()
    _until(lambda: len(reasons(filled)) == 1)
    threads[1].start()
    first.stop()
    threads[0].join(10)
    clock.moment += timedelta(hours=9)
    _until(lambda: len(reasons(filled)) == 2)
    second.stop()
    threads[1].join(10)
    assert not any(t.is_alive() for t in threads)


def test_a_lost_connection_is_made_again(filled: Connection, world_url: str, clock: HandClock) -> None:
    one = scheduler(world_url, clock)
    thread = threading.Thread(target=one.run, daemon=True)
    thread.start()
    _until(lambda: len(reasons(filled)) == 1)
    with connect(world_url, WORLD, autocommit=True) as other:
        own = filled.info.backend_pid
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
            (own,),
        )
    clock.moment += timedelta(hours=9)
    _until(lambda: len(reasons(filled)) == 2)
    one.stop()
    thread.join(10)


def _until(condition: object, seconds: float = 30.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
