"""The clock: civil days across both changes of hour, as-of dates, anchored worlds."""

from datetime import UTC, date, datetime, timedelta

import pytest

from infra.clock import AnchoredClock, FixedClock, civil_date, end_of_day, parse_as_of


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)],
)
def test_a_civil_day_has_the_hours_the_change_of_time_gives_it(day: date, hours: int) -> None:
    length = end_of_day(day) - end_of_day(day - timedelta(days=1))
    assert length == timedelta(hours=hours)


def test_a_bare_date_means_the_end_of_that_day_in_paris() -> None:
    assert parse_as_of("2020-11-01") == datetime(2020, 11, 1, 22, 59, 59, 999999, tzinfo=UTC)
    assert parse_as_of("2020-07-01") == datetime(2020, 7, 1, 21, 59, 59, 999999, tzinfo=UTC)


def test_an_instant_needs_its_offset() -> None:
    assert parse_as_of("2020-11-01T08:00+01:00") == datetime(2020, 11, 1, 7, tzinfo=UTC)
    with pytest.raises(ValueError, match="has no offset"):
        parse_as_of("2020-11-01T08:00")


def test_the_civil_date_is_the_place_s_own() -> None:
    moment = datetime(2020, 12, 31, 23, 30, tzinfo=UTC)
    assert civil_date(moment, "Europe/Paris") == date(2021, 1, 1)
    assert civil_date(moment, "America/Cayenne") == date(2020, 12, 31)
    assert civil_date(moment, "Indian/Reunion") == date(2021, 1, 1)
    assert FixedClock(moment).today() == date(2021, 1, 1)


def test_an_anchored_clock_runs_at_its_speed_and_stands_still_at_zero() -> None:
    world = datetime(2020, 11, 1, tzinfo=UTC)
    real = datetime.now(UTC) - timedelta(seconds=10)
    assert AnchoredClock(real, world, 0).now() == world
    elapsed = AnchoredClock(real, world, 3600).now() - world
    assert timedelta(hours=10) <= elapsed < timedelta(hours=11)
