"""The fans of the page: beds needed against beds free, as a chart, as a sentence and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from api.answers import BulletinOut, DayOut
from api.pages.charts import FanPoint, bands_of, fan_chart
from api.texts import Language, say, write
from forecasting.run import STOCK, SeriesForecast
from forecasting.store import Skill

WEEK = 7
_PAST_DAYS = 28


@dataclass(frozen=True)
class FanView:
    """The fan of one unit: the chart, the sentence that says the same, and the table of its figures."""

    unit: str
    name: str
    sentence: str
    label: str
    basis: str
    record: str | None
    shares: Sequence[str]
    chart: Mapping[str, Any] | None
    rows: Sequence[Mapping[str, str]]


def fan(
    bulletin: BulletinOut,
    unit: str,
    series: Sequence[SeriesForecast],
    counts: pd.DataFrame,
    skills: Sequence[Skill],
    language: Language,
) -> FanView:
    """Return the fan of one unit."""
    days = sorted((d for d in bulletin.days if d.unit == unit and not d.facility), key=lambda d: d.horizon)
    days = [d for d in days if d.beds_needed]
    name = say(f"unit.{unit}", language)
    basis = say(f"basis.{days[0].basis if days else 'none'}", language)
    if not days:
        empty = say("fan.empty", language)
        return FanView(unit, name, empty, empty, basis, None, [], None, [])
    points = [_point(day) for day in days]
    syndrome = cause_shown(unit, series)
    past = observed(counts, STOCK[unit], syndrome, before=days[0].day, days=_PAST_DAYS)
    sentence = fan_sentence(_telling_day(days, bulletin), language)
    shares = [write(share, "percent", language) for _, _, share, _ in reversed(bands_of(points))]
    return FanView(
        unit=unit,
        name=name,
        sentence=sentence,
        label=say("fan.chart.label", language, unit=unit, sentence=sentence),
        basis=basis,
        record=_record(unit, syndrome, skills, language),
        shares=shares,
        chart=fan_chart(points, past, language),
        rows=[_row(day, language) for day in days],
    )


def _record(unit: str, syndrome: str, skills: Sequence[Skill], language: Language) -> str | None:
    """Return how past forecasts of these beds did a week ahead, or None before enough have come due."""
    wanted = (f"{STOCK[unit]}:{syndrome}", WEEK)
    found = next((s for s in skills if (s.target, s.horizon) == wanted), None)
    if found is None:
        return None
    ratio = found.relative_wis
    return say(
        "scores.record",
        language,
        forecasts=found.tasks,
        coverage=found.coverage_80,
        error=found.mean_absolute_error,
        versus="" if ratio is None else say("scores.versus", language, ratio=ratio),
    )


def cause_shown(unit: str, series: Sequence[SeriesForecast]) -> str:
    """Return the syndrome whose beds the fan shows: all causes where they are counted, else the only one that is."""
    causes = [s.target.syndrome for s in series if s.target.signal == STOCK[unit]]
    return causes[0] if len(causes) == 1 else "all"


def _point(day: DayOut) -> FanPoint:
    needed = {float(level): value for level, value in (day.beds_needed or {}).items()}
    free = day.beds_free or {}
    return FanPoint(day.day, needed, free.get("0.5"), free.get("0.05"), free.get("0.95"))


def _telling_day(days: Sequence[DayOut], bulletin: BulletinOut) -> DayOut:
    """Return the day worth a sentence: the headline's, else the riskiest of the coming week, else the last."""
    for day in days:
        if day.day == bulletin.headline_day and day.unit == bulletin.headline_unit:
            return day
    week = [d for d in days if 1 <= d.horizon <= WEEK] or list(days)
    return max(week, key=lambda d: (d.probability or 0.0, d.horizon))


def fan_sentence(day: DayOut, language: Language) -> str:
    """Return the sentence that says what the chart shows of one day."""
    needed = day.beds_needed or {}
    free = (day.beds_free or {}).get("0.5")
    key = "fan.sentence" if free is not None else "fan.sentence.nofree"
    text = say(
        key,
        language,
        day=day.day,
        median=needed.get("0.5"),
        low=needed.get("0.05"),
        high=needed.get("0.95"),
        free=free,
    )
    return text[:1].upper() + text[1:]


def _row(day: DayOut, language: Language) -> dict[str, str]:
    needed, free = day.beds_needed or {}, day.beds_free or {}

    def number(value: float | None) -> str:
        return "–" if value is None else write(value, "number", language)

    return {
        "day": write(day.day, "short_day", language),
        "median": number(needed.get("0.5")),
        "low": number(needed.get("0.05")),
        "high": number(needed.get("0.95")),
        "free": number(free.get("0.5")),
        "risk": "–"
        if day.probability is None or day.colour == "grey"
        else write(day.probability, "risk", language),
    }


def observed(
    counts: pd.DataFrame, signal: str, syndrome: str, *, days: int, before: date | None = None
) -> list[tuple[date, float]]:
    """Return the shown daily values of a series, the newest `days` of them."""
    if counts.empty:
        return []
    rows = counts[
        (counts["signal"] == signal) & (counts["syndrome"] == syndrome) & (counts["facility"] == "")
    ]
    rows = rows[rows["value"].notna()]
    if before is not None:
        rows = rows[rows["reference_date"] < pd.Timestamp(before)]
    pairs = zip(rows["reference_date"], rows["value"], strict=True)
    return [(when.date(), float(value)) for when, value in pairs][-days:]
