"""What the page shows, gathered once: every text rendered, every figure already protected.

Built from the same answers as the JSON, so page and API can not differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from api.answers import BulletinOut, DayOut, LeadOut
from api.counts import Asked, published_moment, shown_counts
from api.pages.charts import signal_chart
from api.pages.fans import WEEK, FanView, fan, observed
from api.pages.moves import MovesView, moves
from api.pages.partners import PartnerView, partners
from api.protection import protected_series, protection_of
from api.rendering import LEAST_FORECASTS, bulletin_out
from api.room import ReadingRoom, series_of_run
from api.scopes import Reader
from api.texts import Language, say, write
from forecasting import store
from forecasting.run import STOCK, RunRecord, SeriesForecast, TerritoryBulletin
from infra.clock import civil_date
from infra.database import Connection
from streams.vocabulary.places import zone_of
from streams.vocabulary.signals import SIGNAL_KEYS
from streams.vocabulary.signals import signal as signal_named

UNITS = ("conventional", "critical")
_SIGNAL_DAYS = 56
_MOST_SIGNALS = 6
# Less rounds to no day at all, and announces nothing.
_LEAST_LEAD_DAYS = 0.5


@dataclass(frozen=True)
class DayView:
    """One tile of the strip."""

    day: date
    weekday: str
    number: str
    colour: str
    letter: str
    risk: str
    label: str
    is_today: bool
    is_kept: bool


@dataclass(frozen=True)
class UnitView:
    """One unit's strip."""

    unit: str
    name: str
    days: Sequence[DayView]


@dataclass(frozen=True)
class SignalView:
    """One leading signal."""

    name: str
    lead: str
    interval: str | None
    strength: int | None
    strength_text: str | None
    label: str
    chart: Mapping[str, Any] | None


@dataclass(frozen=True)
class PageView:
    """Everything the template needs of one bulletin."""

    bulletin: BulletinOut
    zone: str
    expired: bool
    units: Sequence[UnitView]
    keeps_colours: bool
    fans: Sequence[FanView]
    signals: Sequence[SignalView]
    signals_target: str
    partners: Sequence[PartnerView]
    driver: str | None
    moves: MovesView | None


def page_view(
    room: ReadingRoom,
    connection: Connection,
    reader: Reader,
    record: RunRecord,
    bulletin: TerritoryBulletin,
) -> PageView:
    """Gather what the page of one territory shows."""
    protection = protection_of(room, connection, reader, bulletin.territory, bulletin.freshness)
    shown = bulletin_out(room, reader, record, bulletin, protection)
    zone = zone_of(bulletin.territory)
    series = [protected_series(s, protection) for s in _bed_series(connection, record, bulletin.territory)]
    leads = leading(shown.leadlag)
    counts = _counts(room, connection, reader, record, bulletin.territory, leads)
    language = reader.language
    skills = [s for s in store.skill(connection, bulletin.territory) if s.tasks >= LEAST_FORECASTS]
    strips = [UnitView(u, say(f"unit.{u}", language), strip(shown, u, language)) for u in UNITS]
    return PageView(
        bulletin=shown,
        zone=zone,
        expired=shown.valid_until < room.clock.now(),
        units=strips,
        keeps_colours=any(day.is_kept for unit in strips for day in unit.days),
        fans=[fan(shown, u, series, counts, skills, language) for u in UNITS],
        signals=[signal_view(row, counts, language) for row in leads],
        signals_target=write(leads[0].target, "target", language) if leads else "",
        partners=partners(shown, protection.open_partners, language, zone),
        driver=_driver(shown, language),
        moves=moves(shown, series, language),
    )


def _driver(bulletin: BulletinOut, language: Language) -> str | None:
    unit = bulletin.headline_unit or "conventional"
    day = bulletin.headline_day
    found = [d for d in bulletin.days if d.unit == unit and (day is None or d.day == day) and d.driver]
    return say("hero.why", language, group=found[0].driver) if found and bulletin.colour != "grey" else None


def strip(bulletin: BulletinOut, unit: str, language: Language) -> list[DayView]:
    """Return the tiles of a unit, day 0 first; a day without forecast is grey."""
    known = {d.horizon: d for d in bulletin.days if d.unit == unit and not d.facility}
    origin = bulletin.run.origin
    return [_tile(origin + timedelta(days=h), h, unit, known.get(h), language) for h in range(15)]


def _tile(day: date, horizon: int, unit: str, found: DayOut | None, language: Language) -> DayView:
    colour = found.colour if found else "grey"
    # A grey day says that it is not known: a figure beside it would be believed.
    probability = found.probability if found and colour != "grey" else None
    is_kept = found is not None and probability is not None and colour != found.raw_colour
    key = "strip.day.unknown" if probability is None else "strip.day.kept" if is_kept else "strip.day"
    weekday = say("strip.today", language) if horizon == 0 else write(day, "weekday", language)
    return DayView(
        day=day,
        weekday=weekday,
        number=write(day, "day_number", language),
        colour=colour,
        letter=say(f"letter.{colour}", language),
        risk="–" if probability is None else write(probability, "risk", language),
        label=say(key, language, unit=unit, day=day, colour=colour, probability=probability),
        is_today=horizon == 0,
        is_kept=is_kept,
    )


def _bed_series(connection: Connection, record: RunRecord, territory: str) -> list[SeriesForecast]:
    wanted = [
        key
        for key in store.targets(connection, territory, record.as_of)
        if key.partition(":")[0] in STOCK.values()
    ]
    found = (series_of_run(connection, record, territory, key) for key in wanted)
    return [series for series in found if series is not None]


def leading(rows: Sequence[LeadOut]) -> list[LeadOut]:
    """Return the signals worth showing: those that move half a day ahead or more, the strongest first, each once."""
    known = [
        row
        for row in rows
        if row.lag_days is not None
        and row.lag_days >= _LEAST_LEAD_DAYS
        and row.signal.partition(":")[0] in SIGNAL_KEYS
    ]
    known.sort(key=lambda row: -(row.strength or 0.0))
    first: dict[str, LeadOut] = {}
    for row in known:
        first.setdefault(row.signal, row)
    return list(first.values())[:_MOST_SIGNALS]


def signal_view(row: LeadOut, counts: pd.DataFrame, language: Language) -> SignalView:
    """Return one leading signal with its curve."""
    key, _, syndrome = row.signal.partition(":")
    wanted = [s for s in (syndrome, row.target.partition(":")[2], "all") if s]
    values: list[tuple[date, float]] = []
    for candidate in wanted:
        values = weekly_mean(observed(counts, key, candidate, days=_SIGNAL_DAYS + WEEK))
        if values:
            break
    strength = None if row.strength is None else max(0.0, min(1.0, row.strength))
    return SignalView(
        name=signal_named(key).label_fr if language == "fr" else signal_named(key).label_en,
        lead=say("signals.days", language, days=row.lag_days),
        interval=None
        if row.low is None or row.high is None
        else say("signals.interval", language, low=row.low, high=row.high),
        strength=None if strength is None else round(strength * 10),
        strength_text=None if strength is None else say("signals.strength", language, strength=strength),
        label=say("signals.chart.label", language, signal=key, start=values[0][0], end=values[-1][0])
        if values
        else "",
        chart=signal_chart(values, language) if values else None,
    )


def weekly_mean(values: Sequence[tuple[date, float]]) -> list[tuple[date, float]]:
    """Return the mean over the seven days that end each day, where all seven are known."""
    if len(values) < WEEK:
        return []
    series = pd.Series({pd.Timestamp(day): value for day, value in values}).sort_index()
    daily = series.reindex(pd.date_range(series.index[0], series.index[-1]))
    means = daily.rolling(WEEK, min_periods=WEEK - 1).mean().dropna()
    days = pd.DatetimeIndex(means.index)
    return [(day.date(), round(float(value), 2)) for day, value in zip(days, means, strict=True)]


def _counts(
    room: ReadingRoom,
    connection: Connection,
    reader: Reader,
    record: RunRecord,
    territory: str,
    leads: Sequence[LeadOut],
) -> pd.DataFrame:
    """Read the past of the beds and of the leading signals, as the run could know it."""
    moment = published_moment(room, connection, reader, record.as_of)
    if moment is None:
        return pd.DataFrame()
    end = civil_date(moment, zone_of(territory)) + timedelta(days=1)
    keys = sorted({row.signal.partition(":")[0] for row in leads} | set(STOCK.values()))
    syndromes = {"all", *(s.partition(":")[2] for row in leads for s in (row.signal, row.target))} - {""}
    start = end - timedelta(days=_SIGNAL_DAYS + WEEK)
    asked = Asked(territory, keys, sorted(syndromes), start, end, moment)
    rows = shown_counts(room, connection, reader, asked)
    return (
        rows.groupby(["signal", "syndrome", "reference_date"], as_index=False, sort=True)
        .agg(value=("value", lambda v: v.sum(skipna=False)))
        .assign(facility="")
        if not rows.empty
        else rows
    )
