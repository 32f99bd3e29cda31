"""From what a run published to what a reader is shown: named, and in the reader's language.

The only place where the run's shapes become answers, so the page and the JSON cannot differ. What may be shown at all
is decided by `api.protection`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from api.answers import (
    BulletinOut,
    DayOut,
    FreshnessOut,
    LeadOut,
    MessageOut,
    RunRef,
    SeriesOut,
)
from api.explaining import explanation_out
from api.protection import Protection, protected_bulletin, protected_series
from api.room import ReadingRoom
from api.scopes import Reader
from api.texts import Language, has, say
from forecasting.run import (
    LeadLagRow,
    Message,
    PartnerFreshness,
    RunRecord,
    SeriesForecast,
    TerritoryBulletin,
    VigilanceDay,
)
from infra.clock import PARIS
from streams.vocabulary.places import place, zone_of

# The error of one forecast and its published median would tell the count it was compared with.
LEAST_FORECASTS = 11


def message_out(
    message: Message, language: Language, names: Mapping[str, str], zone: str = PARIS
) -> MessageOut:
    """Return a message with its sentence, in which partners go by their names."""
    params = dict(message.params)
    partner = params.get("partner")
    worded = {**params, "partner": names.get(str(partner), partner)} if partner else params
    key = message.key
    if not has(key):
        key, worded = "trust.unknown", {"name": message.key}
    return MessageOut(key=message.key, params=params, text=say(key, language, zone, **worded))


def run_ref(record: RunRecord) -> RunRef:
    """Return what an answer tells of its run."""
    return RunRef(
        id=record.id,
        cycle=record.cycle,
        origin=record.origin,
        as_of=record.as_of,
        created=record.created,
        digest=record.digest,
    )


def day_out(day: VigilanceDay) -> DayOut:
    """Return one day of a unit."""
    return DayOut(
        facility=day.facility,
        unit=day.unit,
        day=day.day,
        horizon=day.horizon,
        colour=day.colour,
        raw_colour=day.raw_colour,
        probability=day.probability,
        beds_needed=None if day.beds_needed is None else dict(day.beds_needed),
        beds_free=None if day.beds_free is None else dict(day.beds_free),
        basis=day.basis,
        driver=day.driver,
    )


def freshness_out(row: PartnerFreshness, names: Mapping[str, str]) -> FreshnessOut:
    """Return one partner's freshness with its name."""
    return FreshnessOut(
        partner=row.partner,
        name=names.get(row.partner, row.partner),
        signal=row.signal,
        newest_reference=row.newest_reference,
        newest_reported=row.newest_reported,
        state=row.state,
    )


def lead_out(row: LeadLagRow) -> LeadOut:
    """Return one row of the lag atlas."""
    return LeadOut(
        signal=row.signal,
        target=row.target,
        lag_days=row.lag_days,
        low=row.low,
        high=row.high,
        strength=row.strength,
    )


def bulletin_out(
    room: ReadingRoom,
    reader: Reader,
    record: RunRecord,
    bulletin: TerritoryBulletin,
    protection: Protection,
    *,
    with_days: bool = True,
) -> BulletinOut:
    """Return a bulletin as its reader may see it."""
    shown = protected_bulletin(bulletin, protection)
    zone = zone_of(bulletin.territory)
    return BulletinOut(
        territory=shown.territory,
        name=place(shown.territory).name,
        colour=shown.colour,
        headline_day=shown.headline_day,
        headline_unit=shown.headline_unit,
        message=message_out(shown.message, reader.language, protection.names, zone),
        trust=shown.trust,
        trust_causes=[
            message_out(cause, reader.language, protection.names, zone) for cause in shown.trust_causes
        ],
        valid_until=shown.valid_until,
        issuer=room.settings.issuer,
        world=room.world.name,
        world_kind=room.world.kind,
        notice=say("notice.state", reader.language),
        small_count_threshold=protection.stated_threshold,
        run=run_ref(record),
        days=[day_out(day) for day in shown.days] if with_days else [],
        freshness=[freshness_out(row, protection.names) for row in shown.freshness],
        leadlag=[lead_out(row) for row in shown.leadlag],
    )


def series_out(
    record: RunRecord, series: SeriesForecast, protection: Protection, language: Language
) -> SeriesOut:
    """Return a series as its reader may see it."""
    shown = protected_series(series, protection)
    return SeriesOut(
        target=shown.target.key,
        facility=shown.facility,
        unit_of_measure=shown.unit_of_measure,
        horizons=list(shown.horizons),
        dates=[record.origin + timedelta(days=h) for h in shown.horizons],
        levels=list(shown.levels),
        quantiles=shown.quantiles.tolist(),
        mean=shown.mean.tolist(),
        models=dict(shown.models),
        explanation=explanation_out(shown.explanation, shown, language),
        small_count_threshold=protection.stated_threshold,
    )
