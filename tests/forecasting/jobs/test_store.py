"""The store of runs: what is written is read back, chained, proved, and protected from change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
import pytest

from forecasting import store
from forecasting.run import (
    LeadLagRow,
    Message,
    PartnerFreshness,
    Target,
    TerritoryBulletin,
    VigilanceDay,
    summarised,
)
from infra.database import Connection

AS_OF = datetime(2020, 11, 1, 4, 30, tzinfo=UTC)


def draft(as_of: datetime = AS_OF, level: float = 5.0, territory: str = "44") -> store.RunDraft:
    """Return a small run by hand."""
    rng = np.random.default_rng(1)
    series = summarised(
        territory,
        Target("admissions", "covid"),
        rng.poisson(level, (15, 300)),
        horizons=tuple(range(15)),
        unit_of_measure="admissions",
        models={"weights": {"persistence": 1.0}, "left_out": []},
    )
    day = VigilanceDay(
        territory=territory,
        facility="",
        unit="conventional",
        day=as_of.date(),
        horizon=0,
        colour="yellow",
        raw_colour="yellow",
        probability=0.125,
        beds_needed={"0.05": 1.0, "0.5": 2.5, "0.95": 9.0},
        beds_free=None,
        basis="pressure",
        driver="own",
    )
    bulletin = TerritoryBulletin(
        territory=territory,
        trust="ok",
        trust_causes=(),
        colour="yellow",
        headline_day=as_of.date(),
        headline_unit="conventional",
        message=Message("headline.yellow", {"day": as_of.date().isoformat(), "probability": 0.125}),
        freshness=(PartnerFreshness("spf", "admissions", date(2020, 10, 31), as_of, "fresh"),),
        leadlag=(LeadLagRow("sos_calls", "admissions:covid", 6.0, 5.0, 7.0, 0.4),),
        valid_until=as_of + timedelta(hours=24),
        days=(day,),
    )
    plan = store.RunPlan(
        world="demo",
        cycle="2020-11-01T05:30",
        origin=date(2020, 11, 1),
        as_of=as_of,
        reason="cycle",
        scope={"territories": [territory]},
        seed=42,
        code_digest="00" * 32,
    )
    inputs = {"panel": b"p", "rules": b"{}", "state": b"s", "config": b"{}"}
    return store.RunDraft(plan, inputs, (series,), (bulletin,), {"weights": b"w"})


def test_what_is_written_is_read_back(connection: Connection) -> None:
    written = draft()
    record = store.write_run(connection, written, AS_OF)
    found = store.latest_bulletin(connection, "44")
    assert found is not None
    assert found[0] == record
    assert found[1] == written.bulletins[0]
    pair = store.series(connection, "44", "admissions:covid")
    assert pair is not None
    assert np.array_equal(pair[1].quantiles, written.series[0].quantiles)
    assert pair[1].draws is not None
    assert written.series[0].draws is not None
    assert np.array_equal(pair[1].draws, written.series[0].draws)
    assert store.targets(connection, "44") == ["admissions:covid"]
    assert store.run(connection, record.id) == record
    assert store.bulletin(connection, record.id, "44") == written.bulletins[0]
    assert store.inputs(connection, record.id) == dict(written.inputs)


def test_reading_as_of_a_past_moment(connection: Connection) -> None:
    first = store.write_run(connection, draft(), AS_OF)
    store.write_run(connection, draft(AS_OF + timedelta(days=1), 9.0), AS_OF + timedelta(days=1))
    store.write_run(connection, draft(AS_OF + timedelta(days=1), 9.0, "49"), AS_OF + timedelta(days=1))
    found = store.latest_bulletin(connection, "44", AS_OF + timedelta(hours=1))
    assert found is not None
    assert found[0] == first
    assert store.latest_bulletin(connection, "44", AS_OF - timedelta(hours=1)) is None
    assert [b.territory for _, b in store.latest_bulletins(connection)] == ["44", "49"]
    assert [r.id for r in store.runs(connection, 2)] == [3, 2]
    assert [r.id for r in store.runs(connection, 2, before=2)] == [1]


def test_the_same_run_twice_has_the_same_content_and_another_place_in_the_chain(
    connection: Connection,
) -> None:
    first = store.write_run(connection, draft(), AS_OF)
    second = store.write_run(connection, draft(), AS_OF + timedelta(minutes=5))
    assert first.manifest["content"] == second.manifest["content"]
    assert second.previous_digest == first.digest
    assert first.digest != second.digest
    assert store.check_chain(connection) == (2, [])


def test_a_published_run_refuses_change(connection: Connection) -> None:
    store.write_run(connection, draft(), AS_OF)
    connection.commit()
    for change in (
        "UPDATE run SET seed = 1",
        "DELETE FROM run_day",
        "UPDATE run_series SET mean = '{1}'",
        "UPDATE run_territory SET colour = 'green'",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation, match="immutable"):
            connection.execute(change)
        connection.rollback()


@pytest.mark.parametrize(
    ("table", "change", "part"),
    [
        ("run_day", "UPDATE run_day SET colour = 'green'", "territories 44"),
        ("run_series", "UPDATE run_series SET mean[1] = 0", "series 44|admissions:covid|"),
        ("run", "UPDATE run SET as_of = as_of - interval '1 hour'", "digest"),
    ],
)
def test_tampering_shows(connection: Connection, table: str, change: str, part: str) -> None:
    store.write_run(connection, draft(), AS_OF)
    store.write_run(connection, draft(level=7.0), AS_OF)
    connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    connection.execute(change + (" WHERE id = 1" if table == "run" else " WHERE run_id = 1"))
    connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    assert store.check_chain(connection)[1] == [store.ChainFault(1, part)]


def test_a_run_taken_out_of_the_chain_shows(connection: Connection) -> None:
    for level in (3.0, 5.0, 7.0):
        store.write_run(connection, replace(draft(level=level), states={}), AS_OF)
    for table in ("run_series", "run_territory", "run_day", "run"):
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for table in ("run_series", "run_territory", "run_day", "run_input"):
        connection.execute(f"DELETE FROM {table} WHERE run_id = 2")
    connection.execute("DELETE FROM run WHERE id = 2")
    parts = {f.part for f in store.check_chain(connection, parts=False)[1]}
    assert parts == {"number", "previous"}


def test_draws_may_be_pruned_and_the_proof_still_holds(connection: Connection) -> None:
    store.write_run(connection, draft(), AS_OF)
    assert store.prune_draws(connection, AS_OF + timedelta(days=1)) == 1
    pair = store.series(connection, "44", "admissions:covid")
    assert pair is not None
    assert pair[1].draws is None
    assert store.check_chain(connection) == (1, [])
