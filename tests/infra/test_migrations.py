"""Migrations, tuning, locks and clocks of worlds, on every edition of the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from infra.clock import SystemClock
from infra.database import Connection, advisory_lock, connect, drop_world, open_pool
from infra.errors import MeteoError
from infra.migrations import downgrade, migrate
from infra.tuning import edition_of, tune
from infra.world import World
from infra.world_clock import StoredClock, read_clock, set_clock

DEMO, REPLAY = World.named("demo"), World.named("replay2020")


def _tables(url: str, world: World) -> set[str]:
    with connect(url, world) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (world.schema,))
        return {name for (name,) in rows} - {"schema_version"}


def test_the_schema_goes_up_down_and_up_again(each_database: str) -> None:
    migrate(each_database, DEMO)
    first = _tables(each_database, DEMO)
    assert {"observation", "run", "outbox", "dead_letter", "tombstone"} <= first
    downgrade(each_database, DEMO, "base")
    assert _tables(each_database, DEMO) == set()
    migrate(each_database, DEMO)
    migrate(each_database, DEMO)
    assert _tables(each_database, DEMO) == first


def test_worlds_migrate_apart_and_only_those_that_do_not_operate_are_erased(embedded_database: str) -> None:
    operational = World.named("nantes")
    for world in (DEMO, REPLAY, operational):
        migrate(embedded_database, world)
    downgrade(embedded_database, REPLAY, "base")
    assert _tables(embedded_database, DEMO)
    assert _tables(embedded_database, REPLAY) == set()
    with connect(embedded_database, DEMO) as connection:
        drop_world(connection, DEMO)
        with pytest.raises(MeteoError, match="operational"):
            drop_world(connection, operational)
    assert _tables(embedded_database, DEMO) == set()


@pytest.mark.timescale
def test_tuning_makes_hypertables_under_living_data_and_changes_nothing_twice(
    timescale_database: str,
) -> None:
    migrate(timescale_database, DEMO)
    with connect(timescale_database, DEMO) as connection:
        _insert_call(connection)
        first = tune(connection)
        assert first.edition == edition_of(connection)
        assert tune(connection) == first
        row = connection.execute(
            "SELECT count(*) FROM timescaledb_information.hypertables WHERE hypertable_schema = %s",
            (DEMO.schema,),
        ).fetchone()
        assert row == (1,)
        assert connection.execute("SELECT count(*) FROM observation").fetchone() == (1,)
    downgrade(timescale_database, DEMO, "base")
    assert _tables(timescale_database, DEMO) == set()


@pytest.mark.community
@pytest.mark.timescale
def test_tuning_adds_the_columnstore_where_the_edition_has_it(timescale_database: str) -> None:
    migrate(timescale_database, DEMO)
    with connect(timescale_database, DEMO) as connection:
        if edition_of(connection) != "timescaledb-community":
            pytest.skip(
                "this TimescaleDB is the Apache edition; give a Community one in METEO_TEST_DATABASE_URL"
            )
        assert any("columnstore" in line for line in tune(connection).done)


def test_tuning_leaves_plain_postgresql_as_it_is(embedded_database: str) -> None:
    migrate(embedded_database, DEMO)
    with connect(embedded_database, DEMO) as connection:
        assert tune(connection).edition == "postgresql"


def test_a_lock_is_held_by_one_and_each_world_has_its_own(embedded_database: str) -> None:
    for world in (DEMO, REPLAY):
        migrate(embedded_database, world)
    with (
        connect(embedded_database, DEMO) as one,
        connect(embedded_database, DEMO) as two,
        connect(embedded_database, REPLAY) as other,
        advisory_lock(one, "scheduler") as first,
    ):
        with advisory_lock(two, "scheduler") as second, advisory_lock(other, "scheduler") as third:
            assert (first, second, third) == (True, False, True)


def test_a_pool_s_connections_see_their_world_only(embedded_database: str) -> None:
    migrate(embedded_database, DEMO)
    with open_pool(embedded_database, DEMO, size=2) as pool, pool.connection() as connection:
        assert connection.execute("SELECT current_schema()").fetchone() == (DEMO.schema,)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)


def test_an_address_without_a_server_says_so() -> None:
    with pytest.raises(MeteoError, match="no database answers"):
        connect("postgresql://127.0.0.1:1/none", DEMO)


def test_every_process_of_a_world_tells_the_world_s_time(embedded_database: str) -> None:
    migrate(embedded_database, DEMO)
    wave = datetime(2020, 11, 1, 4, 30, tzinfo=UTC)
    clock = StoredClock(embedded_database, DEMO, refresh=0)
    with connect(embedded_database, DEMO) as connection:
        assert isinstance(read_clock(connection), SystemClock)
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
        set_clock(connection, wave, 0)
        connection.commit()
        assert clock.now() == wave
        set_clock(connection, wave, 3600)
        connection.commit()
        assert wave <= clock.now() < wave + timedelta(hours=5)
        assert clock.today() == wave.date()
    clock.close()


def test_a_clock_goes_on_while_the_database_is_away() -> None:
    clock = StoredClock("postgresql://127.0.0.1:1/none", DEMO, refresh=0)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def _insert_call(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO observation (partner, event_id, source_version, digest, kind, signal, syndrome, place,"
        " reference_date, reference_end, value, unit_of_measure, individual, agreement_version, reported,"
        " reported_basis) VALUES ('sos', 'e1', now(), 'd', 'insert', 'sos_calls', 'influenza', '44',"
        " '2026-01-01', '2026-01-02', 1, 'acts', true, 1, now(), 'stated')"
    )
