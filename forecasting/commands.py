"""Commands of the library: `meteo forecast` from a file, `meteo backtest` of the protocol or of a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from forecasting.nowcast.commands import nowcast_report_command
from infra.command_line import EXIT_INTERRUPTED
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
    from forecasting.answer_lines import told_as_it_is, why_left_out

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
    # Names of models hold commas.
    used = "; ".join(f"{name} {weight:.2f}" for name, weight in answer.weights.items() if weight >= 0.005)
    console.print(f"{out}: {len(answer.distribution.territories)} territories; models: {used}")
    for left in answer.left_out:
        console.print(f"left out: {left.model} ({why_left_out(left)})", style="dim")
    if told_as_it_is(answer.distribution.horizons, answer.quantiles, frame):
        console.print(
            "horizon 0 is the value told for the last date, without an interval: no column reported_at says how "
            "much is still to come",
            style="dim",
        )


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
    country: Annotated[
        str | None,
        typer.Option(help="ISO code of the country whose public holidays are known, as FR, for a file."),
    ] = None,
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
    from forecasting.backtest.terminal import rich_table, tables

    chapters = []
    for one in _tasks(data, task, target, freq, since, country):
        if territory not in ("all", *one.panel.territories):
            raise MeteoError(f"no territory {territory!r} in {one.name}")
        results = _run(one, workers, cache)
        for found in tables(one, results, territory):
            console.print(found)
        ablations = {}
        for name, signals in (ABLATIONS.get(one.name, {}) if ablation else {}).items():
            ablations[name] = _run(one.without(signals, name.replace(" ", "-")), workers, cache)
        title, about = ABOUT.get(one.name, (one.target, f"{one.target}, from {data}."))
        chapters.append(reports.Chapter(title, about, one, results, ablations))
        if ablations:
            console.print(
                rich_table("without some signals: relative WIS", reports.ablation_table(chapters[-1]))
            )
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
        try:
            return runner.run(task, cache, workers, lambda done: bar.advance(shown, done))
        except KeyboardInterrupt:
            kept = int(bar.tasks[shown].completed)
    console.print(f"{task.name}: {kept} of {len(task.origins)} origins kept; the same command goes on")
    raise typer.Exit(EXIT_INTERRUPTED)


def _tasks(
    data: Path | None, task: str, target: str | None, freq: str, since: str | None, country: str | None
) -> list[Task]:
    from forecasting.backtest import reference
    from forecasting.backtest.of_file import task_of_file

    folder = data or (
        Path(os.environ["METEO_REFERENCE_DATA"]) if "METEO_REFERENCE_DATA" in os.environ else None
    )
    if folder is None:
        raise MeteoError("say where the data are: --data FOLDER or FILE, or METEO_REFERENCE_DATA")
    if folder.is_file():
        if target is None:
            raise MeteoError("--target is needed with a file: the signal to forecast")
        return [task_of_file(folder, target, _freq(freq), since, country)]
    if country is not None:
        raise MeteoError(f"--country is for a file; {folder} is a folder of reference data")
    makers = {
        "departments": reference.departments,
        "influenza": reference.influenza,
        "year": reference.first_year,
    }
    if task != "all" and task not in makers:
        raise MeteoError(f"no task {task!r}: choose {', '.join(makers)} or all")
    names = ("departments", "influenza") if task == "all" else (task,)
    return [makers[name](folder) for name in names]


def _freq(text: str) -> Literal["D", "W"]:
    if text not in ("D", "W"):
        raise MeteoError(f"--freq {text!r}: D for days or W for weeks")
    return "D" if text == "D" else "W"


def _horizons(text: str) -> range:
    first, colon, last = text.partition(":")
    if not (colon and first.isdigit() and last.isdigit() and int(first) <= int(last)):
        raise MeteoError(f"--horizons {text!r}: write first:last, as 0:14")
    return range(int(first), int(last) + 1)
