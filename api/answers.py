"""The shapes of the JSON answers, each with an example for OpenAPI.

They are the run's own shapes with the text rendered: a message keeps its key and parameters beside the sentence,
so a program never reads prose.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.examples import EXAMPLES


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> Any:
        """Add this shape's example to its schema."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.__name__ in EXAMPLES:
            schema["examples"] = [EXAMPLES[cls.__name__]]
        return schema


class MessageOut(_Out):
    """A sentence with the key and parameters it was made of."""

    key: str
    params: dict[str, Any]
    text: str = Field(description="In the language of the answer.")


class RunRef(_Out):
    """The run an answer comes from."""

    id: int
    cycle: str = Field(description="The cycle it answers, in civil time.")
    origin: date = Field(description="Day 0.")
    as_of: datetime = Field(description="It read what was known at this moment.")
    created: datetime
    digest: str = Field(description="SHA-256, chained to the previous run's.")


class TerritoryOut(_Out):
    """A territory and its colour now."""

    id: str
    kind: str
    name: str
    parent: str | None
    population: int
    time_zone: str
    colour: str = Field(description="green, yellow, orange, red; grey where it cannot be known.")
    has_bulletin: bool


class TerritoriesOut(_Out):
    """Every territory of the register, parents before children."""

    territories: list[TerritoryOut]


class SignalOut(_Out):
    """A signal: what is observed."""

    id: str
    kind: str = Field(description="flow, stock or rate.")
    unit_of_measure: str
    group: str
    label: str
    usual_delay_hours: float = Field(description="From the end of the day it is about to when it is known.")


class SignalsOut(_Out):
    """Every signal."""

    signals: list[SignalOut]


class DayOut(_Out):
    """The colour of one unit on one day."""

    facility: str = Field(description="Geographic FINESS; empty for the territory as a whole.")
    unit: str
    day: date
    horizon: int
    colour: str
    raw_colour: str = Field(
        description="Of the probability alone: a colour goes down once a second cycle agrees."
    )
    probability: float | None = Field(description="P(beds needed > beds free), null where unknown.")
    beds_needed: dict[str, float] | None = Field(description="Quantiles by level, in beds.")
    beds_free: dict[str, float] | None = Field(description="Quantiles by level, in beds.")
    basis: str = Field(description="census, estimated, pressure or none: how free beds are known.")
    driver: str | None


class FreshnessOut(_Out):
    """How fresh one partner's signal was when the run read it."""

    partner: str
    name: str
    signal: str
    newest_reference: date | None
    newest_reported: datetime | None
    state: str = Field(description="fresh, late or silent.")


class LeadOut(_Out):
    """By how many days a signal leads a target, with its 80 % interval."""

    signal: str
    target: str
    lag_days: float | None
    low: float | None
    high: float | None
    strength: float | None


class BulletinOut(_Out):
    """The health weather of one territory."""

    territory: str
    name: str
    colour: str
    headline_day: date | None
    headline_unit: str | None
    message: MessageOut
    trust: str
    trust_causes: list[MessageOut]
    valid_until: datetime
    issuer: str
    world: str
    world_kind: str = Field(description="operational, demo, exercise or replay: show it as a watermark.")
    notice: str = Field(description="What this is not.")
    small_count_threshold: int | None = Field(description="Figures below are bottom-coded; null where exact.")
    run: RunRef
    days: list[DayOut]
    freshness: list[FreshnessOut]
    leadlag: list[LeadOut]


class BulletinsOut(_Out):
    """The bulletin of every territory that has one, without its days."""

    bulletins: list[BulletinOut]


class ExplanationOut(_Out):
    """What each group of signals adds to the median; reference, groups and remainder sum to what is published."""

    days: list[int] = Field(
        description="Days explained. Beds: that day. Flows: the mean of the week ending there."
    )
    reference: list[float] = Field(description="What the present level would give.")
    groups: dict[str, list[float]] = Field(
        description="Added by own (its own past), emergency, calls, laboratory, calendar (with holidays and the common "
        "trend), by day."
    )
    remainder: list[float] = Field(description="What could not be shared out among groups.")
    published: list[float] = Field(description="The median as published.")
    message: MessageOut


class SeriesOut(_Out):
    """One target as forecast: quantiles per horizon."""

    target: str
    facility: str
    unit_of_measure: str
    horizons: list[int]
    dates: list[date]
    levels: list[float]
    quantiles: list[list[float]] = Field(description="Horizon by level.")
    mean: list[float]
    models: dict[str, Any]
    explanation: ExplanationOut | None = Field(
        description="What moves the median; null where not known or too small to tell."
    )
    small_count_threshold: int | None = Field(description="Figures below are bottom-coded; null where exact.")


class ForecastsOut(_Out):
    """Every target asked for, of one territory in one run."""

    territory: str
    run: RunRef
    forecasts: list[SeriesOut]


class ObservationOut(_Out):
    """One count, as it was known at the as-of."""

    signal: str
    syndrome: str
    facility: str
    age_band: str
    reference_date: date
    reference_end: date = Field(description="The day after the last day of the period.")
    value: float | None = Field(description="Null where hidden to protect small counts.")
    hidden: bool
    reported: datetime | None


class ObservationsOut(_Out):
    """What was known of a territory at a moment."""

    territory: str
    as_of: datetime
    small_count_threshold: int | None
    observations: list[ObservationOut]


class RunOut(_Out):
    """A run with everything that proves it."""

    id: int
    cycle: str
    origin: date
    as_of: datetime
    created: datetime
    reason: str
    scope: dict[str, Any]
    seed: int
    trust: str
    code_digest: str
    config_digest: str
    rules_digest: str
    panel_digest: str
    state_digest: str
    previous_digest: str | None
    digest: str
    manifest: dict[str, Any] | None = Field(None, description="Digest of every part; on /v1/runs/{id} only.")


class RunsOut(_Out):
    """Runs, the newest first."""

    runs: list[RunOut]
    next: str | None = Field(description="Address of the runs before these, null at the end.")


class LeadLagOut(_Out):
    """The lag atlas of one territory."""

    territory: str
    run: RunRef
    leads: list[LeadOut]


class ScoreOut(_Out):
    """How good past forecasts of one target were at one horizon."""

    target: str
    horizon: int
    forecasts: int = Field(description="Forecasts whose truth has matured.")
    wis: float = Field(description="Mean weighted interval score, in the unit of the series.")
    mean_absolute_error: float
    relative_wis: float | None = Field(description="Against persistence; below 1 is better.")
    coverage: dict[str, float] = Field(description="Share of truths inside the 50, 80 and 95 % intervals.")


class ScoresOut(_Out):
    """The public record of past forecasts; a series appears once enough of them have matured."""

    territory: str
    scores: list[ScoreOut]


class HealthOut(_Out):
    """The process answers."""

    status: str


class CheckOut(_Out):
    """One thing the service needs."""

    name: str
    ok: bool
    detail: str


class ReadyOut(_Out):
    """Whether the service can do its work, and what is missing."""

    ready: bool
    checks: list[CheckOut]
