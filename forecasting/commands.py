"""Commands of the library: `meteo forecast` from a file, `meteo backtest` of the protocol or of a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from forecasting.nowcast.commands import nowcast_report_command
from infra.errors import MeteoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from forecasting.backtest.report import Chapter
    from forecasting.backtest.runner import OriginResult
    from forecasting.backtest.task import Task
    from forecasting.distribution import ForecastDistribution

console = Console()
ABOUT = {
    "departments": (
        "COVID admissions of French départements, 2020-21",
        "Mean daily admissions over the 7 days that end 7 and 14 days after the origin.",
    ),
    "influenza": (
        "Influenza in emergency departments, French regions, weekly",
        "Visits coded influenza per 100,000, 1 to 4 weeks ahead, winters 2021-22 and 2022-23.",
    ),
}
ABLATIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "departments": {
        "without SOS calls": ("sos_covid", "sos_total"),
        "without ED visits": ("ed_covid", "ed_total", "ed_covid_hosp"),
        "without tests": ("tests", "positives"),
        "own past only": (
            "sos_covid",
            "sos_total",
            "ed_covid",
            "ed_total",
            "ed_covid_hosp",
            "tests",
            "positives",
        ),
    },
    "influenza": {
        "without SOS calls": ("sos_rate_per_100k",),
    },
}


def register(app: typer.Typer) -> None:
    """Add `forecast`, `backtest` and `nowcast-report` to the command line."""
    app.command("forecast")(forecast_command)
    app.command("backtest")(backtest_command)
    app.command("nowcast-report")(nowcast_report_command)


def forecast_command(
    data: Annotated[
        Path, typer.Option(help="Tidy CSV or Parquet: territory, date, signal, value[, reported_at].")
    ],
    target: Annotated[str, typer.Option(help="Signal to forecast.")],
    out: Annotated[Path, typer.Option(help="CSV, or Parquet by its ending, in the hubverse format.")],
    freq: Annotated[
        str | None, typer.Option(help="D for days, W for weeks; told from the dates when left out.")
    ] = None,
    horizons: Annotated[str, typer.Option(help="First and last period ahead, as 0:14.")] = "0:14",
    as_of: Annotated[str | None, typer.Option(help="Read only what was known on this day.")] = None,
    country: Annotated[
        str | None,
        typer.Option(
            help="ISO code of the country whose public holidays are known, as FR; FR-57 for a part of it."
        ),
    ] = None,
    draws: Annotated[int, typer.Option(min=50, help="Joint paths.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    samples: Annotated[bool, typer.Option(help="Write the draws too.")] = False,
    weeks_named_by: Annotated[
        str, typer.Option(help="start, end, or guess: the day of a week that its date is.")
    ] = "guess",
) -> None:
    """Forecast a file of series and write quantiles in the hubverse format."""
    from forecasting import (
        QUANTILE_LEVELS,
        FrameError,
        TooShort,
        UnknownCountry,
        forecast,
        frame_files,
        hubverse,
    )

    steps, frame = _horizons(horizons), frame_files.read(data)
    if not out.parent.is_dir():
        raise MeteoError(f"--out {out}: there is no folder {out.parent}")
    chosen = None if freq is None else _freq(freq)
    try:
        answer = forecast(
            frame, target, steps, draws=draws, as_of=as_of, rng=seed, freq=chosen, holidays=country
        )
    except UnknownCountry as refusal:
        raise MeteoError(f"--country: {refusal}") from refusal
    except (FrameError, TooShort) as refusal:
        raise MeteoError(f"{data}: {refusal}") from refusal
    named = _named_by_start(answer.distribution, frame, weeks_named_by)
    hubverse.write(named, out, QUANTILE_LEVELS, samples=samples)
    used = ", ".join(f"{name} {weight:.2f}" for name, weight in answer.weights.items() if weight >= 0.005)
    console.print(f"{out}: {len(answer.distribution.territories)} territories, models {used}")
    for left in answer.left_out:
        console.print(f"left out: {left.model} ({left.key})", style="dim")


def _named_by_start(
    found: ForecastDistribution, frame: pd.DataFrame, weeks_named_by: str
) -> ForecastDistribution:
    """Name weeks by their first day, which the hubverse writer counts from, and say what was taken for what."""
    from dataclasses import replace

    from forecasting.nowcast.tail import weeks_named_by_end

    if weeks_named_by not in ("start", "end", "guess"):
        raise MeteoError(f"--weeks-named-by {weeks_named_by!r}: start, end or guess")
    if found.freq == "D":
        return found
    by_end = weeks_named_by_end(frame) if weeks_named_by == "guess" else weeks_named_by == "end"
    if weeks_named_by == "guess":
        day = "last" if by_end else "first"
        console.print(
            f"dates of weeks are taken to be their {day} day (--weeks-named-by says otherwise)", style="dim"
        )
    return replace(found, origin=found.origin - 6) if by_end else found


def backtest_command(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of reference data, or a tidy file; METEO_REFERENCE_DATA when left out."),
    ] = None,
    task: Annotated[str, typer.Option(help="departments, influenza, year, or all, for a folder.")] = "all",
    target: Annotated[str | None, typer.Option(help="Signal to forecast, for a file.")] = None,
    freq: Annotated[str, typer.Option(help="D or W, for a file.")] = "D",
    since: Annotated[str | None, typer.Option(help="First origin, for a file.")] = None,
    territory: Annotated[str, typer.Option(help="A territory to print beside all, or all.")] = "all",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
    cache: Annotated[Path, typer.Option(help="Results kept here are not computed again.")] = Path(
        ".backtest"
    ),
    report: Annotated[Path | None, typer.Option(help="Write the HTML report here.")] = None,
    ablation: Annotated[bool, typer.Option(help="Run again without some signals.")] = False,
) -> None:
    """Forecast many past origins with what was known then, and score them; can be stopped and taken up again."""
    from forecasting.backtest import report as reports

    chapters = []
    for one in _tasks(data, task, target, freq, since):
        results = _run(one, workers, cache)
        _print(one, results, territory)
        ablations = {}
        for name, signals in (ABLATIONS.get(one.name, {}) if ablation else {}).items():
            ablations[name] = _run(one.without(signals, name.replace(" ", "-")), workers, cache)
        title, about = ABOUT.get(one.name, (one.target, f"{one.target}, from {data}."))
        chapters.append(reports.Chapter(title, about, one, results, ablations))
        if ablations:
            console.print(_rich("without some signals: relative WIS", reports.ablation_table(chapters[-1])))
    if report is not None:
        _write(chapters, report)


def _write(chapters: Sequence[Chapter], path: Path) -> None:
    from forecasting.backtest import report as reports

    reports.write(chapters, path)
    console.print(f"report: {path}")


def _run(task: Task, workers: int, cache: Path) -> list[OriginResult]:
    from forecasting.backtest import runner

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        shown = bar.add_task(task.name, total=len(task.origins))
        return runner.run(task, cache, workers, lambda done: bar.advance(shown, done))


def _tasks(data: Path | None, task: str, target: str | None, freq: str, since: str | None) -> list[Task]:
    from forecasting.backtest import reference

    folder = data or (
        Path(os.environ["METEO_REFERENCE_DATA"]) if "METEO_REFERENCE_DATA" in os.environ else None
    )
    if folder is None:
        raise MeteoError("say where the data are: --data FOLDER or FILE, or METEO_REFERENCE_DATA")
    if folder.is_file():
        if target is None:
            raise MeteoError("--target is needed with a file: the signal to forecast")
        return [_file_task(folder, target, freq, since)]
    makers = {
        "departments": reference.departments,
        "influenza": reference.influenza,
        "year": reference.first_year,
    }
    if task != "all" and task not in makers:
        raise MeteoError(f"no task {task!r}: choose {', '.join(makers)} or all")
    names = ("departments", "influenza") if task == "all" else (task,)
    return [makers[name](folder) for name in names]


def _file_task(path: Path, target: str, freq: str, since: str | None) -> Task:
    import numpy as np

    from forecasting import frame_files
    from forecasting.backtest.task import Task as MadeTask
    from forecasting.panel import Panel, day

    frame = frame_files.read(path)
    panel = Panel.from_frame(frame, freq=_freq(freq))
    daily = panel.freq == "D"
    first = panel.dates[min(len(panel.dates) - 1, 84 if daily else 12)] if since is None else day(since)
    step = 7 * (7 if daily else 1)
    horizons = (7, 14) if daily else (1, 2, 3, 4)
    last = panel.dates[-1] - max(horizons) * panel.period_days
    origins = panel.dates[(panel.dates >= first) & (panel.dates <= last)][:: step // 7]
    if len(origins) == 0:
        raise MeteoError(f"{path}: no origin between {first} and {last}")
    counts = panel.kind(target) == "count"
    level = float(np.nanmean(panel.series(target)))
    return MadeTask(
        name=f"{path.stem}-{target}",
        panel=panel,
        target=target,
        origins=origins,
        horizons=horizons,
        window=7 if daily else 1,
        chosen_before=panel.dates[0],
        history_from=panel.dates[0],
        focus=panel.territories[0],
        frame=frame if "reported_at" in frame.columns else None,
        level_offset=0.05 * level if counts or level > 0 else 0.05,
    )


def _print(task: Task, results: Sequence[OriginResult], territory: str) -> None:
    from forecasting.backtest import report as reports

    console.print(_rich(f"{task.name}: all territories", reports.summary(task, results)))
    one = task.focus if territory == "all" else territory
    if one not in task.panel.territories:
        raise MeteoError(f"no territory {one!r} in {task.name}")
    console.print(_rich(f"{task.name}: {one}", reports.summary(task, results, one)))
    console.print(_rich(f"{task.name}: models, relative WIS", reports.model_table(task, results)))


def _rich(title: str, frame: pd.DataFrame) -> Table:
    table = Table(title=title, title_justify="left")
    for column in frame.columns:
        table.add_column(str(column), justify="right")
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row))
    return table


def _freq(text: str) -> Literal["D", "W"]:
    if text not in ("D", "W"):
        raise MeteoError(f"--freq {text!r}: D for days or W for weeks")
    return "D" if text == "D" else "W"


def _horizons(text: str) -> range:
    first, colon, last = text.partition(":")
    if not (colon and first.isdigit() and last.isdigit() and int(first) <= int(last)):
        raise MeteoError(f"--horizons {text!r}: write first:last, as 0:14")
    return range(int(first), int(last) + 1)
