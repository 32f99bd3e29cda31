"""What a bulletin says beside its numbers: whether to trust them, the colour of each day, the sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.capacity import Facing, probability_short, summary
from forecasting.jobs.bed_forecast import BedDraws
from forecasting.jobs.inputs import ColourKey
from forecasting.run import Colour, Message, PartnerFreshness, Trust, Unit, VigilanceDay
from forecasting.store.draft import RunPlan
from forecasting.vigilance import ColourRules, Headline, confirmed, headline, raw_colour

Floats = NDArray[np.float64]
DEGRADING = {"trust.late", "trust.models_failed", "trust.old_stock", "trust.partial"}


def vigilance_days(
    plan: RunPlan,
    territory: str,
    facility: str,
    beds: BedDraws,
    facing: Facing,
    rules: ColourRules,
    previous: Mapping[ColourKey, Colour],
    *,
    driver: str | None,
    trusted: bool,
) -> list[VigilanceDay]:
    """Return the colour of each day of one unit; grey throughout when the forecast is not to be trusted."""
    chance = probability_short(beds.draws, facing)
    free = None if facing.free is None or facing.basis == "pressure" else summary(facing.free)
    found = []
    for horizon, needed in enumerate(beds.draws):
        day = plan.origin + timedelta(days=horizon)
        probability = None if chance is None else float(chance[horizon])
        raw = raw_colour(probability if trusted else None, rules)
        earlier = previous.get((territory, facility, beds.unit, day.isoformat()))
        found.append(
            VigilanceDay(
                territory=territory,
                facility=facility,
                unit=beds.unit,
                day=day,
                horizon=horizon,
                colour=confirmed(raw, earlier),
                raw_colour=raw,
                probability=probability,
                beds_needed=summary(needed),
                beds_free=free,
                basis=facing.basis,
                driver=driver,
            )
        )
    return found


def grey_days(
    plan: RunPlan, territory: str, facility: str, unit: Unit, horizons: Iterable[int]
) -> list[VigilanceDay]:
    """Return days of a unit of which nothing can be said."""
    return [
        VigilanceDay(
            territory=territory,
            facility=facility,
            unit=unit,
            day=plan.origin + timedelta(days=horizon),
            horizon=horizon,
            colour="grey",
            raw_colour="grey",
            probability=None,
            beds_needed=None,
            beds_free=None,
            basis="none",
            driver=None,
        )
        for horizon in horizons
    ]


def trust_of(causes: Sequence[Message], doubts: Sequence[Message] = ()) -> Trust:
    """Return the state that causes make: those that only weaken degrade, any other breaks.

    Parameters
    ----------
    doubts
        Causes of the monitors that were judged to degrade only.
    """
    if not causes:
        return "degraded" if doubts else "ok"
    return "degraded" if all(c.key in DEGRADING for c in causes) else "broken"


def freshness_causes(rows: Sequence[PartnerFreshness], needed: frozenset[str]) -> list[Message]:
    """Return why freshness weakens or breaks trust.

    A leading signal that is late is shown as late and no more; silent, it weakens. What the forecast is of
    weakens it when late, and breaks it when every source is silent.

    Parameters
    ----------
    needed
        Signals that the forecast is of.
    """
    causes = []
    for row in rows:
        if row.state == "fresh" or (row.state == "late" and row.signal not in needed):
            continue
        alone = all(r.state == "silent" for r in rows if r.signal == row.signal)
        key = "trust.silent" if row.state == "silent" and row.signal in needed and alone else "trust.late"
        since = row.newest_reference.isoformat() if row.newest_reference else None
        causes.append(Message(key, {"partner": row.partner, "signal": row.signal, "since": since}))
    return causes


def not_told_yet(doubts: Sequence[Message], causes: Sequence[Message]) -> list[Message]:
    """Return doubts without the signals that stopped whose silent sender the causes name already."""
    named = {c.params["signal"] for c in causes if c.key in ("trust.late", "trust.silent")}
    return [d for d in doubts if d.key != "trust.signal_stale" or d.params["signal"] not in named]


def trend(draws: Floats) -> str:
    """Return whether the median need of day 7 is above, level with or below that of day 0."""
    now, then = (float(np.median(draws[h])) for h in (0, min(7, len(draws) - 1)))
    margin = max(1.0, 0.1 * now)
    if then > now + margin:
        return "rising"
    return "falling" if then < now - margin else "stable"


def headline_message(
    days: Sequence[VigilanceDay],
    trends: Mapping[Unit, str],
    rules: ColourRules,
    trust: Trust,
    causes: Sequence[Message],
) -> tuple[Headline, Message]:
    """Choose the headline of a territory and the message that explains it."""
    own = [d for d in days if not d.facility]
    found = headline(own, rules)
    if found.colour == "grey":
        return found, _grey(own, trust, causes)
    if found.day is None:
        inside = [d for d in own if rules.headline_first <= d.horizon <= rules.headline_last]
        likeliest = max(inside, key=lambda d: (d.probability or 0.0, -d.horizon, d.unit))
        until = max(d.day for d in inside).isoformat()
        prefix = "pressure" if likeliest.basis == "pressure" else "headline"
        return found, Message(f"{prefix}.green", {**_facts(likeliest, trends), "until": until})
    facts = _facts(found.day, trends)
    if found.day.raw_colour != found.day.colour:
        kept = {"colour": found.day.colour, "raw_colour": found.day.raw_colour}
        return found, Message("headline.kept", {**facts, **kept})
    prefix = "pressure" if found.day.basis == "pressure" else "headline"
    return found, Message(f"{prefix}.{found.colour}", facts)


def _facts(day: VigilanceDay, trends: Mapping[Unit, str]) -> dict[str, Any]:
    needed = day.beds_needed["0.5"] if day.beds_needed else None
    free = day.beds_free["0.5"] if day.beds_free else None
    return {
        "unit": day.unit,
        "day": day.day.isoformat(),
        "horizon": day.horizon,
        "probability": day.probability,
        "needed": needed,
        "free": free,
        "driver": day.driver,
        "trend": trends.get(day.unit, "stable"),
        "basis": day.basis,
    }


def _grey(days: Sequence[VigilanceDay], trust: Trust, causes: Sequence[Message]) -> Message:
    if trust == "broken":
        return Message("grey.broken", {"cause": causes[0].key})
    unknown = next((d for d in days if d.colour == "grey"), None)
    unit = unknown.unit if unknown else "conventional"
    if unknown is not None and unknown.beds_needed is not None:
        return Message("grey.no_capacity", {"unit": unit})
    return Message("grey.no_data", {"unit": unit})
