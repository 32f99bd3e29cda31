"""The guides are true: the commands they show are run, line by line, in a world with a past and a bulletin.

Lines are read from the shell fences of the README and of `docs/guides`, and from their inline `meteo …`. Each runs
as a process of its own, as a reader would start it: exit code 0, and for `curl` an answer of 200. A line is left out
only by name, with the reason.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from infra.migrations import migrate
from streams.topics import ensure_topics
from tests.api.conftest import Served, serving
from tests.api.published import populate

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs" / "guides").glob("*.md")])
_FENCE = re.compile(r"^```(?:sh|bash)?\n(.*?)^```", re.M | re.S)
_INLINE = re.compile(r"`((?:meteo|curl) [a-z-][^`]*)`")

NOT_RUN = {
    "make demo": "has tests of its own: it installs, and serves until Ctrl-C",
    "make test": "is what runs this test",
    "meteo worker": "runs until it is stopped; the end-to-end tests start it",
    "meteo forecaster": "runs until it is stopped; the end-to-end tests start it",
    "meteo serve": "runs until it is stopped; it answers the curl lines",
    "meteo fetch": "asks the publisher; tested against a local server",
    "meteo dead-letters show ID": "needs a letter; tested with the store",
    "meteo dead-letters retry ID…": "needs a letter; tested with the store",
    "meteo quarantine show ID": "needs an entry; tested with the gateways",
    "meteo quarantine retry ID…": "needs an entry; tested with the gateways",
    "meteo replay pause": "nothing is being replayed at that line; tested with the replay",
    "meteo replay resume": "nothing is being replayed at that line; tested with the replay",
    "meteo db downgrade REVISION --yes": "takes the schema away; tested with the migrations",
    "meteo run verify 1": "computes a whole run again; tested with the jobs",
    "meteo backtest --data panel.csv --target admissions --freq W --since 2025-10-06 --report report.html": (
        "forecasts many origins; tested with the back-test"
    ),
}
AGREEMENT = """\
key: sos-example
name: SOS Médecins Exemple
kind: house_calls
signals: [sos_calls]
places: ["44"]
threshold: 11
"""


Shown = tuple[str, str, str]


def shown(page: Path) -> Iterator[Shown]:
    """Return each command a page shows, in its order, with the page and the world its fence exports."""
    text = page.read_text(encoding="utf-8")
    for fence in _FENCE.findall(text):
        world = ""
        for line in fence.splitlines():
            command = line.split("  #")[0].strip()
            if command.startswith("export METEO_WORLD="):
                world = command.partition("=")[2]
            elif command.startswith(("meteo ", "make ", "curl ")):
                yield page.name, command, world
    for command in _INLINE.findall(re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)):
        yield page.name, " ".join(command.split()), ""


SHOWN = list(dict.fromkeys(one for page in PAGES for one in shown(page)))
RUN = [one for one in SHOWN if one[1] not in NOT_RUN]
SERIES = "date,dep,ed_covid,ed_total,ed_covid_hosp,sos_covid,sos_total\n"
FLOWS = "dep,jour,incid_hosp,incid_rea,incid_dc,incid_rad\n"


def write_past(folder: Path) -> None:
    """Write a folder of reference series: twenty weeks of one département."""
    days = [date(2020, 7, 1) + timedelta(days=n) for n in range(140)]
    visits = (f"{day},44,{10 + n % 7},{500 + n % 40},2,{4 + n % 5},300\n" for n, day in enumerate(days))
    flows = (f"44,{day},{8 + n % 7},{n % 3},1,{5 + n % 4}\n" for n, day in enumerate(days))
    folder.mkdir()
    (folder / "sursaud_departement_daily.csv").write_text(SERIES + "".join(visits), encoding="utf-8")
    (folder / "sivic_admissions_departement_daily.csv").write_text(FLOWS + "".join(flows), encoding="utf-8")


def write_panel(file: Path) -> None:
    """Write a year of weeks of one territory, as a French spreadsheet does."""
    weeks = [date(2025, 1, 6) + timedelta(weeks=n) for n in range(52)]
    rows = (f"44;{week};admissions;{20 + (n * 7) % 11},5\n" for n, week in enumerate(weeks))
    file.write_text("territory;date;signal;value\n" + "".join(rows), encoding="utf-8-sig")


@pytest.fixture(scope="module")
def world(
    embedded_server: object, kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, Path, dict[str, str]]]:
    """Serve the example world, with topics, and what a process needs to find it."""
    from infra.services.cluster import PostgresCluster
    from tests.fixtures.databases import fresh_database

    assert isinstance(embedded_server, PostgresCluster)
    folder = tmp_path_factory.mktemp("guides")
    write_past(folder / "FOLDER")
    write_panel(folder / "panel.csv")
    (folder / "agreement.yaml").write_text(AGREEMENT, encoding="utf-8")
    with fresh_database(embedded_server.url) as address, serving(address, folder, fill=populate) as running:
        ensure_topics(kafka_bootstrap, running.world, 1)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("METEO_")}
        environment |= {
            "METEO_WORLD": running.world.name,
            "METEO_DATABASE_URL": address,
            "METEO_KAFKA_BOOTSTRAP": kafka_bootstrap,
            "METEO_DATA_DIR": str(folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        yield running, folder, environment


def test_no_line_is_left_out_that_no_page_shows() -> None:
    assert set(NOT_RUN) <= {command for _, command, _ in SHOWN}


@pytest.mark.parametrize(("page", "command", "where"), RUN, ids=[f"{p}: {c}" for p, c, _ in RUN])
def test_a_command_shown_works(
    page: str, command: str, where: str, world: tuple[Served, Path, dict[str, str]]
) -> None:
    running, folder, environment = world
    command = command.replace("http://127.0.0.1:8000", running.base)
    words = shlex.split(command.replace("FILE…", "FOLDER/sursaud_departement_daily.csv"))
    if words[0] == "make":
        # The target alone: what it installs and starts is tested elsewhere.
        words = ["make", "--dry-run", "--directory", str(ROOT), *words[1:]]
    if words[0] == "curl":
        _curl(words, environment)
        return
    environment = environment | ({"METEO_WORLD": where} if where else {})
    ran = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, f"{page}: {command}\n{ran.stdout}{ran.stderr}"
    assert "Traceback" not in ran.stderr


def _curl(words: list[str], environment: dict[str, str]) -> None:
    # A live stream never ends by itself: the first seconds of it tell.
    endless = "-N" in words
    limit = ["--max-time", "2" if endless else "20"]
    told = ["--silent", "--output", os.devnull, "--write-out", "%{http_code}"]
    ran = subprocess.run(
        [*words, *limit, *told], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.stdout == "200", f"{shlex.join(words)}: {ran.stdout} {ran.stderr}"
    assert ran.returncode == (28 if endless else 0)


def test_a_tiny_simulated_past_is_sent_and_read(
    embedded_database: str, kafka_bootstrap: str, tmp_path: Path
) -> None:
    from infra.world import World
    from streams.intake.backlog import wait_until_read
    from tests.streams.stream_world import StreamWorld

    here = World.named("exercise_guides")
    migrate(embedded_database, here)
    environment = os.environ | {
        "METEO_WORLD": here.name,
        "METEO_DATABASE_URL": embedded_database,
        "METEO_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "METEO_DATA_DIR": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    ran = subprocess.run(
        ["meteo", "simulate", "--days", "1", "--history-days", "40"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    with StreamWorld(kafka_bootstrap, embedded_database, here, tmp_path).worker():
        wait_until_read(kafka_bootstrap, here, timeout=60)
    panel = ["meteo", "panel", "--territory", "44", "--format", "csv"]
    read = subprocess.run(panel, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    assert len(read.stdout.splitlines()) > 100
