"""Bad input: each is found with its reason, and the good ones beside it are stored."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.clock import SystemClock
from streams.gateways.importing import Importer
from streams.gateways.open_data.tables import parse_table
from streams.gateways.publisher import Publisher
from streams.gateways.quarantine import Quarantine
from streams.store.dead_letters import list_dead_letters, show_dead_letter
from tests.streams.stream_world import StreamWorld
from tests.streams.week import MONDAY, call


@pytest.fixture
def stream(kafka_bootstrap: str, embedded_database: str, tmp_path: Path) -> StreamWorld:
    return StreamWorld.made(kafka_bootstrap, embedded_database, tmp_path)


def broken(stream: StreamWorld, number: int, **changes: Any) -> bytes:
    document = json.loads(call(stream.world.name, number, MONDAY).model_dump_json(by_alias=True))
    return json.dumps(document | changes).encode()


def test_each_fault_is_told_and_the_good_ones_are_stored(stream: StreamWorld) -> None:
    good = call(stream.world.name, 1, MONDAY)
    faults: list[tuple[bytes, str | None, str]] = [
        (broken(stream, 10)[:-20], None, "not readable as JSON"),
        (broken(stream, 11, value="many"), "value", "valid number"),
        (broken(stream, 12, place="99"), "place", "unknown territory '99'"),
        (broken(stream, 13, reference_start="1900-01-01"), "reference_start", "outside 2000-01-01"),
        (broken(stream, 14, reference_start="2200-01-01T00:00:00Z"), "reference_start", "outside 2000-01-01"),
        (broken(stream, 15, value=-3), "value", "greater than or equal to 0"),
        (broken(stream, 16, signal="tea"), "signal", "unknown signal 'tea'"),
        (broken(stream, 17, partner="nobody"), "partner", "unknown partner 'nobody'"),
        (broken(stream, 18, world="demo"), "world", "of world 'demo'"),
        (broken(stream, 19, agreement_version=9), "agreement_version", "version 1 here, not 9"),
        (broken(stream, 20, code="plague"), "code", "unknown syndrome 'plague'"),
        (broken(stream, 21, code="all"), "code", "never coded 'all'"),
        (broken(stream, 22, event_id="a\x00b"), "event_id", "control characters"),
        (broken(stream, 23, reported="1900-01-01T00:00:00Z"), "reported", "outside 2000-01-01"),
        (b"\xff\xfe\x00nonsense", None, "not readable as JSON"),
        ("{\"event_id\": \"é\"}".encode("iso-8859-1"), None, "not readable as JSON"),
        (b"[" * 100_000, None, "not readable as JSON"),
        (b'{"value": NaN}', "event_id", "finite number"),
        (b"", None, "empty"),
        (b"42", None, "should be an object"),
    ]  # fmt: skip
    one_list = b"[" + b",".join([broken(stream, 30), broken(stream, 31, value=-1), broken(stream, 32)]) + b"]"
    with stream.worker():
        stream.publish([good])
        stream.publish_bytes("calls", [payload for payload, _, _ in faults])
        stream.publish_bytes("calls", [one_list])
        stream.wait_until_read()
    assert stream.count() == 3
    with stream.connect() as connection:
        letters = list_dead_letters(connection, limit=100)
        found = {show_dead_letter(connection, letter.id)[1]: letter for letter in letters}
    assert len(letters) == len(faults) + 1
    for payload, name, reason in faults:
        letter = found[payload]
        assert reason in letter.reason, (letter.reason, payload[:80])
        if name is not None:
            assert letter.field == name
        assert (letter.topic, letter.stage, letter.size_bytes) == ("calls", "stream", len(payload))
        assert letter.offset is not None
    assert {letter.place_in_input for letter in letters} == {None, "item 2"}


def test_a_file_with_bad_rows_goes_on_and_keeps_them_in_quarantine(
    stream: StreamWorld, tmp_path: Path
) -> None:
    lines = [
        b"dep;jour;incid_hosp;incid_rea;incid_dc;incid_rad",
        b"44;2020-09-01;5;1;0;2",
        b"44;2020-09-02;-5;1;0;2",
        b"99;2020-09-02;5;1;0;2",
        b"44;1900-01-01;5;1;0;2",
        b"44;2200-01-01;5;1;0;2",
        b"44;2020-09-03;five;1;0;2",
        b"44;2020-09-04",
        "44;2020-09-05;5;1;0;2;Élan".encode(),
        b"44;2020-09-06;5;1;0;\xe9",
        b"44;" + b"x" * 10_000_000,
        b"44;2020-09-07;6;1;0;2",
    ]
    reasons = {
        3: "is not a count from 0 on",
        4: "unknown département '99'",
        5: "outside 2000-01-01",
        6: "outside 2000-01-01",
        7: "'five' is not a number",
        8: "2 fields where the header names 6",
        9: "7 fields where the header names 6",
        10: "not utf-8 as the rest of the file",
        11: "a line of 10000003 bytes is too long",
    }
    table = parse_table(b"\r\n".join(lines), "sivic.csv", "sivic.csv")
    quarantine = Quarantine(tmp_path / "quarantine", None, SystemClock(), retention=timedelta(days=1))
    with Publisher(stream.bootstrap, stream.world) as publisher:
        summary = Importer(stream.world, publisher, quarantine).run("sivic", table)
    assert (summary.refused_rows, summary.published) == (len(reasons), 8)
    with stream.worker():
        stream.wait_for_rows(8)
        stream.wait_for_rows(len(reasons), "dead_letter")
        stream.wait_until_read()
    with stream.connect() as connection:
        letters = {letter.place_in_input: letter for letter in list_dead_letters(connection, limit=100)}
    for number, reason in reasons.items():
        letter = letters[f"sivic.csv, line {number}"]
        assert reason in letter.reason
        assert letter.stage == "gateway"
        assert letter.quarantine_id is not None
        entry, kept = quarantine.read(letter.quarantine_id)
        assert kept == lines[number - 1]
        assert entry.size_bytes == letter.size_bytes
    # Nothing of the content lies open on the disk.
    assert not any(b"2020-09-03;five" in path.read_bytes() for path in (tmp_path / "quarantine").iterdir())
