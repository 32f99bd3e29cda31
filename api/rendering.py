"""From what a run published to what a reader is shown: protected, named, and in the reader's language.

The only place where the run's shapes become answers, so the page and the JSON can not differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from api.answers import (
    BulletinOut,
    DayOut,
    FreshnessOut,
    LeadOut,
    MessageOut,
    RunRef,
    SeriesOut,
)
from api.counts import parted_stocks
from api.disclosure import bottom_coded
from api.explaining import explanation_out, protected_explanation
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
from infra.database import Connection
from streams.store.partners import Agreement, agreements_in_force
from streams.vocabulary.places import place, zone_of
from streams.vocabulary.signals import SIGNAL_KEYS, signal

Floats = NDArray[np.float64]
STOCK: Mapping[str, str] = {"conventional": "occupied_beds", "critical": "occupied_critical_beds"}
"""Signal of the beds of each unit."""

# The error of one forecast and its published median would tell the count it was compared with.
LEAST_FORECASTS = 11
# Which parameters of which messages are counts; free beds are capacity, the usual level of a pressure is not.
_COUNTS_IN_MESSAGES: Mapping[str, tuple[str, ...]] = {
    "headline.": ("needed",),
    "pressure.": ("needed", "free"),
    "trust.input_": ("value", "usual"),
    "trust.forecast_implausible": ("median", "usual"),
}
_AGGREGATES = frozenset({"region", "country"})


@dataclass(frozen=True)
class Protection:
    """What a reader may see of one territory, and how figures are written for them.

    Attributes
    ----------
    threshold
        Smallest count that may be read; 0 where all sources are open or the reader may see everything.
    names
        Names of the partners by key.
    facilities
        Whether figures of facilities may be shown.
    aggregate
        Whether the territory is a total of others.
    parted
        Stocks that are known of single causes as well as of all together, so that one could be taken from the other.
    """

    threshold: int
    names: Mapping[str, str]
    facilities: bool
    open_partners: frozenset[str] = frozenset()
    aggregate: bool = False
    parted: frozenset[str] = frozenset()

    @property
    def stated_threshold(self) -> int | None:
        """The threshold as told in answers: None where figures are exact."""
        return self.threshold or None

    def coded(self, values: Floats, key: str) -> Floats:
        """Return figures as they may be published: the one rule for forecasts, bulletins and messages.

        Parameters
        ----------
        key
            The series they are of, `signal:syndrome`. What is a total of published parts is rounded to wide steps.
        """
        if not self.threshold:
            return values
        return bottom_coded(values, self.threshold, aggregate=self.aggregate or self._is_total(key))

    def _is_total(self, key: str) -> bool:
        name, _, syndrome = key.partition(":")
        if syndrome != "all":
            return False
        # Flows are told by cause everywhere; stocks only where somebody counts them so.
        is_stock = name in SIGNAL_KEYS and signal(name).kind == "stock"
        return name in self.parted if is_stock else True


def protection_of(
    room: ReadingRoom,
    connection: Connection,
    reader: Reader,
    territory: str,
    freshness: tuple[PartnerFreshness, ...],
) -> Protection:
    """Return the protection that the agreements of a territory's partners ask for."""
    agreements = {key: held.agreement for key, held in agreements_in_force(connection).items()}
    threshold = (
        0
        if reader.sees_facilities
        else strictest({row.partner for row in freshness}, agreements, room.settings.small_count_threshold)
    )
    return Protection(
        threshold=threshold,
        names={key: agreement.name for key, agreement in agreements.items()},
        facilities=reader.sees_facilities,
        open_partners=frozenset(key for key, agreement in agreements.items() if agreement.open_licence),
        aggregate=place(territory).kind in _AGGREGATES,
        parted=parted_stocks(connection, territory) if threshold else frozenset(),
    )


def strictest(partners: set[str], agreements: Mapping[str, Agreement], default: int) -> int:
    """Return the largest threshold among partners; the default for one without agreement, or for none."""
    if not partners:
        return default
    asked = []
    for partner in partners:
        agreement = agreements.get(partner)
        if agreement is None:
            asked.append(default)
        else:
            asked.append(0 if agreement.open_licence else agreement.threshold)
    return max(asked)


def protected_bulletin(bulletin: TerritoryBulletin, protection: Protection) -> TerritoryBulletin:
    """Return the bulletin with figures of facilities left out and small figures coded."""
    days = tuple(
        protected_day(day, protection) for day in bulletin.days if protection.facilities or not day.facility
    )
    message = protected_message(bulletin.message, protection)
    causes = tuple(protected_message(c, protection) for c in bulletin.trust_causes)
    return replace(bulletin, days=days, message=message, trust_causes=causes)


def protected_message(message: Message, protection: Protection) -> Message:
    """Return a message whose counts are coded as those of the days are."""
    names = next((n for start, n in _COUNTS_IN_MESSAGES.items() if message.key.startswith(start)), ())
    counts = {n: v for n in names if isinstance(v := message.params.get(n), (int, float))}
    if not protection.threshold or not counts:
        return message
    unit = str(message.params.get("unit"))
    key = f"{STOCK[unit]}:all" if unit in STOCK else str(message.params.get("signal", ":all"))
    return replace(message, params={**message.params, **_coded(counts, protection, key)})


def protected_day(day: VigilanceDay, protection: Protection) -> VigilanceDay:
    """Return one day with its small figures coded; the free beds are capacity, and only rounded."""
    if not protection.threshold:
        return day
    needed, free = day.beds_needed, day.beds_free
    if needed is not None:
        needed = _coded(needed, protection, f"{STOCK[day.unit]}:all")
    if free is not None:
        free = {level: float(round(value)) for level, value in free.items()}
    return replace(day, beds_needed=needed, beds_free=free)


def _coded(figures: Mapping[str, float], protection: Protection, key: str) -> dict[str, float]:
    coded = protection.coded(np.array(list(figures.values()), dtype=np.float64), key)
    return dict(zip(figures, coded.tolist(), strict=True))


def protected_series(series: SeriesForecast, protection: Protection) -> SeriesForecast:
    """Return a series with its small figures coded and without its draws."""
    key = series.target.key
    return replace(
        series,
        quantiles=protection.coded(series.quantiles, key),
        mean=protection.coded(series.mean, key),
        draws=None,
        explanation=protected_explanation(
            series.explanation, protection.threshold, lambda values: protection.coded(values, key)
        ),
    )


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
