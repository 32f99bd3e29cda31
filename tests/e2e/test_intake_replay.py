"""A replay on real services: at every moment the world knows what was knowable, and no more."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from infra.errors import MeteoError
from infra.world_clock import read_clock
from streams.gateways.publisher import Publisher
from streams.replay.reports import read_folder
from streams.replay.running import Replay, ask_pause, read_bookmark
from streams.store.counts import read_counts
from tests.streams.stream_world import StreamWorld

FINAL = "date,dep,ed_covid,ed_total,ed_covid_hosp,sos_covid,sos_total\n" + "".join(
    f"2020-09-{day:02},44,{10 + day},500,2,4,300\n" for day in range(1, 21)
)
VINTAGES = "as_of,date,dep,ed_covid,ed_total,ed_covid_hosp,sos_covid,sos_total,lag\n" + "".join(
    f"2020-09-11,2020-09-{day:02},44,{8 + day},500,2,4,300,{11 - day}\n" for day in range(5, 11)
)
BEGIN, UNTIL = datetime(2020, 9, 5, tzinfo=UTC), datetime(2020, 10, 20, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "series"
    made.mkdir()
    (made / "daily.csv").write_text(FINAL)
    (made / "vintages.csv").write_text(VINTAGES)
    return made


@pytest.fixture
def stream(kafka_bootstrap: str, embedded_database: str, tmp_path: Path) -> StreamWorld:
    return StreamWorld.made(kafka_bootstrap, embedded_database, tmp_path)


def visits(stream: StreamWorld, as_of: datetime) -> dict[int, float]:
    with stream.connect() as connection:
        frame = read_counts(
            connection,
            signals=["ed_visits"],
            syndromes=["covid"],
            places=["44"],
            start=date(2020, 9, 1),
            end=date(2020, 10, 1),
            as_of=as_of,
        )
    return {d.day: v for d, v in zip(frame["reference_date"], frame["value"], strict=True)}


def test_a_replay_stops_goes_on_and_ends_with_what_was_knowable(stream: StreamWorld, folder: Path) -> None:
    known = read_folder(folder, "44", UNTIL)
    stops_at = BEGIN + timedelta(days=4)
    with (
        stream.worker(),
        stream.connect(autocommit=True) as connection,
        Publisher(stream.bootstrap, stream.world) as publisher,
    ):
        first = Replay(stream.world, connection, publisher, known, begin=BEGIN, until=UNTIL, speed=None)
        stood = first.run(lambda position, published: first.stop() if position >= stops_at else None)
        assert stood.position == stops_at
        assert read_clock(connection).now() == stops_at
        stream.wait_until_read()
        assert max(visits(stream, UNTIL)) == 6, "nothing may come before it was known"

        second = Replay(stream.world, connection, publisher, known, begin=BEGIN, until=UNTIL, speed=None)
        ended = second.run(lambda position, published: None)
        stream.wait_until_read()
    assert ended.position == UNTIL
    assert ended.published == len(known) == stream.count()
    assert visits(stream, UNTIL) == {day: 10 + day for day in range(1, 21)}
    # On the evening of the 11th the file of that day was what was known of the 9th; on the 10th nothing was.
    assert visits(stream, datetime(2020, 9, 11, 18, tzinfo=UTC))[9] == 17
    assert 9 not in visits(stream, datetime(2020, 9, 10, 18, tzinfo=UTC))


def test_a_paused_replay_waits_and_goes_on(stream: StreamWorld, folder: Path) -> None:
    known = read_folder(folder, "44", UNTIL)
    reached: list[datetime] = []
    with (
        stream.connect(autocommit=True) as connection,
        stream.connect(autocommit=True) as other,
        Publisher(stream.bootstrap, stream.world) as publisher,
    ):
        running = Replay(stream.world, connection, publisher, known, begin=BEGIN, until=UNTIL, speed=86400.0)

        def advance(position: datetime, published: int) -> None:
            reached.append(position)
            if len(reached) == 1:
                ask_pause(other, paused=True)

        thread = threading.Thread(target=running.run, args=(advance,))
        thread.start()
        time.sleep(3)
        assert len(reached) == 1
        assert read_clock(other).now() == reached[0], "a paused world's clock stands"
        ask_pause(other, paused=False)
        time.sleep(3)
        running.stop()
        thread.join()
        assert len(reached) > 1
        bookmark = read_bookmark(other)
    assert bookmark is not None
    assert bookmark.position == reached[-1]


def test_a_pause_does_not_outlive_its_replay_and_a_territory_is_not_taken_for_another(
    stream: StreamWorld, folder: Path
) -> None:
    known = read_folder(folder, "44", UNTIL)
    with (
        stream.connect(autocommit=True) as connection,
        Publisher(stream.bootstrap, stream.world) as publisher,
    ):

        def made(territory: str) -> Replay:
            return Replay(
                stream.world,
                connection,
                publisher,
                known,
                begin=BEGIN,
                until=UNTIL,
                speed=None,
                territory=territory,
            )

        first = made("44")
        first.run(lambda position, published: first.stop())
        ask_pause(connection, paused=True)
        assert made("44").run(lambda position, published: None).position == UNTIL
        with pytest.raises(MeteoError, match="replays territory 44, not 53: --restart"):
            made("53").run(lambda position, published: None)
