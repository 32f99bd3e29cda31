"""What a forecast run publishes: the shapes that the store writes, the API reads and nobody changes.

A run is immutable. It carries messages as a key and parameters, never a sentence: text is rendered at the
edge, in the reader's language. Quantiles, means and probabilities are read from draws; nothing here holds
an uncertainty of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from forecasting.distribution import QUANTILE_LEVELS, read_quantiles

Colour = Literal["green", "yellow", "orange", "red", "grey"]
Trust = Literal["ok", "degraded", "broken"]
Basis = Literal["census", "estimated", "pressure", "none"]
Unit = Literal["conventional", "critical"]
Reason = Literal["cycle", "demand", "data", "catch-up"]
Params = Mapping[str, Any]

COLOURS: tuple[Colour, ...] = ("green", "yellow", "orange", "red")
HORIZON_DAYS = 14
STOCK: Mapping[str, str] = {"conventional": "occupied_beds", "critical": "occupied_critical_beds"}
"""Signal of the beds of each unit."""


@dataclass(frozen=True)
class Message:
    """A sentence as data: rendered from its key and parameters at the edge."""

    key: str
    params: Params = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """What is forecast: a signal and a syndrome, or the beds that follow from them.

    Attributes
    ----------
    signal
        `admissions`, `critical_admissions`, `ed_visits`, `occupied_beds` or `occupied_critical_beds`.
    syndrome
        A syndrome group, or `all`.
    """

    signal: str
    syndrome: str

    @property
    def key(self) -> str:
        """Name in addresses and tables: `admissions:covid`."""
        return f"{self.signal}:{self.syndrome}"

    @classmethod
    def parse(cls, key: str) -> Target:
        """Read a key of the form `signal:syndrome`.

        Raises
        ------
        ValueError
            When the colon is missing.
        """
        signal, colon, syndrome = key.partition(":")
        if not colon or not syndrome:
            raise ValueError(f"target {key!r}: write signal:syndrome, for example admissions:covid")
        return cls(signal, syndrome)


@dataclass(frozen=True, eq=False)
class SeriesForecast:
    """One target of one territory (or facility) as a run published it.

    Attributes
    ----------
    horizons
        Days after the origin, 0 (nowcast) to 14.
    levels
        Quantile levels, ascending.
    quantiles
        Shape (horizon, level), in `unit_of_measure`.
    mean
        Shape (horizon,).
    draws
        Shape (horizon, draw), or None when pruned.
    models
        Weight of each model, with those left out and why.
    explanation
        What each group of signals adds to the median per horizon, or None.
    """

    territory: str
    target: Target
    facility: str
    unit_of_measure: str
    horizons: tuple[int, ...]
    levels: tuple[float, ...]
    quantiles: NDArray[np.float64]
    mean: NDArray[np.float64]
    draws: NDArray[np.float32] | None
    models: Params
    explanation: Params | None = None


@dataclass(frozen=True)
class VigilanceDay:
    """The colour of one unit on one day.

    Attributes
    ----------
    facility
        Geographic FINESS, or the empty string for the territory.
    raw_colour
        What the rule says today, before a descent is confirmed by two cycles of the same hour.
    probability
        P(beds needed > beds free to face them), None where it cannot be known.
    beds_needed, beds_free
        Quantiles as `{"0.05": …, "0.5": …, "0.95": …}`, in beds, None where they cannot be known.
    basis
        How beds free are known: all-cause census, estimated from usual other occupancy, pressure, none.
    driver
        Group of signals that moves the forecast most.
    """

    territory: str
    facility: str
    unit: Unit
    day: date
    horizon: int
    colour: Colour
    raw_colour: Colour
    probability: float | None
    beds_needed: Mapping[str, float] | None
    beds_free: Mapping[str, float] | None
    basis: Basis
    driver: str | None


@dataclass(frozen=True)
class PartnerFreshness:
    """How fresh one partner's signal was when the run read it.

    Attributes
    ----------
    newest_reference
        Newest civil date with an observation, None when there never was one.
    newest_reported
        When the newest observation became known.
    state
        `fresh`, `late` beyond the usual delay, or `silent` beyond three times it.
    """

    partner: str
    signal: str
    newest_reference: date | None
    newest_reported: datetime | None
    state: Literal["fresh", "late", "silent"]


@dataclass(frozen=True)
class LeadLagRow:
    """Days by which a signal leads the target in a territory, with its 80 % interval and strength."""

    signal: str
    target: str
    lag_days: float | None
    low: float | None
    high: float | None
    strength: float | None


@dataclass(frozen=True)
class TerritoryBulletin:
    """The health weather of one territory in one run.

    Attributes
    ----------
    colour
        Worst of days 1 to 7 over the territory's units; grey when it cannot be known.
    headline_day, headline_unit
        The day and unit that make the headline, None when green or grey.
    trust, trust_causes
        Whether to believe it, and why not.
    days
        Every unit and day 0 to 14.
    valid_until
        The end of its validity, UTC.
    """

    territory: str
    trust: Trust
    trust_causes: tuple[Message, ...]
    colour: Colour
    headline_day: date | None
    headline_unit: Unit | None
    message: Message
    freshness: tuple[PartnerFreshness, ...]
    leadlag: tuple[LeadLagRow, ...]
    valid_until: datetime
    days: tuple[VigilanceDay, ...]


@dataclass(frozen=True)
class RunRecord:
    """What identifies a run and proves it.

    Attributes
    ----------
    id
        Number in its world, from 1.
    cycle
        `2020-11-01T05:30` in civil time: the cycle it answers.
    origin
        Civil date of day 0.
    as_of
        It read what was known at this moment.
    manifest
        Digest of every part; the run's own digest is over the manifest and the previous run's digest.
    """

    id: int
    cycle: str
    origin: date
    as_of: datetime
    created: datetime
    reason: Reason
    scope: Params
    seed: int
    code_digest: str
    config_digest: str
    rules_digest: str
    panel_digest: str
    state_digest: str
    manifest: Params
    previous_digest: str | None
    digest: str
    trust: Trust


def summarised(
    territory: str,
    target: Target,
    draws: NDArray[Any],
    *,
    horizons: tuple[int, ...],
    unit_of_measure: str,
    models: Params,
    facility: str = "",
    explanation: Params | None = None,
) -> SeriesForecast:
    """Return draws with the quantiles and mean read from them, as they will be stored.

    Parameters
    ----------
    draws
        Shape (horizon, draw). They are rounded to 32 bits first, so that what is published can be read again
        from the stored draws to the last bit.
    """
    kept = np.ascontiguousarray(draws, dtype=np.float32)
    exact = kept.astype(np.float64)
    return SeriesForecast(
        territory=territory,
        target=target,
        facility=facility,
        unit_of_measure=unit_of_measure,
        horizons=horizons,
        levels=QUANTILE_LEVELS,
        quantiles=read_quantiles(exact, QUANTILE_LEVELS),
        mean=exact.mean(axis=1),
        draws=kept,
        models=models,
        explanation=explanation,
    )
