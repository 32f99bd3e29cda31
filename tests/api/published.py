"""A published world for tests: agreements, some weeks of counts, and runs written as the forecaster writes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from forecasting.run import (
    Colour,
    LeadLagRow,
    Message,
    PartnerFreshness,
    Reason,
    RunRecord,
    SeriesForecast,
    Target,
    TerritoryBulletin,
    Trust,
    Unit,
    VigilanceDay,
)
from forecasting.store import RunDraft, RunPlan, write_run
from infra.database import Connection
from streams.envelope import Envelope
from streams.outbox import announce
from streams.store.observations import Batch, Observation, Origin, copy_line, write_batch
from streams.store.partners import Agreement, apply_agreement

ORIGIN = date(2020, 11, 1)
HOSPITAL = "440000289"
AS_OF = datetime(2020, 11, 1, 4, 30, tzinfo=UTC)
LEVELS = (0.01, 0.025, *(round(0.05 * i, 2) for i in range(1, 20)), 0.975, 0.99)
_SUMMARY = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
_SIGNALS = (("sos_calls", 6.0, 0.71), ("ed_visits", 3.5, 0.88), ("lab_positives", 8.0, 0.8))


@dataclass(frozen=True)
class Story:
    """What a run shall say.

    Attributes
    ----------
    needed, growth, free
        Median of critical beds needed on day 0, its growth per day, beds free.
    syndrome
        Cause of the beds.
    raw_colour
        Of the probability alone, where a colour is kept until a second cycle confirms that it goes down.
    """

    territory: str = "44"
    needed: float = 40.0
    growth: float = 1.04
    free: float = 62.0
    trust: Trust = "ok"
    causes: tuple[Message, ...] = ()
    syndrome: str = "covid"
    raw_colour: Colour | None = None


def agree(connection: Connection) -> None:
    """Apply the agreements of the example partners: two under agreement, one open."""
    for agreement in (
        Agreement(key="sos-nantes", name="SOS Médecins Nantes", kind="house_calls", signals=("sos_calls",)),
        Agreement(
            key="chu",
            name="CHU de Nantes",
            kind="hospital",
            signals=("ed_visits", "admissions", "occupied_beds", "occupied_critical_beds"),
        ),
        Agreement(
            key="spf",
            name="Santé publique France",
            kind="open_data",
            signals=("lab_positives", "ed_rate"),
            open_licence="Licence Ouverte 2.0",
        ),
    ):
        apply_agreement(connection, agreement, "test")


def publish(
    connection: Connection,
    stories: Sequence[Story] = (Story(),),
    *,
    as_of: datetime = AS_OF,
    reason: Reason = "cycle",
) -> RunRecord:
    """Write a run with its news, and commit."""
    origin = as_of.date()
    plan = RunPlan(
        world="demo",
        cycle=as_of.strftime("%Y-%m-%dT%H:%M"),
        origin=origin,
        as_of=as_of,
        reason=reason,
        scope={"territories": [story.territory for story in stories]},
        seed=1,
        code_digest="ab" * 32,
    )
    parts = {name: name.encode() for name in ("panel", "rules", "state", "config")}
    series = tuple(s for story in stories for s in _series(story))
    bulletins = tuple(bulletin_of(story, origin, as_of) for story in stories)
    draft = RunDraft(plan, parts, series, bulletins)
    record = write_run(connection, draft, as_of + timedelta(minutes=1))
    for bulletin in bulletins:
        news = {"run": record.id, "territory": bulletin.territory, "colour": bulletin.colour}
        announce(connection, "runs", bulletin.territory, news, public=True)
    connection.commit()
    return record


def _spread(median: float, horizon: int) -> float:
    return 0.05 * median + 0.025 * median * horizon


def _quantile(median: float, horizon: int, level: float) -> float:
    # The logistic quantile function: close to a normal one and short to write.
    spread = _spread(median, horizon)
    return max(0.0, median + 0.6 * spread * math.log(level / (1 - level)))


def probability(needed: float, horizon: int, free: float) -> float:
    """Return the probability that more than `free` beds are needed."""
    return 1 / (1 + math.exp((free - needed) / (0.6 * _spread(needed, horizon))))


def colour_of(chance: float) -> Colour:
    """Return the colour of a probability by the first rule."""
    if chance < 0.1:
        return "green"
    if chance < 0.3:
        return "yellow"
    return "orange" if chance < 0.6 else "red"


def _units(story: Story) -> Mapping[Unit, tuple[float, float, float]]:
    """Return (median on day 0, growth, free) by unit."""
    return {
        "conventional": (story.needed * 6.2, 1 + (story.growth - 1) * 0.7, story.free * 7.4),
        "critical": (story.needed, story.growth, story.free),
    }


def _series(story: Story) -> Iterable[SeriesForecast]:
    signals = {"conventional": "occupied_beds", "critical": "occupied_critical_beds"}
    for unit, (needed, growth, _) in _units(story).items():
        medians = [needed * growth**h for h in range(15)]
        target = Target(signals[unit], story.syndrome)
        yield _forecast(story, target, medians, "beds", explanation=explanation_of(medians))
        yield _forecast(story, target, [m * 0.6 for m in medians], "beds", facility=HOSPITAL)
    yield _forecast(story, Target("admissions", "covid"), [story.needed * 0.5] * 15, "admissions")


def explanation_of(medians: Sequence[float]) -> Mapping[str, Any]:
    """Return parts of the medians of days 7 and 14, in the shape a run stores."""
    published = [medians[7], medians[14]]
    reference = [medians[0], medians[0]]
    change = [p - r for p, r in zip(published, reference, strict=True)]
    groups = {"own": 0.3, "emergency": -0.2, "laboratory": 0.7, "calls": 0.15}
    parts = {name: [share * c for c in change] for name, share in groups.items()}
    params = {
        "median": published[0],
        "reference": reference[0],
        "driver": "laboratory",
        "amount": parts["laboratory"][0],
    }
    return {
        "days": [7, 14],
        "reference": reference,
        "groups": parts,
        "remainder": [c * (1 - sum(groups.values())) for c in change],
        "published": published,
        "sentence": {"key": "explain.rise", "params": params},
    }


def _forecast(
    story: Story,
    target: Target,
    medians: Sequence[float],
    unit: str,
    *,
    facility: str = "",
    explanation: Mapping[str, Any] | None = None,
) -> SeriesForecast:
    table = np.array([[_quantile(m, h, level) for level in LEVELS] for h, m in enumerate(medians)])
    return SeriesForecast(
        territory=story.territory,
        target=target,
        facility=facility,
        unit_of_measure=unit,
        horizons=tuple(range(15)),
        levels=LEVELS,
        quantiles=table,
        mean=np.array(medians),
        draws=np.repeat(table[:, :4], 5, axis=1).astype(np.float32),
        models={"weights": {"persistence": 0.3, "sarimax": 0.7}, "left_out": []},
        explanation=explanation,
    )


def _days(story: Story, origin: date) -> list[VigilanceDay]:
    found = []
    for unit, (needed, growth, free) in _units(story).items():
        for horizon in range(15):
            median = needed * growth**horizon
            chance = probability(median, horizon, free)
            colour = colour_of(chance) if story.trust != "broken" else "grey"
            found.append(
                VigilanceDay(
                    territory=story.territory,
                    facility="",
                    unit=unit,
                    day=origin + timedelta(days=horizon),
                    horizon=horizon,
                    colour=colour,
                    raw_colour=story.raw_colour or colour,
                    probability=chance,
                    beds_needed={f"{q:g}": _quantile(median, horizon, q) for q in _SUMMARY},
                    beds_free={"0.05": free - 4, "0.5": free, "0.95": free + 4},
                    basis="estimated",
                    driver="laboratory",
                )
            )
    return found


def bulletin_of(story: Story, origin: date, as_of: datetime) -> TerritoryBulletin:
    """Return the bulletin a story makes."""
    days = _days(story, origin)
    week = [d for d in days if 1 <= d.horizon <= 7]
    worst = max(week, key=lambda d: d.probability or 0.0)
    first = next(d for d in week if d.colour == worst.colour and d.unit == worst.unit)
    colour: Colour = "grey" if story.trust == "broken" else first.colour
    warned = colour not in ("green", "grey")
    message = Message(
        "grey.broken" if colour == "grey" else f"headline.{colour}",
        {
            "unit": first.unit,
            "day": first.day.isoformat(),
            "horizon": first.horizon,
            "probability": first.probability,
            "needed": (first.beds_needed or {})["0.5"],
            "free": (first.beds_free or {})["0.5"],
            "driver": "laboratory",
            "trend": "rising" if story.growth > 1.01 else "stable",
            "basis": "estimated",
            "until": (origin + timedelta(days=7)).isoformat(),
            "cause": "trust.silent",
        },
    )
    return TerritoryBulletin(
        territory=story.territory,
        trust=story.trust,
        trust_causes=story.causes,
        colour=colour,
        headline_day=first.day if warned else None,
        headline_unit=first.unit if warned else None,
        message=message,
        freshness=(
            PartnerFreshness("sos-nantes", "sos_calls", origin - timedelta(days=1), as_of, "fresh"),
            PartnerFreshness(
                "chu", "ed_visits", origin - timedelta(days=3), as_of - timedelta(days=2), "late"
            ),
            PartnerFreshness("chu", "admissions", origin - timedelta(days=1), as_of, "fresh"),
            PartnerFreshness("spf", "lab_positives", origin - timedelta(days=2), as_of, "fresh"),
        ),
        leadlag=tuple(
            LeadLagRow(f"{key}:covid", "admissions:covid", lag, lag - 2, lag + 2.5, strength)
            for key, lag, strength in _SIGNALS
        ),
        valid_until=as_of + timedelta(hours=14),
        days=tuple(days),
    )


def observe(
    connection: Connection,
    partner: str,
    signal: str,
    values: Mapping[tuple[str, date], float],
    *,
    place: str = "44",
    reported: datetime | None = None,
) -> None:
    """Store count reports by (syndrome, day), known the morning after unless said, and commit."""
    batch = Batch()
    for number, ((syndrome, day), value) in enumerate(values.items()):
        known = reported or datetime(day.year, day.month, day.day, 4, tzinfo=UTC) + timedelta(days=1)
        envelope = Envelope(
            event_id=f"{place}|{day}|{signal}|{syndrome}",
            source_version=known,
            kind="insert",
            world="demo",
            partner=partner,
            signal=signal,
            code=syndrome,
            code_system="meteo",
            place=place,
            reference_start=day,
            value=value,
            unit_of_measure="acts",
            reported=known,
            reported_basis="stated",
        )
        line = copy_line(envelope, syndrome)
        batch.observations.append(Observation(envelope, line, Origin("counts", 0, number, 0)))
    write_batch(connection, batch)
    connection.commit()


def weeks_of(level: float, days: int = 75, end: date = ORIGIN) -> dict[tuple[str, date], float]:
    """Return a rising weekly-patterned series of covid counts before `end`."""
    found: dict[tuple[str, date], float] = {}
    for back in range(days, 0, -1):
        day = end - timedelta(days=back)
        weekday = 0.75 if day.weekday() >= 5 else 1.08
        found["covid", day] = round(level * weekday * math.exp((days - back) / days))
    return found


def populate(connection: Connection) -> RunRecord:
    """Make the example world: agreements, counts of four signals, one cycle."""
    agree(connection)
    connection.commit()
    observe(connection, "sos-nantes", "sos_calls", weeks_of(40))
    observe(connection, "chu", "ed_visits", weeks_of(25))
    observe(connection, "spf", "lab_positives", weeks_of(120))
    observe(connection, "chu", "occupied_critical_beds", weeks_of(14.5))
    observe(connection, "chu", "occupied_beds", weeks_of(91))
    return publish(connection)
