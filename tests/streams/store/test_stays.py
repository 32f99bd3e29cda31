"""Stays: who is present, since when, and for how long people stay."""

from __future__ import annotations

from datetime import timedelta

import pytest

from infra.database import Connection
from streams.envelope import Envelope
from streams.store.freshness import read_freshness
from streams.store.stays import read_census, read_present, read_stay_lengths
from tests.streams.store.conftest import WORLD, Store
from tests.streams.week import LATER, MONDAY, call, count_report, movement

W = WORLD.name
HOUR = timedelta(hours=1)


def test_a_stay_is_cut_where_the_kind_of_bed_changes(connection: Connection, store: Store) -> None:
    store(
        [
            movement(W, 1, "admissions", MONDAY, "medecine"),
            movement(W, 1, "transfers", MONDAY + 10 * HOUR, "chirurgie"),
            movement(W, 1, "transfers", MONDAY + 24 * HOUR, "rea-medicale"),
            movement(W, 1, "critical_admissions", MONDAY + 24 * HOUR, "rea-medicale"),
            movement(W, 1, "transfers", MONDAY + 72 * HOUR, "medecine"),
            movement(W, 1, "discharges", MONDAY + 96 * HOUR, "medecine"),
            movement(W, 2, "admissions", MONDAY + 5 * HOUR, "rea-chirurgicale"),
        ]
    )
    as_of = MONDAY + 100 * HOUR
    present = read_present(connection, "44", as_of)
    assert present[["stay_token", "unit_kind"]].to_numpy().tolist() == [[f"{2:064d}", "critical"]]
    assert present["entered"].iloc[0] == MONDAY + 5 * HOUR
    lengths = read_stay_lengths(connection, "44", MONDAY.date(), as_of)
    told = sorted(zip(lengths["unit_kind"], lengths["days"], lengths["censored"], strict=True))
    assert told == [
        ("conventional", 1.0, False),
        ("conventional", 1.0, False),
        ("critical", 2.0, False),
        ("critical", pytest.approx(95 / 24), True),
    ]


def test_what_was_not_known_yet_is_not_seen(connection: Connection, store: Store) -> None:
    store(
        [
            movement(W, 1, "admissions", MONDAY, "medecine"),
            movement(W, 1, "discharges", MONDAY + 5 * HOUR, "medecine", reported=MONDAY + 48 * HOUR),
        ]
    )
    assert len(read_present(connection, "44", MONDAY + 24 * HOUR)) == 1
    assert len(read_present(connection, "44", MONDAY + 48 * HOUR)) == 0
    assert len(read_present(connection, "44", MONDAY)) == 0


def test_a_cancelled_admission_leaves_nobody(connection: Connection, store: Store) -> None:
    version = MONDAY + 3 * HOUR
    admission = movement(W, 1, "admissions", MONDAY, "medecine")
    cancelled = {"kind": "cancel", "source_version": version, "reported": version}
    store([admission, movement(W, 1, "admissions", MONDAY, "medecine", **cancelled)])
    assert len(read_present(connection, "44", LATER)) == 0


def test_the_newest_census_by_hospital_and_kind(connection: Connection, store: Store) -> None:
    def census(day: int, unit: str | None, signal: str, value: float) -> Envelope:
        when = MONDAY + timedelta(days=day)
        more = {"signal": signal, "code": "all", "facility": "1", "partner": "chu"}
        event_id = f"{signal}|{unit}|{day}"
        unit_named = None if unit is None else f"1:{unit}"
        return count_report(W, when.date(), value, when + HOUR, event_id=event_id, unit=unit_named, **more)

    store(
        [
            census(day, unit, signal, value + day)
            for day in (0, 1)
            for unit, signal, value in (
                ("medecine", "occupied_beds", 20.0),
                ("chirurgie", "occupied_beds", 10.0),
                ("rea", "occupied_critical_beds", 5.0),
            )
        ]
    )
    found = read_census(connection, "44", MONDAY + timedelta(days=3))
    assert dict(zip(found["unit_kind"], found["occupied"], strict=True)) == {
        "conventional": 32.0,
        "critical": 6.0,
    }
    earlier = read_census(connection, "44", MONDAY + timedelta(hours=12))
    assert dict(zip(earlier["unit_kind"], earlier["occupied"], strict=True)) == {
        "conventional": 30.0,
        "critical": 5.0,
    }


def test_freshness_tells_late_from_silent(connection: Connection, store: Store) -> None:
    store([call(W, 1, MONDAY), count_report(W, MONDAY.date(), 5, MONDAY + timedelta(days=2))])

    def states(after: timedelta) -> dict[tuple[str, str], str]:
        found = read_freshness(connection, "44", MONDAY + after)
        return {(f.partner, f.signal): f.state for f in found}

    assert states(timedelta(hours=12)) == {("sos", "sos_calls"): "fresh"}
    assert states(timedelta(days=3)) == {("sos", "sos_calls"): "late", ("lab", "lab_positives"): "fresh"}
    # Laboratories tell a day 54 hours after its end: Tuesday's count was due on Friday morning.
    assert states(timedelta(days=5))["lab", "lab_positives"] == "late"
    assert states(timedelta(days=9)) == {
        ("sos", "sos_calls"): "silent",
        ("lab", "lab_positives"): "silent",
    }
