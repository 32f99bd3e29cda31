"""Back-test: protocol, cache, scores and report on a mini panel; the published figures on the reference data."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer import Typer
from typer.testing import CliRunner

import forecasting
from forecasting import QUANTILE_LEVELS, FrameError, Panel
from forecasting.answer_lines import WHY
from forecasting.backtest import plots, report, runner
from forecasting.backtest.of_file import task_of_file
from forecasting.backtest.scores import daily_table, phases, score, table
from forecasting.backtest.task import Task
from forecasting.backtest.terminal import tables
from forecasting.backtest.yardstick import persistence_quantiles
from forecasting.commands import register
from forecasting.grid import refuse_weeks_as_days
from forecasting.scoring import wis
from infra.errors import MeteoError
from tests.forecasting.test_forecast import epidemic_frame

REFERENCE = os.environ.get("METEO_REFERENCE_DATA", "")


@pytest.fixture(scope="module")
def task() -> Task:
    panel = Panel.from_frame(epidemic_frame(territories=4, days=110, delay=0))
    return Task(
        name="mini",
        panel=panel,
        target="admissions",
        origins=np.array(["2021-03-28", "2021-04-04"], dtype="datetime64[D]"),
        horizons=(7, 14),
        window=7,
        delays={"positives": 2},
        chosen_before=np.datetime64("2021-04-01"),
        history_from=np.datetime64("2021-01-04"),
        focus="T1",
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backtest")


@pytest.fixture(scope="module")
def results(task: Task, folder: Path) -> list[runner.OriginResult]:
    return runner.run(task, folder, 1, draws=200)


def test_panels_are_as_known_at_the_origin(task: Task) -> None:
    known = task.panel_at(task.origins[0])
    assert known.dates[-1] == task.origins[0]
    assert np.isnan(known.series("positives")[-2:]).all()
    assert np.isfinite(known.series("admissions")[-1]).all()


def test_the_future_of_a_task_does_not_reach_its_forecasts(
    task: Task, results: list[runner.OriginResult]
) -> None:
    values = task.panel.values.copy()
    values[task.panel.dates > task.origins[0]] = 1e5
    poisoned = Task(**{**task.__dict__, "panel": Panel(**{**task.panel.__dict__, "values": values})})
    again = runner.forecast_origin(poisoned, task.origins[0], 200)
    for model, quantiles in results[0].quantiles.items():
        assert np.array_equal(again.quantiles[model], quantiles), model


def test_an_interrupted_backtest_goes_on_where_it_stopped(
    task: Task, folder: Path, results: list[runner.OriginResult]
) -> None:
    done = list(folder.glob("mini-*/*.npz"))
    assert len(done) == 2
    stamp = done[0].stat().st_mtime_ns
    done[1].unlink()
    counted: list[int] = []
    again = runner.run(task, folder, 1, counted.append, draws=200)
    assert counted == [1, 1]
    assert done[0].stat().st_mtime_ns == stamp
    for a, b in zip(again, results, strict=True):
        assert np.array_equal(a.quantiles["ensemble"], b.quantiles["ensemble"])


@pytest.mark.slow
def test_two_workers_give_the_same_bytes_as_one(
    task: Task, tmp_path: Path, results: list[runner.OriginResult]
) -> None:
    shared = runner.run(task, tmp_path, 2, draws=200)
    for a, b in zip(shared, results, strict=True):
        for model in b.quantiles:
            assert a.quantiles[model].tobytes() == b.quantiles[model].tobytes()


def test_published_days_are_coherent_with_the_week_scored(results: list[runner.OriginResult]) -> None:
    # Means are linear: the mean of seven days' medians is near the median of their mean.
    week = results[0].daily[:, :7, 11].mean(axis=1)
    assert np.allclose(week, results[0].quantiles["ensemble"][:, 0, 11], rtol=0.2, atol=1.0)


def test_scores_are_those_of_the_scoring_module(task: Task, results: list[runner.OriginResult]) -> None:
    scored = score(results, "ensemble")
    own = wis(results[1].quantiles["ensemble"], QUANTILE_LEVELS, results[1].truth)
    assert np.allclose(scored.wis[1], own)
    assert np.allclose(scored.wis, scored.dispersion + scored.overprediction + scored.underprediction)
    rows = table(task, results)
    yard = rows[(rows["model"] == "yardstick") & (rows["horizon"] == "all")]
    assert np.allclose(yard["relative WIS"], 1.0)
    assert set(phases(task)) <= {"growing", "steady", "declining"}
    assert len(daily_table(task, results)) == 14


def test_the_digest_of_code_reads_what_the_chain_imports() -> None:
    root = Path(runner.__file__).parents[1]
    read = runner._read_by(root, root / "forecast.py")
    # Imported by name, through other modules, and as a module of a folder.
    for name in ("forecast.py", "learning.py", "seasons.py", "models/pooled.py", "nowcast/tail.py"):
        assert root / name in read, name
    assert root / "trust.py" not in read
    assert root / "commands.py" not in read


def test_the_report_stands_alone(task: Task, results: list[runner.OriginResult], tmp_path: Path) -> None:
    chapter = report.Chapter("Mini", "About.", task, results, {"without positives": results})
    report.write([chapter], tmp_path / "docs" / "backtest.html")
    page = (tmp_path / "docs" / "backtest.html").read_text()
    assert page.count("<svg") == 7
    assert "<script" not in page
    assert "without positives" in page
    assert (tmp_path / "docs" / "backtest" / "mini.csv").exists()
    assert (tmp_path / "docs" / "backtest" / "mini-ablation.csv").exists()
    assert "backtest-choices.md" in page
    ensemble = page.split("<h3>Models</h3>")[1].split("<tr>")[1]
    assert ensemble.split("<td>")[1:3] == ["ensemble</td>\n      ", "</td>\n      "]


def test_a_report_of_one_territory_repeats_nothing(
    task: Task, results: list[runner.OriginResult], tmp_path: Path
) -> None:
    panel, _ = Panel(
        **{**task.panel.__dict__, "exists": task.panel.exists & (np.arange(4) == 1)[:, None]}
    ).where("admissions")
    alone = replace(task, panel=panel, chosen_before=panel.dates[0])
    kept = [
        replace(
            r,
            truth=r.truth[1:2],
            quantiles={m: q[1:2] for m, q in r.quantiles.items()},
            daily=r.daily[1:2],
            daily_truth=r.daily_truth[1:2],
        )
        for r in results
    ]
    report.write([report.Chapter("File", "About.", alone, kept, {})], tmp_path / "own.html")
    page = (tmp_path / "own.html").read_text()
    assert page.count("<svg") == 6
    assert page.count("<h3>T1</h3>") == 1
    assert "All territories" not in page
    assert "backtest-choices.md" not in page
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["mini.csv"]
    assert len(list(tables(alone, kept, "all"))) == 2


def test_axes_are_named_once_and_in_words(task: Task, results: list[runner.OriginResult]) -> None:
    for drawn, name in (
        (plots.forecasts(task, results, "T1"), "admissions"),
        (plots.relative_by_origin(task, results), "relative WIS"),
        (plots.coverage(task, results), "coverage (%)"),
    ):
        titles = re.findall(r"role-axis-title.*?>([^<>]+)</text>", drawn)
        assert name in titles
        assert not [t for t in titles if "," in t], titles
    ticks = re.findall(r">(\d{4}-\d\d-\d\d)</text>", plots.relative_by_origin(task, results))
    assert ticks == ["2021-03-28", "2021-04-04"]


def test_tables_fit_a_terminal_of_eighty_columns(task: Task, results: list[runner.OriginResult]) -> None:
    screen = Console(width=80, record=True, file=io.StringIO())
    for laid in tables(task, results, "all"):
        screen.print(laid)
    text = screen.export_text()
    assert "…" not in text
    headings = next(line for line in text.splitlines() if line.startswith("period"))
    assert headings.split()[:3] == ["period", "h", "WIS"]
    assert "2021-04-01" in text
    assert "all origins" in text
    assert max(map(len, text.splitlines())) <= 80


def test_ctrl_c_ends_two_workers_at_once_and_keeps_what_is_done(tmp_path: Path) -> None:
    epidemic_frame(territories=2, days=60, delay=0, weekly=True).to_csv(tmp_path / "weeks.csv", index=False)
    options = ["--target", "admissions", "--freq", "W", "--workers", "2", "--cache", str(tmp_path / "kept")]
    started = subprocess.Popen(
        [sys.executable, "-m", "infra.command_line", "backtest", "--data", "weeks.csv", *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # Whoever runs the tests in the background had the signal ignored, and a child inherits that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        until = time.monotonic() + 240
        while not list(tmp_path.glob("kept/*/2*.npz")) and started.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        # As a terminal does: to every process of the group.
        os.killpg(started.pid, signal.SIGINT)
        said, errors = started.communicate(timeout=10)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.communicate()
    assert started.returncode == 130, errors
    assert "Traceback" not in said + errors
    kept = len(list(tmp_path.glob("kept/*/2*.npz")))
    assert 0 < kept < 44
    assert f"weeks-admissions: {kept} of 44 origins kept; the same command goes on" in said


@pytest.mark.parametrize("command", ["forecast", "backtest"])
def test_a_target_of_weeks_among_signals_of_days_is_refused(tmp_path: Path, command: str) -> None:
    app = Typer()
    register(app)
    frame = epidemic_frame(territories=2, days=140, delay=0)
    weekly = (frame["signal"] == "admissions") & (frame["date"].dt.day_of_week != 6)
    frame[~weekly].to_csv(tmp_path / "mixed.csv", index=False)
    given = [command, "--data", str(tmp_path / "mixed.csv"), "--target", "admissions", "--freq", "D"]
    out = ["--out", str(tmp_path / "o.csv")] if command == "forecast" else ["--cache", str(tmp_path / "kept")]
    done = CliRunner().invoke(app, [*given, *out])
    assert isinstance(done.exception, MeteoError)
    assert "mixed.csv: column 'date': the 20 dates of signal 'admissions' are all whole" in str(
        done.exception
    )
    assert "--freq W" in str(done.exception)


def test_three_values_a_week_apart_are_no_weekly_target() -> None:
    frame = epidemic_frame(territories=1, days=28, delay=0)
    sunday, day_off = frame["date"].dt.day_of_week == 6, frame["signal"] == "admissions"
    panel = Panel.from_frame(frame[~day_off | sunday], freq="D")
    with pytest.raises(FrameError, match="the 4 dates"):
        refuse_weeks_as_days(panel, "admissions")
    with pytest.raises(FrameError, match="the 4 dates"):
        forecasting.forecast(frame[~day_off | sunday], "admissions")
    refuse_weeks_as_days(panel.until("2021-01-27"), "admissions")
    refuse_weeks_as_days(panel, "positives")


def test_holidays_of_a_country_are_known_at_every_origin_of_a_file(tmp_path: Path) -> None:
    frame = epidemic_frame(territories=2, days=110, delay=0)
    frame.to_csv(tmp_path / "days.csv", index=False)
    frame.assign(reported_at=frame["date"] + pd.Timedelta(days=1)).to_csv(tmp_path / "told.csv", index=False)
    bare = task_of_file(tmp_path / "days.csv", "admissions", "D")
    for name in ("days.csv", "told.csv"):
        known = task_of_file(tmp_path / name, "admissions", "D", country="FR")
        # Easter Monday and the first of May are still to come.
        at = known.panel_at(known.origins[0])
        assert np.isin(np.array(["2021-04-05", "2021-05-01"], "datetime64[D]"), at.holidays).all()
        assert known.digest() != bare.digest()
    with pytest.raises(MeteoError, match="--country: country 'XX'"):
        task_of_file(tmp_path / "days.csv", "admissions", "D", country="XX")


def test_every_reason_a_model_may_give_has_words() -> None:
    folder = Path(forecasting.__file__).parent
    sources = [folder / "ensemble.py", *(folder / "models").glob("*.py")]
    keys = {key for path in sources for key in re.findall(r'"((?:history|model)\.\w+)"', path.read_text())}
    assert "history.short" in keys
    assert keys == set(WHY)


def test_forecast_command_writes_hubverse(tmp_path: Path) -> None:
    app = Typer()
    register(app)
    epidemic_frame(territories=3, days=60).to_csv(tmp_path / "panel.csv", index=False)
    command = ["forecast", "--data", str(tmp_path / "panel.csv"), "--target", "admissions", "--freq", "D"]
    done = CliRunner().invoke(app, [*command, "--horizons", "0:14", "--out", str(tmp_path / "out.csv")])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "(the history is too short for it)" in said
    assert "horizon 0 is the value told for the last date" in said
    assert re.search(r"models: [a-z, ]+ \d\.\d\d(; [a-z, ]+ \d\.\d\d)*", said)
    out = pd.read_csv(tmp_path / "out.csv")
    assert list(out.columns) == [
        "reference_date",
        "target",
        "horizon",
        "location",
        "target_end_date",
        "output_type",
        "output_type_id",
        "value",
    ]
    assert len(out) == 3 * 15 * 23
    ends = pd.to_datetime(out["target_end_date"]) - pd.to_datetime(out["reference_date"])
    assert np.array_equal(ends.dt.days, out["horizon"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--freq", "M"], "D for days or W for weeks"),
        (["--horizons", "14"], "write first:last"),
        (["--target", "beds"], "no signal 'beds'"),
    ],
)
def test_forecast_command_says_what_is_wrong(tmp_path: Path, options: list[str], message: str) -> None:
    app = Typer()
    register(app)
    epidemic_frame(territories=2, days=40).to_csv(tmp_path / "panel.csv", index=False)
    given = [
        "--data",
        str(tmp_path / "panel.csv"),
        "--target",
        "admissions",
        "--out",
        str(tmp_path / "o.csv"),
    ]
    done = CliRunner().invoke(app, ["forecast", *given, *options])
    assert done.exit_code != 0
    assert message in str(done.exception)


@pytest.mark.reference_data
@pytest.mark.skipif(not REFERENCE, reason="METEO_REFERENCE_DATA is not set")
def test_the_yardstick_is_the_published_one() -> None:
    from forecasting.backtest.reference import departments

    task = departments(Path(REFERENCE))
    scores = [
        wis(persistence_quantiles(task, o), QUANTILE_LEVELS, task.truth_at(o)).mean(axis=0)
        for o in task.origins
    ]
    assert len(task.origins) == 25
    assert np.mean(scores, axis=0) == pytest.approx([2.20, 3.49], rel=0.03)


def test_a_territory_nothing_was_known_of_yet_is_not_scored() -> None:
    frame = epidemic_frame()
    late = frame["territory"].eq(sorted(set(frame["territory"]))[0])
    since = frame["date"].max() - pd.Timedelta(days=10)
    frame = frame[~late | (frame["date"] > since)]
    panel = Panel.from_frame(frame, freq="D")
    origin = np.datetime64((since - pd.Timedelta(days=5)).date())
    task = Task(
        name="late",
        panel=panel,
        target="admissions",
        origins=np.array([origin]),
        horizons=(7,),
        window=7,
        chosen_before=origin,
        history_from=panel.dates[0],
        focus=panel.territories[1],
    )
    found = runner.forecast_origin(task, origin, draws=50)
    assert np.isnan(found.truth[0]).all()
    assert np.isnan(found.quantiles["ensemble"][0]).all()
    assert np.isfinite(found.truth[1:]).all()
    assert np.isfinite(found.quantiles["ensemble"][1:]).all()
