"""Both database servers start, keep what was committed, and leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from infra.errors import MeteoError
from infra.services import ports, timescale_debian
from infra.services.cluster import PostgresCluster
from infra.services.postgres import embedded_postgres
from infra.services.timescale import GivenServer


def _processes_using(folder: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if str(folder) in " ".join(process.info["cmdline"] or [])
    ]


def test_the_embedded_server_keeps_what_was_committed_through_a_kill(tmp_path: Path) -> None:
    server = embedded_postgres(tmp_path).start()
    address = server.url()
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS value")
    server.kill()
    server.start()
    assert server.url() == address
    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (42,)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
    server.stop()
    assert _processes_using(tmp_path) == []
    with pytest.raises(MeteoError, match="no PostgreSQL runs"):
        server.url()


def test_the_embedded_server_ends_with_its_owner_however_that_ended(tmp_path: Path) -> None:
    owner = (
        "import os, signal, sys; from pathlib import Path\n"
        "from infra.services.postgres import embedded_postgres\n"
        "embedded_postgres(Path(sys.argv[1])).start()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", owner, str(tmp_path)], check=False, timeout=60)
    record = embedded_postgres(tmp_path).record
    if record is not None:
        psutil.wait_procs([psutil.Process(record.pid)], timeout=20)
    assert _processes_using(tmp_path) == []


def test_the_embedded_server_asks_for_its_password(embedded_server: PostgresCluster) -> None:
    without = embedded_server.url().replace(embedded_server.url().split("@")[0], "postgresql://postgres")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(without).close()


def test_a_busy_port_is_named(embedded_server: PostgresCluster, tmp_path: Path) -> None:
    record = embedded_server.record
    assert record is not None
    with pytest.raises(MeteoError, match=rf"port {record.port} on 127.0.0.1 is busy \(held by postgres"):
        embedded_postgres(tmp_path, port=record.port).start()


def test_a_half_made_data_folder_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(MeteoError, match=r"half-made .* delete it, then start again"):
        embedded_postgres(tmp_path).start()


def test_a_draft_left_by_a_crash_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "data.draft").mkdir()
    (tmp_path / "data.draft" / "PG_VERSION").touch()
    with embedded_postgres(tmp_path) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_each_database_is_empty_and_in_utc(each_database: str) -> None:
    with psycopg.connect(each_database) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)


@pytest.mark.timescale
def test_timescale_makes_hypertables(timescale_database: str) -> None:
    with psycopg.connect(timescale_database) as connection:
        connection.execute("CREATE TABLE reading (at timestamptz NOT NULL, value int)")
        connection.execute("SELECT create_hypertable('reading', 'at')")
        connection.execute("INSERT INTO reading VALUES ('2020-03-01T00:00Z', 1), ('2021-03-01T00:00Z', 2)")
        chunks = connection.execute(
            "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'reading'"
        ).fetchone()
    assert chunks == (2,)


@pytest.mark.timescale
def test_the_debian_server_leaves_nothing_behind(tmp_path: Path) -> None:
    reason = timescale_debian.why_not()
    if reason is not None:
        pytest.skip(f"no Debian folder: {reason}")
    programs = timescale_debian.DebianPrograms(timescale_debian.debian_folder())
    server = PostgresCluster(tmp_path, programs, with_password=False).start()
    assert ports.answers(int(server.url().rpartition(":")[2].split("/")[0]))
    server.stop()
    assert _processes_using(tmp_path) == []
    assert timescale_debian._mounts_below(tmp_path) == []
    assert timescale_debian._mounts_below(programs.root) == []


def test_mounts_are_found_below_a_folder_only() -> None:
    assert timescale_debian._mounts_below(Path("/no/such/folder")) == []
    assert "/proc" in timescale_debian._mounts_below(Path("/"))


def test_a_given_server_keeps_its_login_and_options() -> None:
    given = GivenServer("postgresql://me:secret@db.example:6543/first?sslmode=require")
    assert given.url("other") == "postgresql://me:secret@db.example:6543/other?sslmode=require"
