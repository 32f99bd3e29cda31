"""What a reader may see of a territory: figures of hospitals or not, and small figures coded.

One rule holds for forecasts, bulletins and their messages (`Protection.coded`), so that none of them gives away what
another holds back. Counts that were observed have rules of their own (`api.counts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from api.counts import parted_stocks, strictest
from api.disclosure import bottom_coded
from api.explaining import protected_explanation
from api.room import ReadingRoom
from api.scopes import Reader
from forecasting.run import STOCK, Message, PartnerFreshness, SeriesForecast, TerritoryBulletin, VigilanceDay
from infra.database import Connection
from streams.store.partners import agreements_in_force
from streams.vocabulary.places import place
from streams.vocabulary.signals import SIGNAL_KEYS, signal

Floats = NDArray[np.float64]
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
