"""The back-test's report: one HTML page without scripts, with its tables beside it as CSV."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from forecasting.backtest import plots
from forecasting.backtest.runner import ENSEMBLE, OriginResult
from forecasting.backtest.scores import daily_table, models_of, periods, table
from forecasting.backtest.task import Task

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a }
h1, h2, h3 { line-height: 1.2 } svg { max-width: 100%; height: auto }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; font-size: .85rem }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #ddd } th:first-child, td:first-child,
td:nth-child(2), th:nth-child(2) { text-align: left } figure { margin: 1rem 0; overflow-x: auto }
figcaption { color: #555; font-size: .85rem } .wide { overflow-x: auto }
"""


@dataclass(frozen=True)
class Chapter:
    """One task with its results.

    Attributes
    ----------
    title, about : str
    task : Task
    results : sequence of OriginResult
    ablations : mapping of name to results
        The same ensemble with some signals left out.
    """

    title: str
    about: str
    task: Task
    results: Sequence[OriginResult]
    ablations: Mapping[str, Sequence[OriginResult]]


def write(chapters: Sequence[Chapter], path: Path) -> None:
    """Write the page, and every table as CSV in a folder of the same name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "".join(_chapter(c) for c in chapters)
    title = "Météo santé: back-test of the forecasts"
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style><h1>{title}</h1>'
        "<p>Rolling origins; each forecast is a cold call of the library with only what was known then. Relative "
        "WIS is the ratio of summed weighted interval scores to the yardstick's (persistence, five classes of level) "
        f"on the same tasks: below one is better.{_chosen(chapters)}</p>{body}</html>\n",
        encoding="utf-8",
    )
    folder = path.with_suffix("")
    folder.mkdir(exist_ok=True)
    for chapter in chapters:
        table(chapter.task, chapter.results).round(4).to_csv(folder / f"{chapter.task.name}.csv", index=False)
        if chapter.ablations:
            ablation_table(chapter).round(4).to_csv(folder / f"{chapter.task.name}-ablation.csv", index=False)


def _chosen(chapters: Sequence[Chapter]) -> str:
    """Say on what settings were chosen, where a task has a period for that."""
    if all(len(periods(c.task)) == 1 for c in chapters):
        return ""
    return (
        " Settings were chosen on the earlier period; the later one is reported apart, and backtest-choices.md says "
        "how untouched it is."
    )


def ablation_table(chapter: Chapter) -> pd.DataFrame:
    """Relative WIS of the ensemble with all signals and with some left out, by period and horizon."""
    rows = []
    for name, results in {"all signals": chapter.results, **chapter.ablations}.items():
        full = table(chapter.task, results)
        ours = full[full["model"] == ENSEMBLE]
        for period, part in ours.groupby("period", sort=False):
            by = {f"h {h}": r for h, r in zip(part["horizon"], part["relative WIS"], strict=True)}
            rows.append({"signals": name, "period": period, **by})
    return pd.DataFrame(rows)


def summary(task: Task, results: Sequence[OriginResult], territory: str | None = None) -> pd.DataFrame:
    """Scores of the published ensemble by period and horizon."""
    full = table(task, results, territory)
    return full[full["model"] == ENSEMBLE].drop(columns="model").reset_index(drop=True)


def model_table(task: Task, results: Sequence[OriginResult]) -> pd.DataFrame:
    """Relative WIS of every model over all origins, with its mean weight in the ensemble; NaN where it has no part."""
    full = table(task, results)
    full = full[full["period"] == "all origins"]
    rows = []
    for model in models_of(results):
        part = full[full["model"] == model]
        member = any(model in r.weights for r in results)
        weight = float(np.mean([r.weights.get(model, 0.0) for r in results])) if member else np.nan
        by = {f"h {h}": r for h, r in zip(part["horizon"], part["relative WIS"], strict=True)}
        covered = part[part["horizon"] == "all"]["cover 95"].iloc[0]
        rows.append({"model": model, "mean weight": weight, **by, "cover 95": covered})
    return pd.DataFrame(rows)


def _chapter(chapter: Chapter) -> str:
    task, results = chapter.task, chapter.results
    focus = task.focus
    figures = [
        ("Forecasts at the furthest horizon, " + focus, plots.forecasts(task, results, focus)),
        ("WIS and its parts, by horizon", plots.parts(task, results)),
        ("Relative WIS at each origin", plots.relative_by_origin(task, results)),
        ("Coverage of central intervals; ticks are nominal", plots.coverage(task, results)),
        ("Probability integral transform", plots.pit(task, results)),
        ("Relative WIS by phase of the wave (origins)", plots.by_phase(task, results)),
    ]
    several = len(task.panel.territories) > 1
    if several:
        figures.append(("Relative WIS by territory", plots.by_territory(task, results)))
    drawn = "".join(
        f"<figure>{picture}<figcaption>{html.escape(caption)}</figcaption></figure>"
        for caption, picture in figures
    )
    days = daily_table(task, results)
    everywhere = "All territories" if several else html.escape(focus)
    own = f"<h3>{html.escape(focus)}</h3>{_html(summary(task, results, focus))}" if several else ""
    single = f"<h3>Single days, all territories</h3>{_html(days)}" if len(days) else ""
    removed = f"<h3>Without some signals</h3>{_html(ablation_table(chapter))}" if chapter.ablations else ""
    return (
        f"<h2>{html.escape(chapter.title)}</h2><p>{html.escape(chapter.about)}</p>"
        f"<h3>{everywhere}</h3>{_html(summary(task, results))}"
        f"{own}<h3>Models</h3>{_html(model_table(task, results))}{removed}{single}{drawn}"
    )


def _html(frame: pd.DataFrame) -> str:
    written = pd.DataFrame({c: [shown(v, str(c)) for v in frame[c]] for c in frame.columns})
    return f'<div class="wide">{written.to_html(index=False, border=0)}</div>'


def shown(value: object, column: str) -> str:
    """Write a figure of a table: shares in percent to a tenth, scores to a thousandth, nothing where there is none."""
    if not isinstance(value, float):
        return str(value)
    if np.isnan(value):
        return ""
    return f"{value:.1f}" if column.startswith("cover ") or "%" in column else f"{value:.3f}"
