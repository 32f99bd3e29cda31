"""Counts as of a moment: the latest revision known then, and nothing of what came later."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pandas as pd
import pytest

from infra.clock import FixedClock
from infra.database import Connection
from streams.envelope import Envelope
from streams.store.counts import read_counts, read_triangle
from streams.store.erasure import erase_expired, erase_stays
from streams.store.partners import apply_agreement
from tests.streams.store.conftest import WORLD, Store
from tests.streams.stream_world import agreement
from tests.streams.week import LATER, MONDAY, call, count_report, daily, movement, week_of_events

W = WORLD.name
DAY = timedelta(days=1)
START, END = date(2020, 8, 1), date(2020, 11, 1)


def read(connection: Connection, signal: str, syndrome: str, as_of: datetime, **more: Any) -> pd.DataFrame:
    wanted: dict[str, Any] = {"places": ["44"], "start": START, "end": END}
    return read_counts(
        connection,
        signals=[signal],
        syndromes=[syndrome],
        as_of=as_of,
        **(wanted | more),
    )


def by_day(frame: pd.DataFrame) -> dict[date, float]:
    return {d.date(): v for d, v in zip(frame["reference_date"], frame["value"], strict=True)}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_order_and_any_moment_agree_with_the_plain_rule(
    connection: Connection, store: Store, seed: int
) -> None:
    rng = Random(seed)
    events = week_of_events(W, calls=200, seed=seed)
    arriving = rng.sample([*events, *rng.sample(events, 50)], len(events) + 50)
    while arriving:
        size = rng.randint(1, 80)
        store(arriving[:size])
        arriving = arriving[size:]
    for _ in range(6):
        as_of = MONDAY + timedelta(seconds=rng.randrange(12 * 86400))
        for signal, syndrome in (("sos_calls", "all"), ("sos_calls", "other"), ("lab_positives", "covid")):
            found = by_day(read(connection, signal, syndrome, as_of))
            assert found == daily(events, signal, syndrome, as_of)
            triangle = read_triangle(
                connection,
                signal=signal,
                syndrome=syndrome,
                place="44",
                start=START,
                end=END,
                as_of=as_of,
            )
            last = triangle.groupby("reference_date").tail(1)
            told = {d: v for d, v in by_day(last).items() if v != 0}
            assert told == {d: v for d, v in found.items() if v != 0}


def test_an_event_that_moved_is_counted_where_it_stands(connection: Connection, store: Store) -> None:
    version = MONDAY + DAY
    store([call(W, 1, MONDAY)])
    store([call(W, 1, MONDAY, place="49", source_version=version, reported=version, kind="update")])
    assert by_day(read(connection, "sos_calls", "all", LATER)) == {}
    assert by_day(read(connection, "sos_calls", "all", LATER, places=["49"])) == {MONDAY.date(): 1}
    assert by_day(read(connection, "sos_calls", "all", MONDAY + timedelta(hours=3))) == {MONDAY.date(): 1}


def test_contradictory_content_of_one_version_is_settled_the_same_in_any_order(
    connection: Connection, store: Store
) -> None:
    first = count_report(W, MONDAY.date(), 5, MONDAY + DAY)
    second = count_report(W, MONDAY.date(), 8, MONDAY + DAY)
    found = []
    for order in ([first, second], [second, first]):
        connection.execute("TRUNCATE observation")
        for envelope in order:
            store([envelope])
        found.append(by_day(read(connection, "lab_positives", "covid", LATER)))
    assert found[0] == found[1]


def snapshot(rows: int, version: datetime, **more: object) -> Envelope:
    content: dict[str, object] = {
        "event_id": "file",
        "source_version": version,
        "kind": "snapshot",
        "world": W,
        "partner": "chu",
        "signal": "admissions",
        "place": "44",
        "facility": "440000271",
        "reference_start": "2020-09-01",
        "reference_end": "2020-10-01",
        "value": rows,
        "reported": version,
        "reported_basis": "stated",
    }
    return Envelope.model_validate(content | more)


def test_a_snapshot_retracts_what_it_no_longer_holds_once_it_is_whole(
    connection: Connection, store: Store
) -> None:
    old, new = MONDAY + DAY, MONDAY + 3 * DAY
    stays = [movement(W, n, "admissions", MONDAY, "medecine", source_version=old) for n in range(3)]
    again = [
        movement(W, n, "admissions", MONDAY, "medecine", source_version=new, reported=new) for n in range(2)
    ]
    store(stays)
    store([snapshot(2, new), again[0]])
    # One of its rows is still on its way: nothing is retracted.
    assert by_day(read(connection, "admissions", "all", LATER)) == {MONDAY.date(): 3}
    store([again[1]])
    assert by_day(read(connection, "admissions", "all", LATER)) == {MONDAY.date(): 2}
    assert by_day(read(connection, "admissions", "all", new - timedelta(seconds=1))) == {MONDAY.date(): 3}
    # A row of an older file that arrives after the snapshot was retracted by it, too.
    store([movement(W, 9, "admissions", MONDAY, "medecine", source_version=old)])
    assert by_day(read(connection, "admissions", "all", LATER)) == {MONDAY.date(): 2}
    assert by_day(read(connection, "admissions", "all", new - timedelta(seconds=1))) == {MONDAY.date(): 4}


def test_sources_are_added_only_where_declared_disjoint(connection: Connection, store: Store) -> None:
    day = MONDAY.date()
    reports = [
        count_report(W, day, value, MONDAY + DAY, partner=partner, signal="admissions", facility=facility)
        for partner, value, facility in (("chu", 5, "1"), ("ch", 7, "2"), ("lab", 100, None))
    ]
    store(reports)
    # Two hospitals of one group come before the third source by the name of their set.
    frame = read(connection, "admissions", "covid", LATER)
    assert list(zip(frame["partner"], frame["value"], strict=True)) == [("ch+chu", 12.0)]
    apply_agreement(connection, agreement("lab", precedence=1), "test")
    frame = read(connection, "admissions", "covid", LATER)
    assert list(zip(frame["partner"], frame["value"], strict=True)) == [("lab", 100.0)]
    by_facility = read(connection, "admissions", "covid", LATER, by_facility=True)
    assert sorted(zip(by_facility["facility"], by_facility["value"], strict=True)) == [
        ("", 100.0),
        ("1", 5.0),
        ("2", 7.0),
    ]


def test_erased_events_stay_in_the_counts_and_never_come_back(connection: Connection, store: Store) -> None:
    events = week_of_events(W, calls=200)
    store(events)
    as_of = MONDAY + 4 * DAY
    before = [by_day(read(connection, "sos_calls", "covid", moment)) for moment in (as_of, LATER)]
    clock = FixedClock(datetime(2023, 9, 1, tzinfo=UTC))
    assert erase_expired(connection, clock) > 200
    connection.commit()
    assert connection.execute("SELECT count(*) FROM observation WHERE individual").fetchone() == (0,)
    assert [by_day(read(connection, "sos_calls", "covid", moment)) for moment in (as_of, LATER)] == before
    assert store([e for e in events if e.individual]).observations == 0
    assert [by_day(read(connection, "sos_calls", "covid", moment)) for moment in (as_of, LATER)] == before


def test_an_objection_refuses_what_comes_later_of_the_stay(connection: Connection, store: Store) -> None:
    arrival = movement(W, 1, "admissions", MONDAY, "medecine")
    store([arrival, movement(W, 2, "admissions", MONDAY, "medecine")])
    clock = FixedClock(LATER)
    assert erase_stays(connection, clock, "chu", [str(arrival.stay_token)]) == 1
    connection.commit()
    later = movement(W, 1, "discharges", MONDAY + DAY, "medecine")
    assert store([later]).observations == 0
    tokens = connection.execute("SELECT DISTINCT stay_token FROM observation").fetchall()
    assert tokens == [(f"{2:064d}",)]


def test_a_calendar_day_is_the_places_own(connection: Connection, store: Store) -> None:
    # Half past ten in the evening of 6 September UTC is already the 7th in Paris, and still the 6th in Cayenne;
    # on 25 October 2020 the clocks of Paris go back.
    late = datetime(2020, 9, 6, 22, 30, tzinfo=UTC)
    change = datetime(2020, 10, 25, 22, 59, tzinfo=UTC)
    store(
        [
            call(W, 1, late),
            call(W, 2, late, place="973"),
            call(W, 3, change),
            call(W, 4, change + timedelta(minutes=1)),
        ]
    )
    assert by_day(read(connection, "sos_calls", "all", LATER)) == {
        date(2020, 9, 7): 1,
        date(2020, 10, 25): 1,
        date(2020, 10, 26): 1,
    }
    assert by_day(read(connection, "sos_calls", "all", LATER, places=["973"])) == {date(2020, 9, 6): 1}
