"""The live stream: what anybody hears, and going on where one was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from infra.services.cluster import PostgresCluster
from streams.outbox import announce
from tests.api.conftest import Served, serving
from tests.api.published import AS_OF, ORIGIN, Story, observe, publish
from tests.fixtures.databases import fresh_database

Event = tuple[str | None, str, dict[str, Any]]


@contextmanager
def following(client: httpx.Client, last: str | None = None) -> Iterator[Iterator[Event]]:
    headers = {} if last is None else {"Last-Event-ID": last}
    with client.stream("GET", "/v1/stream", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield fields.get("id"), fields["event"], json.loads(fields["data"])
            fields = {}


def test_a_reader_hears_of_a_run_and_then_reads_it(fresh: Served) -> None:
    with fresh.client() as client, following(client) as events:
        assert next(events)[1] == "hello"
        before = client.get("/v1/meteo/44").json()["run"]["id"]
        with fresh.connect() as connection:
            record = publish(connection, [Story(needed=70)], as_of=AS_OF + timedelta(hours=1))
        number, topic, news = next(events)
        assert topic == "runs"
        assert number is not None
        assert news == {"run": record.id, "territory": "44", "colour": "red"}
        # What was kept ready is made anew: news never leads to an old answer.
        assert client.get("/v1/meteo/44").json()["run"]["id"] == record.id > before


def test_a_reader_goes_on_after_the_last_event(fresh: Served) -> None:
    with fresh.client() as client:
        with following(client) as events:
            next(events)
            with fresh.connect() as connection:
                publish(connection, as_of=AS_OF + timedelta(hours=1))
            last, _, _ = next(events)
        with fresh.connect() as connection:
            missed = [publish(connection, as_of=AS_OF + timedelta(hours=n)).id for n in (2, 3)]
        with following(client, last) as events:
            assert next(events)[1] == "hello"
            heard = [next(events) for _ in missed]
    assert [news["run"] for _, _, news in heard] == missed
    assert all(number is not None and last is not None and int(number) > int(last) for number, _, _ in heard)


def test_an_old_place_is_read_from_the_table(fresh: Served) -> None:
    # The first news were written before this process listened.
    with fresh.client() as client, following(client, "0") as events:
        assert [next(events)[1] for _ in range(2)] == ["hello", "runs"]


def test_news_committed_late_is_told_to_who_comes_back_after_a_restart(
    fresh: Served, assets_folder: Path
) -> None:
    with fresh.client() as client, following(client) as events, fresh.connect() as slow:
        next(events)
        late = announce(slow, "runs", "44", {"run": 1, "territory": "44"}, public=True)
        with fresh.connect() as connection:
            publish(connection, as_of=AS_OF + timedelta(hours=1))
        last, _, _ = next(events)
        assert last is not None
        assert int(last) > late
        # This reader has gone, or its process has, when the row with the lower number appears.
        slow.commit()
    with (
        serving(fresh.database_url, assets_folder, fill=lambda connection: None) as again,
        again.client() as client,
        following(client, last) as events,
    ):
        assert next(events)[1] == "hello"
        heard = {int(number) for number, _, _ in (next(events), next(events)) if number}
    assert late in heard
    assert int(last) not in heard


def test_however_late_news_were_committed_they_are_told_to_who_comes_back(
    fresh: Served, assets_folder: Path
) -> None:
    with fresh.connect() as connection:
        news = {"run": 1, "territory": "44"}
        told, late, place = (announce(connection, "runs", "44", news, public=True) for _ in range(3))
        # The relay published one before the reader's place was written, the other hours after it was inserted.
        connection.execute(
            "UPDATE outbox SET created = created - interval '9 hours', published = created - interval '9 hours'"
        )
        connection.execute(
            "UPDATE outbox SET published = clock_timestamp(), created = CASE WHEN id = %s"
            " THEN clock_timestamp() - interval '1 minute' ELSE created END WHERE id IN (%s, %s)",
            (place, late, place),
        )
        connection.commit()
    with (
        serving(fresh.database_url, assets_folder, fill=lambda connection: None) as again,
        again.client() as client,
        following(client, str(place)) as events,
    ):
        assert next(events)[1] == "hello"
        heard = next(events)[0]
    assert heard == str(late)
    assert heard != str(told)


def test_anybody_hears_sums_in_wide_steps_and_a_session_each_partner(fresh: Served) -> None:
    day = ORIGIN
    with fresh.client() as anybody, fresh.operator() as operator:
        with following(anybody) as public, following(operator) as private:
            next(public), next(private)
            with fresh.connect() as connection:
                observe(connection, "chu", "admissions", {("covid", day): 3.0})
                many = {("covid", day - timedelta(days=n)): 5.0 for n in range(120)}
                observe(connection, "sos-nantes", "samu_calls", many)
            first, second = next(private)[2], next(private)[2]
            _, topic, told = next(public)
    assert (first["partner"], first["signals"]) == ("chu", {"admissions": 1})
    assert second["received"] == 121
    assert (topic, told) == ("observations", {"received": 100})


def test_a_place_that_is_no_number_is_refused(served: Served) -> None:
    with served.client() as client:
        answer = client.get("/v1/stream", headers={"Last-Event-ID": "x"})
    assert answer.status_code == 400


def test_outside_a_demonstration_the_public_reads_cycles_only(
    embedded_server: PostgresCluster, assets_folder: Path
) -> None:
    with (
        fresh_database(embedded_server.url) as address,
        serving(address, assets_folder, world="replay_test") as replay,
    ):
        with replay.connect() as connection:
            extra = publish(connection, [Story(needed=70)], as_of=AS_OF + timedelta(hours=1), reason="data")
        with replay.client() as client:
            assert client.get("/v1/meteo/44").json()["run"]["id"] == 1
            assert client.get(f"/v1/runs/{extra.id}").status_code == 404
            assert [r["id"] for r in client.get("/v1/runs").json()["runs"]] == [1]
            assert "yellow" in client.get("/").text
            assert _newest_run(client).startswith("run 1,")
        with replay.operator() as client:
            assert client.get("/v1/meteo/44").json()["run"]["id"] == extra.id
            assert _newest_run(client).startswith(f"run {extra.id},")


def _newest_run(client: httpx.Client) -> str:
    checks = {check["name"]: check["detail"] for check in client.get("/readyz").json()["checks"]}
    return str(checks["newest_run"])
