r"""What partners would see: expected events a day of each cell, and the numbers drawn around them.

A *cell* is one kind of event at one partner for one cause. For a disease with infections I and a path of
probability p and delay weights f, before and after each break r of the rules,

    expected_t = share · w(day) · Σ_r p_r Σ_k f_r,k I^r_{t-k},        drawn_t ~ Poisson(expected_t · e^{σ z_t − σ²/2})

where w is the weekday factor of the signal (public holidays are Sundays; city laboratories are closed then) and z a
common shock of the day per kind. All other causes have a level, a winter cosine and a slow autoregressive drift.
News adds calls and negative tests, never illness.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from streams.simulator.civil_days import CivilDays
from streams.simulator.delays import delayed, gamma_days
from streams.simulator.epidemic import Epidemics
from streams.simulator.parameters import Disease
from streams.simulator.partners import Partner
from streams.simulator.randomness import generator
from streams.simulator.scenario import Scenario

OTHER = "other"
STAY_KINDS = ("ed_admitted", "direct", "elective")
_CALENDAR_OF = {"lab_positives": "lab", "lab_negatives": "lab", "ed_home": "ed_visits"}
# Share of the elective programme kept in mid-summer and around the New Year.
_SUMMER_PROGRAMME, _CHRISTMAS_PROGRAMME = 0.75, 0.55
_DONE_AS_PLANNED = 0.96


@dataclass(frozen=True)
class Cell:
    """One kind of event at one partner for one cause; `ward` is empty except for stays."""

    kind: str
    syndrome: str
    partner: int
    ward: str = ""


@dataclass(frozen=True)
class Counts:
    """What happened, by day and cell.

    Attributes
    ----------
    expected, drawn
        Shape (days, cells); `drawn` counts stays that took place.
    planned
        Planned admissions, same shape, zero except in elective cells.
    """

    days: CivilDays
    cells: tuple[Cell, ...]
    expected: np.ndarray
    drawn: np.ndarray
    planned: np.ndarray


def count(scenario: Scenario, epidemics: Epidemics) -> Counts:
    """Draw how many events each partner sees each day."""
    days, cells = epidemics.days, cells_of(scenario)
    expected = _expected(scenario, epidemics, cells)
    kinds = sorted({cell.kind for cell in cells})
    kind_of = np.array([kinds.index(cell.kind) for cell in cells])
    elective = np.array([cell.kind == "elective" for cell in cells])
    spread = scenario.parameters.overdispersion
    drawn = np.empty(expected.shape, np.int64)
    planned = np.zeros(expected.shape, np.int64)
    for t in range(days.length):
        rng = generator(scenario.seed, "counts", days.ordinal + t)
        shock = np.exp(spread * rng.standard_normal(len(kinds)) - spread**2 / 2)
        drawn[t] = rng.poisson(expected[t] * np.where(elective, 1.0, shock[kind_of]))
        planned[t, elective] = drawn[t, elective]
        drawn[t, elective] = rng.binomial(planned[t, elective], _DONE_AS_PLANNED)
    return Counts(days, cells, expected, drawn, planned)


def cells_of(scenario: Scenario) -> tuple[Cell, ...]:
    """Return the cells of a scenario in a fixed order."""
    out: list[Cell] = []
    diseases, background = scenario.parameters.diseases, scenario.parameters.background
    causes = [d.key for d in diseases]
    for index, partner in enumerate(scenario.partners):
        for kind in ("sos_calls", "samu_calls"):
            if kind in partner.signals:
                out += [Cell(kind, cause, index) for cause in (*causes, OTHER)]
        if "lab_tests" in partner.signals:
            out += [
                Cell(kind, cause, index) for kind in ("lab_positives", "lab_negatives") for cause in causes
            ]
        if partner.facility:
            out += [Cell("ed_home", cause, index) for cause in (*causes, OTHER)]
            out += [Cell(k, d.key, index, d.ward) for k, d in product(("ed_admitted", "direct"), diseases)]
            for kind in STAY_KINDS:
                wards = getattr(background, kind)
                out += [Cell(kind, OTHER, index, ward) for ward in wards]
    return tuple(out)


def _expected(scenario: Scenario, epidemics: Epidemics, cells: tuple[Cell, ...]) -> np.ndarray:
    """Return the expected events of each day and cell, shape (days, cells)."""
    flows = {
        (disease.key, kind): flow
        for index, disease in enumerate(scenario.parameters.diseases)
        for kind, flow in _disease_flows(
            scenario, disease, epidemics.infections[:, index], epidemics.days
        ).items()
    }
    usual = _usual(scenario, epidemics.days)
    columns = []
    for cell in cells:
        flow = (
            _background_flow(scenario, cell, usual)
            if cell.syndrome == OTHER
            else flows[cell.syndrome, cell.kind]
        )
        flow = flow * _share(scenario, cell) * _calendar(scenario, cell.kind, epidemics.days)
        columns.append(flow + _news(scenario, cell, epidemics.days))
    return np.stack(columns, axis=1)


def _disease_flows(
    scenario: Scenario, disease: Disease, infections: np.ndarray, days: CivilDays
) -> dict[str, np.ndarray]:
    """Return the expected daily events of one disease by kind, before calendar and shares."""
    admissions = _through(scenario, disease, "admissions", infections, days)
    positives = _through(scenario, disease, "lab_positives", infections, days)
    negatives = disease.tests_per_positive * positives + disease.idle_tests * scenario.scale
    return {
        "sos_calls": _through(scenario, disease, "sos_calls", infections, days),
        "samu_calls": _through(scenario, disease, "samu_calls", infections, days),
        "lab_positives": positives,
        "lab_negatives": negatives,
        "ed_home": _through(scenario, disease, "ed_visits", infections, days),
        "ed_admitted": disease.via_ed * admissions,
        "direct": (1 - disease.via_ed) * admissions,
    }


def _through(
    scenario: Scenario, disease: Disease, signal: str, infections: np.ndarray, days: CivilDays
) -> np.ndarray:
    """Return the expected events that infections lead to on a signal, under the rules of their day."""
    path = disease.paths[signal]
    factor, shift = np.ones(days.length), np.zeros(days.length)
    for rule in scenario.breaks_of(disease.key):
        after = np.arange(days.length) >= days.index(rule.day)
        if signal == "admissions":
            factor, shift = factor * np.where(after, rule.severity, 1), shift + after * rule.admission_days
        elif signal != "ed_visits":
            factor = factor * np.where(after, rule.calls, 1)
    total = np.zeros(days.length)
    for step in np.unique(shift):
        weights = gamma_days(path.delay.mean + float(step), path.delay.sd)
        total += delayed(path.probability * factor * infections * (shift == step), weights)
    return total


def _usual(scenario: Scenario, days: CivilDays) -> np.ndarray:
    """Return the relative level of all other causes, shape (days,), about 1."""
    background = scenario.parameters.background
    memory = float(np.exp(-1 / background.drift_days))
    level, drift = 0.0, np.empty(days.length)
    for t in range(days.length):
        step = generator(scenario.seed, "drift", days.ordinal + t).standard_normal()
        level = memory * level + background.drift * float(np.sqrt(1 - memory**2)) * step
        drift[t] = level
    season = 1 + background.winter * np.cos(2 * np.pi * (days.day_of_year - 15) / 365.25)
    usual: np.ndarray = season * np.exp(drift)
    return usual


def _background_flow(scenario: Scenario, cell: Cell, usual: np.ndarray) -> np.ndarray:
    """Return the expected daily events of all other causes, before calendar and shares."""
    background = scenario.parameters.background
    level = getattr(background, cell.kind)
    rate = level[cell.ward] if cell.ward else level
    # The programme is planned: it does not follow the season's illness.
    course = np.ones_like(usual) if cell.kind == "elective" else usual
    flow: np.ndarray = rate * scenario.scale * course
    return flow


def _share(scenario: Scenario, cell: Cell) -> float:
    """Return the part of the territory's activity that the cell's partner has."""
    partner = scenario.partners[cell.partner]
    if partner.facility is None:
        return partner.share
    ward = cell.ward or "urgences"
    first: Partner = scenario.hospitals()[0]
    given = first.facility.share[ward] if first.facility else 1.0
    return given if partner.key == first.key else 1 - given


def _calendar(scenario: Scenario, kind: str, days: CivilDays) -> np.ndarray:
    """Return the weekday factor of each day, with the holidays of the elective programme."""
    factors: np.ndarray = np.array(scenario.parameters.weekday[_CALENDAR_OF.get(kind, kind)])[days.day_kind]
    if kind != "elective":
        return factors
    season = np.ones(days.length)
    for i, day in enumerate(days.dates):
        if (7, 14) <= (day.month, day.day) <= (8, 25):
            season[i] = _SUMMER_PROGRAMME
        elif (day.month, day.day) >= (12, 22) or (day.month, day.day) <= (1, 2):
            season[i] = _CHRISTMAS_PROGRAMME
    factors = factors * season * np.where(days.public_holiday, 0.0, 1.0)
    return factors


def _news(scenario: Scenario, cell: Cell, days: CivilDays) -> np.ndarray:
    """Return the calls and tests that a story brings without illness."""
    extra = np.zeros(days.length)
    if cell.kind not in ("sos_calls", "samu_calls", "lab_negatives"):
        return extra
    background = scenario.parameters.background
    for story in scenario.parameters.news:
        if story.syndrome != cell.syndrome:
            continue
        age = np.arange(days.length) - days.index(story.day)
        effect = np.where(age >= 0, np.exp(-np.maximum(age, 0) / story.decay_days), 0.0) * story.calls
        usual = (
            scenario.disease(cell.syndrome).idle_tests
            if cell.kind == "lab_negatives"
            else getattr(background, cell.kind)
        )
        extra += (
            effect * usual * scenario.scale * _share(scenario, cell) * _calendar(scenario, cell.kind, days)
        )
    return extra
