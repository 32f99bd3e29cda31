"""When runs are due: both changes of the clocks, missed cycles, and new data at most hourly."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from forecasting.jobs.cycles import cycle_on, cycles_between, latest_due, next_due, unscheduled, valid_until
from forecasting.jobs.schedule import cycle_due, data_due

TIMES = ("05:30", "13:30")
PARIS = "Europe/Paris"


def at(text: str) -> datetime:
    """Return a UTC moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        (date(2020, 10, 24), "2020-10-24T03:30"),
        (date(2020, 10, 25), "2020-10-25T04:30"),
        (date(2021, 3, 27), "2021-03-27T04:30"),
        (date(2021, 3, 28), "2021-03-28T03:30"),
    ],
)
def test_a_cycle_keeps_its_civil_time_over_both_changes_of_the_clocks(day: date, utc: str) -> None:
    assert cycle_on(day, "05:30", PARIS).moment == at(utc)


def test_each_civil_day_has_each_cycle_once_over_both_changes() -> None:
    for start in ("2020-10-23T00:00", "2021-03-26T00:00"):
        found = cycles_between(at(start), at(start) + timedelta(days=5), ("02:30", *TIMES), PARIS)
        names = [c.name for c in found]
        assert len(names) == len(set(names)) == 15
        assert names == sorted(names)


def test_an_hour_that_exists_twice_means_its_first() -> None:
    assert cycle_on(date(2020, 10, 25), "02:30", PARIS).moment == at("2020-10-25T00:30")


def test_due_at_the_very_moment_and_not_again() -> None:
    moment = at("2020-11-01T04:30")
    due = cycle_due(moment, at("2020-10-31T12:30"), TIMES, PARIS)
    assert due is not None
    assert (due.cycle.name, due.reason, due.passed_over) == ("2020-11-01T05:30", "cycle", ())
    assert cycle_due(moment, moment, TIMES, PARIS) is None
    assert cycle_due(moment - timedelta(microseconds=1), at("2020-10-31T12:30"), TIMES, PARIS) is None


def test_a_missed_cycle_is_run_once_with_its_own_as_of() -> None:
    due = cycle_due(at("2020-11-01T11:00"), at("2020-10-31T12:30"), TIMES, PARIS)
    assert due is not None
    assert due.reason == "catch-up"
    assert due.cycle.moment == at("2020-11-01T04:30")
    assert cycle_due(at("2020-11-01T11:00"), due.cycle.moment, TIMES, PARIS) is None


def test_of_many_missed_cycles_the_newest_is_run_and_the_others_are_named() -> None:
    due = cycle_due(at("2020-11-04T06:00"), at("2020-11-01T04:30"), TIMES, PARIS)
    assert due is not None
    assert due.cycle.name == "2020-11-04T05:30"
    assert due.reason == "catch-up"
    assert [c.name for c in due.passed_over] == [
        "2020-11-01T13:30",
        "2020-11-02T05:30",
        "2020-11-02T13:30",
        "2020-11-03T05:30",
        "2020-11-03T13:30",
    ]


def test_the_first_run_of_a_world_is_its_newest_cycle() -> None:
    due = cycle_due(at("2020-11-01T05:00"), None, TIMES, PARIS)
    assert due is not None
    assert due.cycle.name == "2020-11-01T05:30"
    assert due.passed_over == ()


def test_new_data_starts_a_run_at_most_once_an_hour() -> None:
    now = at("2020-11-01T09:17")
    assert data_due(now, now - timedelta(minutes=59), True, PARIS) is None
    assert data_due(now, now - timedelta(hours=3), False, PARIS) is None
    due = data_due(now, now - timedelta(hours=1), True, PARIS)
    assert due is not None
    assert (due.reason, due.cycle.name) == ("data", "2020-11-01T10:17")


def test_a_bulletin_holds_until_an_hour_after_the_next_cycle() -> None:
    assert valid_until(at("2020-11-01T04:30"), TIMES, PARIS) == at("2020-11-01T13:30")
    assert next_due(at("2020-11-01T12:30"), TIMES, PARIS).name == "2020-11-02T05:30"
    assert latest_due(at("2020-11-01T04:29"), TIMES, PARIS).name == "2020-10-31T13:30"
    assert unscheduled(at("2020-07-01T10:00"), PARIS).name == "2020-07-01T12:00"
