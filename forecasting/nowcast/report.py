"""The vintages' own report: what nowcasting is worth on revisions that really happened.

`meteo nowcast-report` writes it. Two questions, one table each: do the last days' nowcasts beat taking the reports
at face value and hold as often as they say; and does a forecast that starts from them beat one that does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.nowcast.replay import LEVELS, YARDSTICK, Moment, forecast_table, moments, replay, settled
from forecasting.nowcast.tail import nowcast_tail
from forecasting.panel import Floats, Panel
from forecasting.scoring import interval_coverage, wis
from forecasting.streams_of_chance import generator
from forecasting.tidy_frame import checked_rows
from infra.errors import MeteoError

SIGNALS = ("ed_covid", "sos_covid")
VINTAGES, FINAL = "sursaud_departement_vintages.csv.gz", "sursaud_departement_daily.csv.gz"
NEWEST = 4
DRAWS = 400
"""Of each nowcast."""


@dataclass(frozen=True)
class Vintages:
    """Every version of some series, and their final values.

    Attributes
    ----------
    title : str
    frame : DataFrame
        Tidy, with ``reported_at``.
    final : Panel
    target : str
    note : str
        What a reader should know of these files, in Markdown; empty when there is nothing.
    """

    title: str
    frame: pd.DataFrame
    final: Panel
    target: str
    note: str = ""


def reference(folder: Path) -> Vintages:
    """Read the public files of emergency visits as they stood on 31 days of 2020 and 2021.

    Raises
    ------
    MeteoError
        When one of the two files is not in the folder.
    """
    for name in (VINTAGES, FINAL):
        if not (folder / name).exists():
            raise MeteoError(
                f"{folder / name} is missing: point METEO_REFERENCE_DATA or --data at the folder"
            )
    versions = pd.read_csv(folder / VINTAGES, dtype={"dep": str})
    final = pd.read_csv(folder / FINAL, dtype={"dep": str})
    # On one day two extracts were taken; the later one stands.
    versions = versions.drop_duplicates(["as_of", "date", "dep"], keep="last")
    has_calls = set(final.loc[final["sos_covid"].notna(), "dep"])
    frame = _tidy(versions.rename(columns={"as_of": "reported_at"}), has_calls)
    return Vintages(
        "COVID visits to emergency departments, French départements",
        frame,
        Panel.from_frame(_tidy(final, has_calls), freq="D"),
        "ed_covid",
        "Half of these days are in the decline after the first wave, with two to four months of past, where growth as\n"
        "learnt from one rise misleads whatever it starts from: an oracle can then score worse than what is too low.\n"
        "Visits for all causes are left out, which was decided after seeing them: their return after the lockdown\n"
        "reads as a wave, and the forecasts scored 1.20 as reported, 1.23 with nowcast and 1.32 with final values.\n\n",
    )


def from_frame(frame: pd.DataFrame, target: str, title: str) -> Vintages:
    """Take the newest version of every cell that is old enough as final.

    Raises
    ------
    MeteoError
        When nothing says what was known when.
    FrameError
        Naming the column, and the row.
    """
    if "reported_at" not in frame.columns:
        raise MeteoError(f"{title}: there is no column 'reported_at', so nothing says what was known when")
    rows = checked_rows(frame)
    return Vintages(title, rows, settled(rows), target)


def _tidy(wide: pd.DataFrame, has_calls: set[str]) -> pd.DataFrame:
    keys = [c for c in ("reported_at", "date", "dep") if c in wide.columns]
    long = wide.melt(id_vars=keys, value_vars=list(SIGNALS), var_name="signal").rename(
        columns={"dep": "territory"}
    )
    absent = (long["signal"] == "sos_covid") & ~long["territory"].isin(has_calls)
    return long.loc[~absent]


def nowcast_table(vintages: Vintages, as_of_dates: Sequence[np.datetime64]) -> pd.DataFrame:
    """Score the nowcasts of the newest `NEWEST` reported periods: one row an age, and one for all.

    Columns: cells; ``reported`` (share of the final total reported by then), MAE of the reports and of the nowcast's
    median, the nowcast's relative WIS (to the reports at face value, whose WIS is their absolute error), and the
    coverage of its 50, 80 and 95 % intervals, in %.

    Parameters
    ----------
    vintages : Vintages
    as_of_dates : sequence of datetime64[D]
        Moments of the nowcasts; each sees what was reported by then.
    """
    cells = pd.concat([_cells(vintages, as_of) for as_of in as_of_dates], ignore_index=True)
    ages = sorted(cells["age"].unique())
    rows = [_row(str(age), cells[cells["age"] == age]) for age in ages]
    return pd.DataFrame([*rows, _row("all", cells)])


def _cells(vintages: Vintages, as_of: np.datetime64) -> pd.DataFrame:
    panel = Panel.from_frame(vintages.frame, as_of=as_of, freq=vintages.final.freq)
    rng = generator(0, "", vintages.target, str(as_of))
    column = panel.signal_index(vintages.target)
    rows, moment = checked_rows(vintages.frame), str(as_of)
    made = nowcast_tail(
        rows, panel.dates, panel.territories, panel.signals, moment, rng, freq=panel.freq, draws=DRAWS
    )
    parts = []
    for back in range(1, 1 + (0 if made is None else made.shape[1])):
        reported = panel.series(vintages.target)[-back]
        if made is None or not np.isfinite(reported).any():
            continue
        final = _final_at(vintages, panel, panel.dates[-back])
        drawn = made[:, -back, :, column]
        ok = np.isfinite(reported) & np.isfinite(final) & np.isfinite(drawn).all(axis=0)
        q = np.quantile(drawn[:, ok], LEVELS, axis=0, method="inverted_cdf").T
        age = int((as_of - panel.dates[-back]).astype(int)) // panel.period_days
        parts.append(_scored(age, q, reported[ok], final[ok]))
        if len(parts) == NEWEST:
            break
    return pd.concat(parts, ignore_index=True) if parts else _scored(0, np.empty((0, 23)), *np.empty((2, 0)))


def _final_at(vintages: Vintages, panel: Panel, date: np.datetime64) -> Floats:
    out = np.full(len(panel.territories), np.nan)
    at = np.flatnonzero(vintages.final.dates == date)
    if len(at):
        series = vintages.final.series(vintages.target)[at[0]]
        place = {t: i for i, t in enumerate(vintages.final.territories)}
        for i, territory in enumerate(panel.territories):
            out[i] = series[place[territory]] if territory in place else np.nan
    return out


def _scored(age: int, q: Floats, reported: Floats, final: Floats) -> pd.DataFrame:
    scores = wis(q, LEVELS, final) if len(q) else np.empty(0)
    inside = {c: interval_coverage(q, LEVELS, final, c) if len(q) else np.empty(0) for c in (0.5, 0.8, 0.95)}
    return pd.DataFrame(
        {
            "age": age,
            "reported": reported,
            "final": final,
            "median": q[:, LEVELS.size // 2],
            "wis": scores,
            **{f"{c:.0%}": np.asarray(v, dtype=float) for c, v in inside.items()},
        }
    )


def _row(name: str, cells: pd.DataFrame) -> dict[str, float | str]:
    naive = (cells["reported"] - cells["final"]).abs()
    return {
        "age": name,
        "cells": len(cells),
        "reported": float(cells["reported"].sum() / cells["final"].sum()),
        "MAE reported": float(naive.mean()),
        "MAE nowcast": float((cells["median"] - cells["final"]).abs().mean()),
        "relative WIS": float(cells["wis"].sum() / naive.sum()) if naive.sum() > 0 else float("nan"),
        **{c: 100 * float(cells[c].mean()) for c in ("50%", "80%", "95%")},
    }


def write(
    vintages: Vintages, path: Path, most: int, draws: int, progress: Callable[[int], Callable[[], object]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Replay the vintages and write the page.

    Parameters
    ----------
    vintages : Vintages
    path : Path
        Markdown.
    most : int
        Moments at most.
    draws : int
        Paths of each forecast.
    progress : callable
        Told the number of moments, gives what is called after each.

    Returns
    -------
    nowcasts, forecasts : DataFrame

    Raises
    ------
    MeteoError
        When the frame has no moment with a past before it and a truth after it.
    """
    dates = moments(vintages.frame, vintages.final, vintages.target, most)
    if not dates:
        raise MeteoError(f"{vintages.title}: no day with eight weeks before it and settled values after it")
    found = replay(
        vintages.frame, vintages.final, vintages.target, dates, draws=draws, done=progress(len(dates))
    )
    nowcasts = nowcast_table(vintages, dates)
    forecasts = forecast_table(found, _periods(found))
    path.write_text(_page(vintages, dates, nowcasts, forecasts), encoding="utf-8")
    return nowcasts, forecasts


def _periods(found: Sequence[Moment]) -> dict[str, NDArray[np.bool_]]:
    """All moments, and by what came: more than persistence said, or less."""
    came = np.array([np.nansum(m.truth) for m in found])
    middle = LEVELS.size // 2
    kept = np.array([np.nansum(m.quantiles[YARDSTICK][:, middle]) for m in found])
    named = {"all": np.ones(len(found), dtype=np.bool_)}
    rising = came > kept
    return named | ({"more came": rising, "less came": ~rising} if 0 < rising.sum() < len(found) else {})


def _page(
    vintages: Vintages, dates: Sequence[np.datetime64], nowcasts: pd.DataFrame, forecasts: pd.DataFrame
) -> str:
    daily = vintages.final.freq == "D"
    period = "day" if daily else "week"
    ahead = "the mean of the seven days" if daily else "the first week"
    return f"""# What nowcasting is worth, on revisions that happened

Written by `meteo nowcast-report`. {vintages.title}: `{vintages.target}` as it stood on {len(dates)} days from
{dates[0]} to {dates[-1]}, against its final values. Every figure is made from what had been reported by that day.

## The newest {period}s

The last {NEWEST} {period}s reported, by age in {period}s on the day of the report. *Reported* is the share of the
final total that was in by then. Relative WIS is to taking the reports at face value (below one is better); the last
three columns are how often the 50, 80 and 95 % intervals held.

{_markdown(nowcasts, ("reported", "relative WIS"))}

## Forecasts that start from them

{ahead.capitalize()} after the day of the report. The same forecast from three starts: the reports at face value, the
reports completed by draws of the nowcast, and the final values of the same cells, which nobody had. Relative WIS is
to the protocol's persistence on the reports at face value. What nowcasting can gain lies between *as reported* and
the *oracle*; *no change* is a model without growth, where nothing but the newest level counts. Completing raises
levels, so it helps where *more came* than persistence said, and costs where less did, whoever completes (a split made
after the fact).

{_markdown(forecasts, ("relative WIS", "bias"))}

## How the forecast takes the nowcast's uncertainty

Models are rehearsed on past origins from values that have settled since, so their past errors do not hold the errors
of the newest, unsettled values. Those are added once: the panel's newest cells are the medians of the nowcast's
draws, and each path of the forecast is moved, on the fourth-root scale and at every horizon, by as much as its own
draw of the newest level differs from the median one. Nothing else widens for it, so it is not counted twice.

{vintages.note}Coverage of counts near zero is above nominal: an interval of whole numbers holds at least what it
names.
"""


def _markdown(table: pd.DataFrame, two_digits: tuple[str, ...]) -> str:
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    for row in table.itertuples(index=False):
        cells = []
        for name, value in zip(table.columns, row, strict=True):
            fine = name in two_digits or name.startswith(("MAE", "WIS"))
            cells.append(f"{value:.{2 if fine else 0}f}" if isinstance(value, float) else str(value))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
