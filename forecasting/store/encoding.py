"""Run shapes as plain documents and back: what is hashed, what travels between workers, what is stored.

Moments are ISO text in UTC, dates ISO text; a document read back makes an equal shape again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from forecasting.run import (
    LeadLagRow,
    Message,
    PartnerFreshness,
    SeriesForecast,
    Target,
    TerritoryBulletin,
    VigilanceDay,
)
from forecasting.store import canonical

Document = dict[str, Any]


def moment_text(moment: datetime) -> str:
    """Return a moment as ISO text in UTC."""
    return moment.astimezone(UTC).isoformat()


def moment(text: str) -> datetime:
    """Return the moment of an ISO text."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _moment_or_none(text: str | None) -> datetime | None:
    return None if text is None else moment(text)


def _date_or_none(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def message_document(message: Message) -> Document:
    """Return a message as a document."""
    return {"key": message.key, "params": dict(message.params)}


def message_of(document: Mapping[str, Any]) -> Message:
    """Return the message of a document."""
    return Message(document["key"], document["params"])


def freshness_document(row: PartnerFreshness) -> Document:
    """Return a partner's freshness as a document."""
    return {
        "partner": row.partner,
        "signal": row.signal,
        "newest_reference": row.newest_reference.isoformat() if row.newest_reference else None,
        "newest_reported": moment_text(row.newest_reported) if row.newest_reported else None,
        "state": row.state,
    }


def freshness_of(document: Mapping[str, Any]) -> PartnerFreshness:
    """Return the freshness of a document."""
    return PartnerFreshness(
        partner=document["partner"],
        signal=document["signal"],
        newest_reference=_date_or_none(document["newest_reference"]),
        newest_reported=_moment_or_none(document["newest_reported"]),
        state=document["state"],
    )


def leadlag_document(row: LeadLagRow) -> Document:
    """Return a lead–lag row as a document."""
    return {
        "signal": row.signal,
        "target": row.target,
        "lag_days": row.lag_days,
        "low": row.low,
        "high": row.high,
        "strength": row.strength,
    }


def leadlag_of(document: Mapping[str, Any]) -> LeadLagRow:
    """Return the lead–lag row of a document."""
    return LeadLagRow(**document)


def day_document(day: VigilanceDay) -> Document:
    """Return one day of one unit as a document."""
    return {
        "territory": day.territory,
        "facility": day.facility,
        "unit": day.unit,
        "day": day.day.isoformat(),
        "horizon": day.horizon,
        "colour": day.colour,
        "raw_colour": day.raw_colour,
        "probability": day.probability,
        "beds_needed": None if day.beds_needed is None else dict(day.beds_needed),
        "beds_free": None if day.beds_free is None else dict(day.beds_free),
        "basis": day.basis,
        "driver": day.driver,
    }


def day_of(document: Mapping[str, Any]) -> VigilanceDay:
    """Return the day of a document."""
    return VigilanceDay(**{**document, "day": date.fromisoformat(document["day"])})


def bulletin_document(bulletin: TerritoryBulletin) -> Document:
    """Return a bulletin as a document."""
    return {
        "territory": bulletin.territory,
        "trust": bulletin.trust,
        "trust_causes": [message_document(m) for m in bulletin.trust_causes],
        "colour": bulletin.colour,
        "headline_day": bulletin.headline_day.isoformat() if bulletin.headline_day else None,
        "headline_unit": bulletin.headline_unit,
        "message": message_document(bulletin.message),
        "freshness": [freshness_document(f) for f in bulletin.freshness],
        "leadlag": [leadlag_document(r) for r in bulletin.leadlag],
        "valid_until": moment_text(bulletin.valid_until),
        "days": [day_document(d) for d in bulletin.days],
    }


def bulletin_of(document: Mapping[str, Any]) -> TerritoryBulletin:
    """Return the bulletin of a document."""
    return TerritoryBulletin(
        territory=document["territory"],
        trust=document["trust"],
        trust_causes=tuple(message_of(m) for m in document["trust_causes"]),
        colour=document["colour"],
        headline_day=_date_or_none(document["headline_day"]),
        headline_unit=document["headline_unit"],
        message=message_of(document["message"]),
        freshness=tuple(freshness_of(f) for f in document["freshness"]),
        leadlag=tuple(leadlag_of(r) for r in document["leadlag"]),
        valid_until=moment(document["valid_until"]),
        days=tuple(day_of(d) for d in document["days"]),
    )


def series_key(series: SeriesForecast) -> str:
    """Return a series' name in the manifest: territory, target, facility."""
    return "|".join((series.territory, series.target.key, series.facility))


def series_meta(series: SeriesForecast) -> Document:
    """Return what a series says beside its numbers."""
    return {
        "territory": series.territory,
        "target": series.target.key,
        "facility": series.facility,
        "unit_of_measure": series.unit_of_measure,
        "horizons": list(series.horizons),
        "levels": list(series.levels),
        "models": dict(series.models),
        "explanation": None if series.explanation is None else dict(series.explanation),
    }


def series_bytes(series: SeriesForecast) -> bytes:
    """Return a series with its draws as canonical bytes.

    Raises
    ------
    ValueError
        When its draws were pruned.
    """
    if series.draws is None:
        raise ValueError(f"series {series_key(series)}: its draws were pruned")
    arrays: dict[str, canonical.Array] = {
        "draws": series.draws,
        "quantiles": series.quantiles,
        "mean": series.mean,
    }
    return canonical.pack(series_meta(series), arrays)


def series_of(content: bytes) -> SeriesForecast:
    """Return the series of canonical bytes."""
    meta, arrays = canonical.unpack(content)
    return SeriesForecast(
        territory=meta["territory"],
        target=Target.parse(meta["target"]),
        facility=meta["facility"],
        unit_of_measure=meta["unit_of_measure"],
        horizons=tuple(meta["horizons"]),
        levels=tuple(meta["levels"]),
        quantiles=arrays["quantiles"].astype(np.float64),
        mean=arrays["mean"].astype(np.float64),
        draws=arrays["draws"].astype(np.float32),
        models=meta["models"],
        explanation=meta["explanation"],
    )


def series_digests(series: SeriesForecast, draws_digest: str | None = None) -> dict[str, str]:
    """Return the digests of a series' draws and of all the rest of it.

    Parameters
    ----------
    draws_digest
        Digest kept when the draws were pruned.
    """
    if series.draws is not None:
        draws_digest = canonical.digest(canonical.array_bytes(series.draws))
    if draws_digest is None:
        raise ValueError(f"series {series_key(series)}: neither draws nor their digest")
    arrays = {"quantiles": series.quantiles, "mean": series.mean}
    return {"draws": draws_digest, "summary": canonical.digest(canonical.pack(series_meta(series), arrays))}
