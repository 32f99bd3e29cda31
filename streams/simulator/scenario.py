"""A scenario: everything that determines a simulated world, and what is truly so in it.

>>> winter = scenario("winter")
>>> winter.true_lead("sos_calls", "admissions", "covid") > 5
True
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from infra.errors import MeteoError
from streams.simulator.parameters import Break, Disease, Parameters
from streams.simulator.partners import Partner, partners_of
from streams.simulator.presets import REFERENCE_POPULATION, variant
from streams.vocabulary.places import place

NAMES = ("winter", "quiet", "break", "news", "outage")
DEFAULT_SEED = 44
# With the default seed a winter wave is rising, and hospitals fill up in the three weeks that follow.
DEFAULT_DAY = date(2025, 12, 15)


@dataclass(frozen=True)
class Scenario:
    """A world to simulate.

    Attributes
    ----------
    territory
        Département whose partners send.
    start
        First day that can be asked for; the epidemics begin 200 days before.
    seed
        Same seed, same bytes.
    parameters, partners
        What is true in this world, and who tells of it.
    """

    name: str
    territory: str
    start: date
    seed: int
    parameters: Parameters
    partners: tuple[Partner, ...]

    @property
    def scale(self) -> float:
        """Population relative to that of the reference parameters."""
        return place(self.territory).population / REFERENCE_POPULATION

    @property
    def zone(self) -> str:
        """Civil time zone."""
        return place(self.territory).zone

    def disease(self, syndrome: str) -> Disease:
        """Return the parameters of a syndrome.

        Raises
        ------
        MeteoError
            When no disease of this scenario has that name.
        """
        for disease in self.parameters.diseases:
            if disease.key == syndrome:
                return disease
        known = ", ".join(d.key for d in self.parameters.diseases)
        raise MeteoError(f"no disease {syndrome!r} in scenario {self.name!r}: one of {known}")

    def true_delay(self, signal: str, syndrome: str, on: date | None = None) -> float:
        """Return the mean days from infection to a signal, for infections of the day `on` (default: the start).

        Emergency visits mix those that go home and those that are admitted; admissions add the hours waited for
        a bed; critical care adds the days on the ward of those who go there later.

        Raises
        ------
        MeteoError
            When the signal has no known delay.
        """
        disease = self.disease(syndrome)
        changes = [b for b in self.breaks_of(syndrome) if on is not None and on >= b.day]
        admission = disease.paths["admissions"].delay.mean + sum(b.admission_days for b in changes)
        waited = disease.via_ed * self.parameters.pathway.ed_hours / 24
        if signal in ("sos_calls", "samu_calls", "lab_positives"):
            return disease.paths[signal].delay.mean
        if signal == "ed_visits":
            severity = _product(b.severity for b in changes)
            admitted = disease.paths["admissions"].probability * disease.via_ed * severity
            home = disease.paths["ed_visits"]
            return (home.probability * home.delay.mean + admitted * admission) / (home.probability + admitted)
        if signal == "ed_hospitalisations":
            return admission
        if signal == "admissions":
            return admission + waited
        if signal == "critical_admissions":
            later = disease.critical_later * (1 - disease.critical_direct)
            share = later / (later + disease.critical_direct)
            return admission + waited + share * self.parameters.pathway.later_days
        raise MeteoError(f"the delay of {signal!r} is not a parameter of the simulator")

    def true_lead(self, signal: str, target: str, syndrome: str, on: date | None = None) -> float:
        """Return by how many days a signal truly leads a target: the difference of their mean delays."""
        return self.true_delay(target, syndrome, on) - self.true_delay(signal, syndrome, on)

    def breaks_of(self, syndrome: str) -> tuple[Break, ...]:
        """Return the breaks that concern a syndrome."""
        return tuple(b for b in self.parameters.breaks if syndrome in b.syndromes)

    def hospitals(self) -> tuple[Partner, ...]:
        """Return the partners that have beds."""
        return tuple(p for p in self.partners if p.facility)

    def partner(self, key: str) -> Partner:
        """Return the partner of that key.

        Raises
        ------
        MeteoError
            When this scenario has none.
        """
        for partner in self.partners:
            if partner.key == key:
                return partner
        raise MeteoError(f"no partner {key!r}: one of {', '.join(p.key for p in self.partners)}")


def _product(values: Iterable[float]) -> float:
    out = 1.0
    for value in values:
        out *= value
    return out


def scenario(
    name: str = "winter",
    first_day: date = DEFAULT_DAY,
    *,
    seed: int = DEFAULT_SEED,
    territory: str = "44",
    start: date | None = None,
) -> Scenario:
    """Return a named scenario whose live part starts on `first_day`.

    Parameters
    ----------
    name
        One of `NAMES`.
    first_day
        The dated events of a scenario (break, news, outages) fall some days after it.
    territory
        Code of a département; volumes and beds follow its population.
    start
        First day that can be asked for; by default 1 August three years before, so that worlds whose live part
        starts in the same year share their past.

    Raises
    ------
    MeteoError
        When the name or the territory is unknown, or the territory is no département.
    """
    where = place(territory)
    if where.kind != "departement":
        raise MeteoError(f"territory {territory!r} is a {where.kind}: the simulator makes a département")
    parameters = variant(name, first_day, territory)
    if parameters is None:
        raise MeteoError(f"unknown scenario {name!r}: one of {', '.join(NAMES)}")
    since = start or date(first_day.year - 3, 8, 1)
    if since > first_day:
        raise MeteoError(f"the scenario starts on {since}, after its first live day {first_day}")
    scale = where.population / REFERENCE_POPULATION
    return Scenario(name, territory, since, seed, parameters, partners_of(territory, scale))
