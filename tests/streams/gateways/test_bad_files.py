"""Files that are wrong in one place: what is refused and why, what stands beside it, and what leaves the gateway."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from infra.clock import SystemClock, parse_as_of
from infra.command_line import build_app
from infra.errors import MeteoError
from infra.settings import settings
from infra.world import World
from streams.gateways.importing import Importer, told_of
from streams.gateways.open_data.tables import parse_table
from streams.gateways.publisher import Publisher
from streams.gateways.quarantine import Quarantine
from streams.topics import ensure_topics

HEADER = "dep;jour;incid_hosp;incid_rea;incid_dc;incid_rad\n"
GOOD = "44;2020-10-01;12;1;0;5\n"
WORLD = World.named("exercise_bad_files")


def test_two_columns_of_one_name_are_no_table() -> None:
    with pytest.raises(MeteoError, match="two columns are named 'dep'"):
        parse_table(b"dep;Dep;jour;hosp;rea\n44;53;2020-10-01;1;2\n", "f", "f")


def test_a_reason_never_holds_what_the_row_held() -> None:
    from streams.envelope import Envelope

    with pytest.raises(ValidationError) as fault:
        Envelope.model_validate({"event_id": "NIR 1 85 05 78 006 084", "value": -1})
    _, reason = told_of(fault.value)
    assert "NIR" not in reason
    assert "pydantic" not in reason


def test_a_moment_that_is_none_says_how_to_write_one() -> None:
    with pytest.raises(ValueError, match=r"'yesterday' is no moment .*write 2020-11-01, or"):
        parse_as_of("yesterday")


def test_rows_beside_bad_ones_go_on_and_a_second_refusal_keeps_nothing_twice(
    kafka_bootstrap: str, tmp_path: Path
) -> None:
    ensure_topics(kafka_bootstrap, WORLD, 1)
    long = f"44;2020-10-02;{'9' * 10_000_000};1;0;5\n"
    content = f"{HEADER}{GOOD}44;2020-1\n{long}44;2020-10-03;-1;1;0;5\n{GOOD}".encode()
    quarantine = Quarantine(tmp_path, None, SystemClock(), retention=timedelta(days=1))
    with Publisher(kafka_bootstrap, WORLD) as publisher:
        table = parse_table(content, "day.csv", "day.csv")
        edition = datetime(2020, 10, 4, tzinfo=UTC)
        summary = Importer(WORLD, publisher, quarantine).run("sivic", table, edition=edition)
        assert (summary.rows, summary.published, summary.refused_rows) == (5, 8, 3)
        kept = [entry.quarantine_id for entry in quarantine.entries()]
        again = Importer(WORLD, publisher, quarantine, keep_refused=False)
        bad = parse_table(f"{HEADER}44;2020-1\n".encode(), "day.csv", "day.csv")
        assert again.run("sivic", bad).refused_rows == 1
    assert [entry.quarantine_id for entry in quarantine.entries()] == kept


def test_a_missing_file_stops_none_of_the_others(
    kafka_bootstrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("WORLD", WORLD.name),
        ("KAFKA_BOOTSTRAP", kafka_bootstrap),
        ("DATA_DIR", str(tmp_path)),
    ):
        monkeypatch.setenv(f"METEO_{name}", value)
    settings.cache_clear()
    (tmp_path / "good.csv").write_text(HEADER + GOOD, encoding="utf-8")
    (tmp_path / "empty.csv").touch()
    sources = [str(tmp_path / name) for name in ("missing.csv", "empty.csv", "good.csv")]
    ran = CliRunner().invoke(build_app("import"), ["import", "sivic", *sources, str(tmp_path)])
    settings.cache_clear()
    assert ran.exit_code == 2, ran.output
    assert "good.csv: 1 rows, 4 reports" in ran.output
    assert "No such file" in ran.output
    assert "empty, or without a header" in ran.output
    assert "Is a directory" in ran.output
