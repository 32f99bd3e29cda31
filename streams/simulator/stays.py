"""Whole stays: arrival, admission, transfers, discharge or death.

Transfers lead to critical care and back, to geriatrics, or through radiology.

A stay is up to three segments, one unit at a time: (unit_0, t_0), (unit_1, t_1), (unit_2, t_2), then its end. Lengths
are lognormal; a discharge happens between 10:00 and 18:00, and one that falls on a weekend may wait for Monday.
No bed is ever refused: beyond its staffed beds a hospital is overcrowded, which is what is to be foreseen.

Instants are seconds since 1970 (UTC); -1 stands for what does not happen.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from streams.simulator.civil_days import CivilDays
from streams.simulator.delays import lognormal_seconds, pick
from streams.simulator.observation import OTHER, STAY_KINDS, Cell, Counts
from streams.simulator.parameters import Parameters
from streams.simulator.partners import CRITICAL, RADIOLOGY, UNIT_NAMES
from streams.simulator.presets import AGE_BANDS
from streams.simulator.randomness import uniforms
from streams.simulator.scenario import Scenario

HOUR, DAY = 3600, 86400
NEVER = -1
# Share of each age band among the stays and visits of other causes.
OTHER_AGES = (0.14, 0.25, 0.22, 0.15, 0.24)
WARD_AGES = {"geriatrie": (0.0, 0.0, 0.0, 0.05, 0.95), "pediatrie": (1.0, 0.0, 0.0, 0.0, 0.0)}
_ADULT_AGES = (0.0, 0.22, 0.26, 0.20, 0.32)
# Hours at which people arrive: share of the day's arrivals in each hour (shape of French emergency departments).
ARRIVAL_PROFILE = np.array(
    [22, 17, 14, 12, 11, 12, 16, 26, 46, 62, 66, 62, 54, 56, 58, 56, 56, 58, 60, 58, 54, 48, 38, 30], float
)
_CRITICAL_DEATH_FACTOR = 3.0
_GERIATRICS_FACTOR = 1.3
_OLDEST = len(AGE_BANDS) - 1
_COLUMNS = 15
_MARGIN_DAYS = 160


@dataclass(frozen=True)
class Stays:
    """Every stay of the scenario, in order of the day of arrival.

    Attributes
    ----------
    first_ordinal
        Ordinal of the day at position 0.
    day, number
        Position of the day of arrival, and rank of the stay in that day.
    partner
        Index of the hospital in the scenario's partners.
    syndrome
        Index in `syndromes`.
    arrival
        Arrival at the emergency department, -1 without.
    units, times
        Unit of each segment (index in `UNIT_NAMES`) and its beginning, shape (stays, 3), -1 where there is none.
    end, died
        End of the stay, and whether by death.
    age, female
        Index in `AGE_BANDS`, and sex.
    """

    first_ordinal: int
    day: np.ndarray
    number: np.ndarray
    partner: np.ndarray
    syndrome: np.ndarray
    syndromes: tuple[str, ...]
    arrival: np.ndarray
    units: np.ndarray
    times: np.ndarray
    end: np.ndarray
    died: np.ndarray
    age: np.ndarray
    female: np.ndarray

    def __len__(self) -> int:
        return len(self.day)

    def take(self, which: np.ndarray) -> Stays:
        """Return the stays chosen by a mask."""
        rows = {f.name: getattr(self, f.name) for f in fields(self)}
        return Stays(**{k: v[which] if isinstance(v, np.ndarray) else v for k, v in rows.items()})

    @property
    def exits(self) -> np.ndarray:
        """End of each segment, shape (stays, 3), -1 where there is none."""
        following = np.concatenate([self.times[:, 1:], np.full((len(self), 1), NEVER)], axis=1)
        out = np.where(following == NEVER, self.end[:, None], following)
        return np.where(self.times == NEVER, NEVER, out)


@dataclass(frozen=True)
class _Table:
    """Per cell: what the pathway needs, each with the cell as first axis."""

    first_days: np.ndarray
    ages: np.ndarray
    direct: np.ndarray
    later: np.ndarray
    death: np.ndarray


def arrival_seconds(uniform: np.ndarray) -> np.ndarray:
    """Return seconds after midnight of arrivals that follow the profile of the day."""
    edges = np.concatenate([[0.0], np.cumsum(ARRIVAL_PROFILE) / ARRIVAL_PROFILE.sum()])
    hours: np.ndarray = np.interp(uniform, edges, np.arange(25))
    return (hours * HOUR).astype(np.int64)


def age_index(uniform: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return age bands drawn from shares, shape (n, bands)."""
    passed: np.ndarray = (uniform[:, None] >= np.cumsum(shares, axis=1)[:, :-1]).sum(axis=1)
    return passed


def make_stays(scenario: Scenario, counts: Counts) -> Stays:
    """Make the stays of every day from the numbers drawn."""
    # Longer than any stay, so that asking for more days does not move an end.
    calendar = replace(counts.days, length=counts.days.length + _MARGIN_DAYS)
    chosen = [i for i, cell in enumerate(counts.cells) if cell.kind in STAY_KINDS]
    cells = [counts.cells[i] for i in chosen]
    numbers = counts.drawn[:, chosen]
    per_day = numbers.sum(axis=1)
    day = np.repeat(np.arange(counts.days.length), per_day)
    cell = np.repeat(np.tile(np.arange(len(cells)), counts.days.length), numbers.ravel())
    u = uniforms(scenario.seed, "stays", counts.days.ordinal, per_day, _COLUMNS)
    number = np.arange(len(day)) - np.repeat(np.cumsum(per_day) - per_day, per_day)
    table = _table(scenario, cells)
    syndromes = (*(d.key for d in scenario.parameters.diseases), OTHER)
    age = age_index(u[:, 2], table.ages[cell])
    arrival, entry = _entry(scenario.parameters, counts.days, cells, day, cell, u)
    units, times, raw_end, died = _course(scenario.parameters, cells, table, cell, entry, age, u)
    last = times.max(axis=1)
    hold = scenario.parameters.pathway.weekend_hold
    leaving = _leaving(calendar, raw_end, last, hold, u[:, 13], u[:, 14])
    return Stays(
        first_ordinal=counts.days.ordinal,
        day=day,
        number=number,
        partner=np.array([c.partner for c in cells])[cell],
        syndrome=np.array([syndromes.index(c.syndrome) for c in cells])[cell],
        syndromes=syndromes,
        arrival=arrival,
        units=units,
        times=times,
        end=np.where(died, np.maximum(raw_end, last + HOUR), leaving),
        died=died,
        age=age,
        female=u[:, 3] < 0.51,
    )


def _table(scenario: Scenario, cells: list[Cell]) -> _Table:
    """Gather the parameters of each cell."""
    parameters = scenario.parameters
    background, longest = parameters.background, parameters.pathway.longest_days * 24
    diseases = {d.key: d for d in parameters.diseases}
    rows = []
    for cell in cells:
        disease = diseases.get(cell.syndrome)
        if disease:
            mean, cv, ages = disease.stay_days, disease.stay_cv, disease.ages
            risks = (disease.critical_direct, disease.critical_later, disease.death)
        else:
            planned = cell.kind == "elective"
            lengths = background.elective_days if planned else background.stay_days
            mean, cv, ages = lengths[cell.ward], background.stay_cv, WARD_AGES.get(cell.ward, _ADULT_AGES)
            to_critical = 0.0 if cell.ward == "pediatrie" else background.critical_direct
            if planned:
                to_critical = background.critical_elective if cell.ward == "chirurgie" else 0.0
            risks = (
                to_critical,
                0.0 if planned else background.critical_later,
                0.002 if planned else background.death,
            )
        facility = scenario.partners[cell.partner].facility
        gravity = facility.gravity if facility else 1.0
        to_critical, later, death = risks
        lengths_of_stay = lognormal_seconds(mean * 24, cv, longest)
        rows.append((lengths_of_stay, ages, to_critical * gravity, later * gravity, death))
    first, ages, direct, later, death = zip(*rows, strict=True)
    return _Table(np.stack(first), np.array(ages), np.array(direct), np.array(later), np.array(death))


def _entry(
    parameters: Parameters,
    days: CivilDays,
    cells: list[Cell],
    day: np.ndarray,
    cell: np.ndarray,
    u: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return arrival at the emergency department (-1 without) and admission."""
    via_ed = np.array([c.kind == "ed_admitted" for c in cells])[cell]
    planned = np.array([c.kind == "elective" for c in cells])[cell]
    hours = np.where(planned, 7 * HOUR + (u[:, 0] * 4 * HOUR).astype(np.int64), arrival_seconds(u[:, 0]))
    came = days.instant(day, hours)
    waited = pick(lognormal_seconds(parameters.pathway.ed_hours, parameters.pathway.ed_cv, 30.0), u[:, 1])
    return np.where(via_ed, came, NEVER), came + np.where(via_ed, np.maximum(waited, HOUR // 2), 0)


def _course(
    parameters: Parameters,
    cells: list[Cell],
    table: _Table,
    cell: np.ndarray,
    entry: np.ndarray,
    age: np.ndarray,
    u: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return units and times of the segments, the end before its hour is set, and who dies."""
    pathway = parameters.pathway
    ward = np.array([UNIT_NAMES.index(c.ward) for c in cells])[cell]
    critical, radiology = UNIT_NAMES.index(CRITICAL), UNIT_NAMES.index(RADIOLOGY)
    level = (u[:, 8] * table.first_days.shape[1]).astype(np.int64)
    stay = table.first_days[cell, level]
    icu = pick(
        lognormal_seconds(pathway.critical_days * 24, pathway.critical_cv, pathway.longest_days * 24), u[:, 7]
    )
    icu = np.maximum(icu, 6 * HOUR)
    direct = u[:, 4] < table.direct[cell]
    later = ~direct & (u[:, 5] < table.later[cell])
    risk = table.death[cell] * np.where(direct | later, _CRITICAL_DEATH_FACTOR, 1.0)
    died = u[:, 10] < risk
    calm = ~direct & ~later
    medicine, geriatrics = UNIT_NAMES.index("medecine"), UNIT_NAMES.index("geriatrie")
    old = calm & (ward == medicine) & (age == _OLDEST) & (u[:, 11] < pathway.geriatric_transfer)
    lag = pick(lognormal_seconds(24 * pathway.later_days, 0.5, 240.0), u[:, 6])
    # Examinations are done the day after admission; shorter stays have none on their path.
    seen = calm & ~old & (u[:, 11] > 1 - pathway.imaging) & (stay > 2 * DAY) & ~died
    exam = DAY + (u[:, 12] * 4 * HOUR).astype(np.int64)
    t1 = np.select([direct, later, old, seen], [entry + icu, entry + lag, entry + lag, entry + exam], NEVER)
    u1 = np.select([direct, later, old, seen], [ward, critical, geriatrics, radiology], NEVER)
    t2 = np.select([later, seen], [t1 + icu, t1 + 40 * 60], NEVER)
    u2 = np.where(later | seen, ward, NEVER)
    ends_in_icu = died & (direct | later)
    end = np.select(
        [direct, later, old],
        [t1 + stay, t2 + stay, np.maximum(t1 + DAY, entry + (_GERIATRICS_FACTOR * stay).astype(np.int64))],
        entry + stay,
    )
    end = np.where(ends_in_icu, np.where(direct, t1, t2), end)
    gone1, gone2 = ends_in_icu & direct, ends_in_icu & later
    units = np.stack(
        [np.where(direct, critical, ward), np.where(gone1, NEVER, u1), np.where(gone2, NEVER, u2)], axis=1
    )
    times = np.stack([entry, np.where(gone1, NEVER, t1), np.where(gone2, NEVER, t2)], axis=1)
    return units, times, end, died


def _leaving(
    days: CivilDays,
    raw_end: np.ndarray,
    last: np.ndarray,
    hold: float,
    u_hold: np.ndarray,
    u_hour: np.ndarray,
) -> np.ndarray:
    """Return the moments of discharge: in the daytime, less often at weekends, after the last movement."""
    position = days.civil_index(raw_end)
    weekday = (days.first.weekday() + position) % 7
    wait = np.where((weekday >= 5) & (u_hold < hold), 7 - weekday, 0)
    moment = days.midnights[position + wait] + 10 * HOUR
    leaving: np.ndarray = np.maximum(moment + (u_hour * 8 * HOUR).astype(np.int64), last + 2 * HOUR)
    return leaving
