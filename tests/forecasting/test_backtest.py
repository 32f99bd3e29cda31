"""Back-test: protocol, cache, scores and report on a mini panel; the published figures on the reference data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer import Typer
from typer.testing import CliRunner

from forecasting import QUANTILE_LEVELS, Panel
from forecasting.backtest import report, runner
from forecasting.backtest.scores import daily_table, phases, score, table
from forecasting.backtest.task import Task
from forecasting.backtest.yardstick import persistence_quantiles
from forecasting.commands import register
from forecasting.scoring import wis
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


def test_the_report_stands_alone(task: Task, results: list[runner.OriginResult], tmp_path: Path) -> None:
    chapter = report.Chapter("Mini", "About.", task, results, {"without positives": results})
    report.write([chapter], tmp_path / "docs" / "backtest.html")
    page = (tmp_path / "docs" / "backtest.html").read_text()
    assert page.count("<svg") == 7
    assert "<script" not in page
    assert "without positives" in page
    assert (tmp_path / "docs" / "backtest" / "mini.csv").exists()


def test_forecast_command_writes_hubverse(tmp_path: Path) -> None:
    app = Typer()
    register(app)
    epidemic_frame(territories=3, days=60).to_csv(tmp_path / "panel.csv", index=False)
    command = ["forecast", "--data", str(tmp_path / "panel.csv"), "--target", "admissions", "--freq", "D"]
    done = CliRunner().invoke(app, [*command, "--horizons", "0:14", "--out", str(tmp_path / "out.csv")])
    assert done.exit_code == 0, done.output
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
