"""Plots of a back-test as inline SVG: no script, no network, readable when printed."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
import vl_convert
from numpy.typing import NDArray

from forecasting.backtest.runner import ENSEMBLE, YARDSTICK, OriginResult
from forecasting.backtest.scores import Scored, phases, score
from forecasting.backtest.task import Task

BLUE, ORANGE, GREY, GREEN = "#2c6fbb", "#d95f02", "#8a8a8a", "#1b7f5c"
MOST_TICKS = 9


def svg(chart: alt.Chart | alt.LayerChart | alt.HConcatChart | alt.FacetChart) -> str:
    """Draw a chart as SVG text."""
    return str(vl_convert.vegalite_to_svg(chart.to_dict()))


def _dates(column: str, dates: NDArray[np.datetime64]) -> alt.X:
    """Lay days out from left to right, named by dates of the series: a calendar's own ticks fall between weeks."""
    named = dates[:: -(-len(dates) // MOST_TICKS)].astype("datetime64[ms]").astype(np.int64).tolist()
    return alt.X(
        f"{column}:T",
        title=None,
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(values=named, format="%Y-%m-%d", labelOverlap=True),
    )


def _relative() -> alt.Y:
    return alt.Y("relative WIS:Q", title="relative WIS")


def forecasts(task: Task, results: Sequence[OriginResult], territory: str) -> str:
    """Draw truth and the 50 and 95 % intervals of one territory at its furthest horizon."""
    i = task.panel.territories.index(territory)
    step = 1 if task.panel.freq == "D" else 7
    rows = []
    for r in results:
        q = r.quantiles[ENSEMBLE][i, -1]
        day = r.origin + task.horizons[-1] * step
        rows.append({"day": str(day), "low": q[1], "q1": q[6], "median": q[11], "q3": q[16], "high": q[21]})
    truth = task.truth()[:, i]
    first, last = task.position(task.origins[0]), task.position(task.origins[-1]) + task.horizons[-1]
    line = pd.DataFrame(
        {"day": task.panel.dates[first : last + 1].astype(str), "truth": truth[first : last + 1]}
    )
    along = _dates("day", task.panel.dates[first : last + 1])

    def up(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", title=task.target)

    base = alt.Chart(pd.DataFrame(rows)).encode(x=along)
    wide = base.mark_rule(color=BLUE, opacity=0.35).encode(y=up("low"), y2="high:Q")
    half = base.mark_rule(color=BLUE, strokeWidth=4, opacity=0.6).encode(y=up("q1"), y2="q3:Q")
    dots = base.mark_point(color=BLUE, filled=True, size=30).encode(y=up("median"))
    seen = alt.Chart(line.dropna()).mark_line(color="black", strokeWidth=1.2).encode(x=along, y=up("truth"))
    return svg((wide + half + dots + seen).properties(width=680, height=240))


def parts(task: Task, results: Sequence[OriginResult]) -> str:
    """Draw the parts of WIS by horizon, ensemble beside yardstick."""
    rows = []
    for model in (ENSEMBLE, YARDSTICK):
        scored = score(results, model)
        for k, h in enumerate(task.horizons):
            for name in ("dispersion", "underprediction", "overprediction"):
                value = float(np.nanmean(getattr(scored, name)[:, :, k]))
                rows.append({"model": model, "horizon": h, "part": name, "WIS": value})
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar()
        .encode(
            x=alt.X("model:N", title=None),
            y=alt.Y("WIS:Q", stack=True),
            color=alt.Color("part:N", scale=alt.Scale(range=[GREY, ORANGE, BLUE])),
            column=alt.Column("horizon:O", title="horizon"),
        )
        .properties(width=90, height=220)
    )
    return svg(chart)


def relative_by_origin(task: Task, results: Sequence[OriginResult]) -> str:
    """Draw relative WIS at each origin, by horizon; one is the yardstick."""
    ours, theirs = score(results, ENSEMBLE), score(results, YARDSTICK)
    rows = []
    for o, origin in enumerate(task.origins):
        for k, h in enumerate(task.horizons):
            ratio = np.nansum(ours.wis[o, :, k]) / max(float(np.nansum(theirs.wis[o, :, k])), 1e-9)
            rows.append({"origin": str(origin), "horizon": str(h), "relative WIS": ratio})
    lines = (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(point=True)
        .encode(x=_dates("origin", task.origins), y=_relative(), color="horizon:N")
    )
    one = alt.Chart(pd.DataFrame({"relative WIS": [1.0]})).mark_rule(strokeDash=[4, 4]).encode(y=_relative())
    return svg((lines + one).properties(width=680, height=220))


def coverage(task: Task, results: Sequence[OriginResult]) -> str:
    """Draw coverage against nominal at every horizon."""
    scored = score(results, ENSEMBLE)
    rows = [
        {
            "horizon": h,
            "nominal": f"{100 * c:.0f} %",
            "coverage": 100 * float(np.nanmean(v[:, :, k])),
            "wanted": 100 * c,
        }
        for c, v in scored.covered.items()
        for k, h in enumerate(task.horizons)
    ]
    covered = "coverage (%)"
    base = alt.Chart(pd.DataFrame(rows)).encode(x=alt.X("horizon:O"))
    bars = base.mark_point(filled=True, size=90).encode(
        y=alt.Y("coverage:Q", title=covered, scale=alt.Scale(domain=[0, 100])), color="nominal:N"
    )
    wanted = base.mark_tick(thickness=1).encode(y=alt.Y("wanted:Q", title=covered), color="nominal:N")
    return svg((bars + wanted).properties(width=320, height=220))


def pit(task: Task, results: Sequence[OriginResult]) -> str:
    """Draw histograms of the probability integral transform, flat when calibrated, by horizon."""
    scored = score(results, ENSEMBLE)
    rows = []
    for k, h in enumerate(task.horizons):
        values = scored.pit[:, :, k]
        counts, edges = np.histogram(values[np.isfinite(values)], bins=10, range=(0, 1))
        share = counts / max(counts.sum(), 1)
        rows += [
            {"horizon": h, "PIT": f"{e:.1f}", "share": s} for e, s in zip(edges[:-1], share, strict=True)
        ]
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar(color=GREEN)
        .encode(
            x=alt.X("PIT:O", title="probability integral transform"),
            y=alt.Y("share:Q", title="share of forecasts"),
            column=alt.Column("horizon:O"),
        )
        .properties(width=150, height=140)
    )
    return svg(chart)


def by_phase(task: Task, results: Sequence[OriginResult]) -> str:
    """Draw relative WIS while the pooled level was growing, steady or declining."""
    ours, theirs = score(results, ENSEMBLE), score(results, YARDSTICK)
    named = phases(task)
    rows = []
    for phase in ("growing", "steady", "declining"):
        chosen = named == phase
        if chosen.any():
            rows += [
                {
                    "phase": f"{phase} ({chosen.sum()})",
                    "horizon": str(h),
                    "relative WIS": _ratio(ours, theirs, chosen, k),
                }
                for k, h in enumerate(task.horizons)
            ]
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar()
        .encode(
            x=alt.X("phase:N", title=None, sort=None),
            xOffset="horizon:N",
            y=_relative(),
            color="horizon:N",
        )
    )
    return svg(chart.properties(width=320, height=220))


def by_territory(task: Task, results: Sequence[OriginResult]) -> str:
    """Draw relative WIS of every territory over all origins and horizons, best first."""
    ours, theirs = score(results, ENSEMBLE), score(results, YARDSTICK)
    ratio = np.nansum(ours.wis, axis=(0, 2)) / np.maximum(np.nansum(theirs.wis, axis=(0, 2)), 1e-9)
    frame = pd.DataFrame({"territory": task.panel.territories, "relative WIS": ratio})
    dots = (
        alt.Chart(frame)
        .mark_bar(color=BLUE)
        .encode(x=alt.X("territory:N", sort="y", axis=alt.Axis(labelFontSize=6)), y=_relative())
    )
    return svg(dots.properties(width=780, height=180))


def _ratio(ours: Scored, theirs: Scored, chosen: np.ndarray, k: int) -> float:
    return float(np.nansum(ours.wis[chosen, :, k]) / max(float(np.nansum(theirs.wis[chosen, :, k])), 1e-9))
