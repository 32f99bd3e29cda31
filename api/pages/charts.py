"""The charts as Vega-Lite specifications, built by Altair.

A specification holds data and shape; colours and sizes are named styles (`band95`, `median`, `free`), which the
page's script fills in for light, dark and wall displays. Titles and labels come from the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import altair as alt
import pandas as pd

from api.texts import Language, say

# Pairs of quantile levels of the bands, from the widest, with the share they hold.
BANDS: tuple[tuple[float, float, float, str], ...] = (
    (0.025, 0.975, 0.95, "band95"),
    (0.05, 0.95, 0.90, "band95"),
    (0.1, 0.9, 0.80, "band80"),
    (0.25, 0.75, 0.50, "band50"),
)
_DAY_AXIS = {"fr": "%e %b", "en": "%e %b"}
# Beds that never fall under this share of their highest are drawn without the empty part down to zero.
_SHARE_CUT = 0.5


@dataclass(frozen=True)
class FanPoint:
    """One day of a fan: quantiles of beds needed by level, and the median of beds free."""

    day: date
    needed: Mapping[float, float]
    free: float | None
    free_low: float | None = None
    free_high: float | None = None


def bands_of(points: Sequence[FanPoint]) -> list[tuple[float, float, float, str]]:
    """Return the bands that every day of the fan has; 90 % stands in where 95 % is not published."""
    levels = set.intersection(*(set(point.needed) for point in points)) if points else set()
    bands = [band for band in BANDS if band[0] in levels and band[1] in levels]
    return [b for b in bands if not (b[2] == 0.90 and any(other[2] == 0.95 for other in bands))]


def fan_chart(
    points: Sequence[FanPoint], observed: Sequence[tuple[date, float]], language: Language
) -> dict[str, Any]:
    """Return the fan of beds needed against beds free, with what was observed before.

    Parameters
    ----------
    points
        Days 0 to 14.
    observed
        Beds occupied on past days, before day 0.
    """
    days = pd.DataFrame(
        [
            {
                "day": _instant(p.day),
                "free": p.free,
                "free_low": p.free_low,
                "free_high": p.free_high,
                **{_column(level): value for level, value in p.needed.items()},
            }
            for p in points
        ]
    )
    time, height = _time(language), _height(days, observed)
    layers = [_band(days, band, time, height) for band in bands_of(points)]
    if days["free"].notna().any():
        if days["free_low"].notna().any():
            layers.append(
                alt.Chart(days)
                .mark_area(style="freeband")
                .encode(x=time, y=alt.Y("free_low:Q"), y2=alt.Y2("free_high:Q"))
            )
        layers.append(
            alt.Chart(days).mark_line(style="free", interpolate="step-after").encode(x=time, y="free:Q")
        )
    layers.append(_median(days, time, language))
    if observed:
        past = pd.DataFrame([{"day": _instant(d), "observed": v} for d, v in observed])
        layers.append(alt.Chart(past).mark_line(style="observed").encode(x=time, y="observed:Q"))
    today = pd.DataFrame([{"day": _instant(points[0].day), "label": say("fan.today", language)}])
    layers.append(alt.Chart(today).mark_rule(style="today").encode(x=time))
    chart = alt.layer(*layers).properties(width="container", height=260)
    return _plain(chart)


def _instant(day: date) -> str:
    # A local midnight: a bare date would be read as UTC and slip by a day west of Greenwich.
    return f"{day.isoformat()}T00:00:00"


def _column(level: float) -> str:
    return f"q{round(level * 1000):04d}"


def _time(language: Language) -> alt.X:
    axis = alt.Axis(
        format=_DAY_AXIS[language],
        tickCount="week",
        labelFlush=True,
        labelOverlap="greedy",
        labelSeparation=10,
        grid=False,
        title=None,
    )
    return alt.X("day:T", axis=axis, scale=alt.Scale(nice=False))


def _height(days: pd.DataFrame, observed: Sequence[tuple[date, float]]) -> alt.Scale:
    """Return the scale of beds: what decides is their distance from the beds free, not from zero."""
    drawn = days.drop(columns="day").to_numpy(dtype=float).ravel()
    values = [float(v) for v in (*drawn, *(v for _, v in observed)) if v == v]
    return alt.Scale(zero=min(values, default=0.0) < _SHARE_CUT * max(values, default=0.0), nice=True)


def _band(days: pd.DataFrame, band: tuple[float, float, float, str], time: alt.X, height: alt.Scale) -> Any:
    low, high, _, style = band
    beds = alt.Y(f"{_column(low)}:Q", axis=alt.Axis(title=None, tickCount=5, format=",d"), scale=height)
    return alt.Chart(days).mark_area(style=style).encode(x=time, y=beds, y2=alt.Y2(f"{_column(high)}:Q"))


def _median(days: pd.DataFrame, time: alt.X, language: Language) -> Any:
    columns = [c for c in days.columns if c.startswith("q")]
    tooltip = [alt.Tooltip("day:T", title=say("fan.column.day", language), format="%A %e %B")]
    tooltip.append(alt.Tooltip("q0500:Q", title=say("fan.needed", language), format=",.0f"))
    for column, title in ((columns[0], "fan.column.low"), (columns[-1], "fan.column.high")):
        tooltip.append(alt.Tooltip(f"{column}:Q", title=say(title, language), format=",.0f"))
    if days["free"].notna().any():
        tooltip.append(alt.Tooltip("free:Q", title=say("fan.free", language), format=",.0f"))
    return alt.Chart(days).mark_line(style="median").encode(x=time, y="q0500:Q", tooltip=tooltip)


def signal_chart(values: Sequence[tuple[date, float]], language: Language) -> dict[str, Any]:
    """Return the small curve of one leading signal: its mean over seven days."""
    frame = pd.DataFrame([{"day": _instant(d), "value": v} for d, v in values])
    time = alt.X("day:T", axis=alt.Axis(format=_DAY_AXIS[language], tickCount=3, title=None, grid=False))
    height = alt.Y("value:Q", axis=alt.Axis(title=None, tickCount=3, format=",d"))
    area = alt.Chart(frame).mark_area(style="signalarea").encode(x=time, y=height)
    line = alt.Chart(frame).mark_line(style="signal").encode(x=time, y="value:Q")
    return _plain(alt.layer(area, line).properties(width="container", height=96))


def _plain(chart: alt.LayerChart | alt.FacetChart) -> dict[str, Any]:
    """Return the specification without Altair's own look; the page brings its styles."""
    spec: dict[str, Any] = chart.to_dict()
    spec.pop("config", None)
    spec["background"] = "transparent"
    return spec
