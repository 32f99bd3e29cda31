"""Tables of a back-test on a terminal of eighty columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from rich.table import Table

from forecasting.backtest import report
from forecasting.backtest.runner import OriginResult
from forecasting.backtest.task import Task

SHORTER: Mapping[str, str] = {
    "horizon": "h",
    "relative WIS": "rel. WIS",
    "geometric": "geom.",
    "relative log WIS": "rel. log",
    "MAE % of mean": "MAE %",
    "mean weight": "weight",
    "cover 50": "in 50",
    "cover 80": "in 80",
    "cover 95": "in 95",
}
"""Headings that would not fit beside each other."""


def tables(task: Task, results: Sequence[OriginResult], territory: str) -> Iterator[Table]:
    """Yield the scores of all territories, of one where there are more, and of the models.

    Parameters
    ----------
    task : Task
    results : sequence of OriginResult
    territory : str
        The one to show beside all; the task's own when it is `all`.
    """
    one = task.focus if territory == "all" else territory
    several = len(task.panel.territories) > 1
    whose = "all territories" if several else task.focus
    yield rich_table(f"{task.name}: {whose}", report.summary(task, results))
    if several:
        yield rich_table(f"{task.name}: {one}", report.summary(task, results, one))
    yield rich_table(f"{task.name}: models, relative WIS", report.model_table(task, results))


def rich_table(title: str, frame: pd.DataFrame) -> Table:
    """Lay a table out for a terminal: short headings, no lines between columns, no word of the first cut."""
    laid = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    for column in frame.columns:
        words = not pd.api.types.is_numeric_dtype(frame[column]) and column != "horizon"
        laid.add_column(
            SHORTER.get(str(column), str(column)),
            justify="left" if words else "right",
            overflow="fold",
            min_width=max(len(w) for v in frame[column] for w in str(v).split()) if words else 4,
        )
    for row in frame.itertuples(index=False):
        laid.add_row(*(report.shown(v, str(c)) for c, v in zip(frame.columns, row, strict=True)))
    return laid
