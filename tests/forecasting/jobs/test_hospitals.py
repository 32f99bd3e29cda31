"""Hospitals and their territory add up in every draw, whatever part of the territory they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.jobs.bed_forecast import BedDraws
from forecasting.jobs.compute import Computed, compute
from forecasting.jobs.forecaster import BACK_DAYS, HORIZONS, Lesson, TargetDraws
from forecasting.jobs.hospitals import cover_of, dealt_beds, dealt_flows
from forecasting.jobs.inputs import RunInputs
from forecasting.jobs.lessons import FACILITIES, Lessons, Overview, learn_all
from forecasting.panel import Panel
from forecasting.store.draft import RunPlan
from tests.forecasting.jobs.test_coherent import LOIRE, PLAN, inputs_of, wave_panel

ADMISSIONS, BEDS = "admissions:covid", "occupied_beds:covid"
PLACES = {"440000001": "44", "440000002": "44", "490000001": "49", "850000001": "85"}
"""All of Loire-Atlantique, most of Maine-et-Loire, and one that counts more than its territory does."""
SHARES = {"440000001": 0.8, "440000002": 0.2, "490000001": 0.6, "850000001": 1.5}
DAYS, DRAWS = len(HORIZONS), 30


def stocked(panel: Panel, split: dict[str, np.ndarray]) -> Panel:
    """Return a panel of admissions and of the beds that follow from them."""
    staying = 0.85 ** np.arange(40)
    admissions = np.stack(list(split.values()), axis=1)
    beds = np.stack(
        [np.round(np.convolve(np.nan_to_num(a), staying)[: len(a)]) for a in admissions.T], axis=1
    )
    beds[-1] = np.nan
    return replace(
        panel,
        territories=tuple(split),
        signals=(ADMISSIONS, BEDS),
        values=np.stack([admissions, beds], axis=2),
        exists=np.ones((len(split), 2), dtype=bool),
        population=None,
        kinds={ADMISSIONS: "count", BEDS: "count"},
    )


def world() -> RunInputs:
    """Return the inputs of a run with hospitals in three of five territories."""
    panel, rng = wave_panel(), np.random.default_rng(8)
    whole = {d: panel.values[:, i, 0] for i, d in enumerate(LOIRE)}
    split: dict[str, np.ndarray] = {}
    for hospital, place in PLACES.items():
        counts = np.nan_to_num(whole[place]).astype(int)
        share = SHARES[hospital]
        split[hospital] = (rng.binomial(counts, share) if share <= 1 else np.round(counts * share)).astype(
            float
        )
    split["440000002"] = np.nan_to_num(whole["44"]) - split["440000001"]
    for values in split.values():
        values[-1] = np.nan
    outer, inner = stocked(panel, whole), stocked(panel, split)
    # Beds are counted apart, so the sum of what was rounded is what the territory has.
    beds = outer.values.copy()
    beds[:, 0, 1] = inner.values[:, 0, 1] + inner.values[:, 1, 1]
    inputs = inputs_of(replace(outer, values=beds), "bottom_up")
    return replace(inputs, facility_panel=inner, facility_places=PLACES)


@pytest.fixture(scope="module")
def inputs() -> RunInputs:
    return world()


@pytest.fixture(scope="module")
def computed(inputs: RunInputs) -> Computed:
    return compute(inputs, PLAN, list(LOIRE))


def draws_of(computed: Computed, target: str) -> dict[str, np.ndarray]:
    return {
        s.facility or s.territory: np.asarray(s.draws, dtype=float)
        for s in computed.series
        if s.target.key == target
    }


@pytest.mark.parametrize("target", [ADMISSIONS, BEDS])
def test_what_is_published_adds_up(computed: Computed, target: str) -> None:
    found = draws_of(computed, target)
    assert set(found) == {*LOIRE, *PLACES}
    np.testing.assert_array_equal(found["440000001"] + found["440000002"], found["44"])
    assert (found["490000001"] <= found["49"]).all()
    rest = found["49"] - found["490000001"]
    assert 0.25 < rest.sum() / found["49"].sum() < 0.55
    for draws in found.values():
        assert (draws >= 0).all()
        np.testing.assert_array_equal(draws, np.round(draws))


def test_a_territory_says_the_same_with_and_without_its_hospitals(
    inputs: RunInputs, computed: Computed
) -> None:
    without = compute(replace(inputs, facility_panel=None, facility_places={}), PLAN, ["44"])
    for target in (ADMISSIONS, BEDS):
        expected = draws_of(without, target)["44"]
        np.testing.assert_array_equal(draws_of(computed, target)["44"], expected)


def test_hospitals_say_the_same_whatever_part_is_computed(inputs: RunInputs, computed: Computed) -> None:
    scope: RunPlan = replace(PLAN, scope={"territories": ["49", "44"]})
    for target in (ADMISSIONS, BEDS):
        part = draws_of(compute(inputs, scope, ["44"]), target)
        for hospital in ("440000001", "440000002"):
            np.testing.assert_array_equal(part[hospital], draws_of(computed, target)[hospital])


def test_what_was_learnt_of_hospitals_can_be_sent(inputs: RunInputs, computed: Computed) -> None:
    lessons = learn_all(inputs, PLAN)
    sent = Lessons(
        Overview.unpack(lessons.overview.pack()),
        {name: Lesson.unpack(lesson.pack()) for name, lesson in lessons.targets.items()},
    )
    assert set(sent.targets) == {ADMISSIONS, FACILITIES + ADMISSIONS}
    assert sent.states == lessons.states
    there = compute(inputs, PLAN, ["49"], sent)
    for target in (ADMISSIONS, BEDS):
        for place, draws in draws_of(there, target).items():
            np.testing.assert_array_equal(draws, draws_of(computed, target)[place])


def drawn(seed: int, level: float) -> np.ndarray:
    """Return uneven counts, many of them zero where the level is low."""
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(0.5, 2.0 * level, (DAYS, 1)), (DAYS, DRAWS)).astype(float)


counts = st.builds(drawn, st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 1.0, 20.0, 3000.0]))


@settings(max_examples=40, deadline=None)
@given(counts, counts, counts, counts)
def test_any_draws_of_admissions_add_up(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> None:
    inputs = WORLD
    flow = TargetDraws({"44": a, "49": b}, {})
    inner = TargetDraws({"440000001": c, "440000002": d, "490000001": d, "850000001": c}, {})
    made = dealt_flows({ADMISSIONS: flow}, {ADMISSIONS: inner}, inputs, 3)[ADMISSIONS].draws
    np.testing.assert_array_equal(made["440000001"] + made["440000002"], a)
    assert ((made["490000001"] >= 0) & (made["490000001"] <= b)).all()
    np.testing.assert_array_equal(made["850000001"], c)


@settings(max_examples=40, deadline=None)
@given(counts, counts, counts)
def test_any_draws_of_beds_add_up(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    whole = [BedDraws("conventional", "covid", a[BACK_DAYS:], 1)]
    inner = {
        f: [replace(whole[0], draws=x[BACK_DAYS:])] for f, x in zip(list(PLACES)[:2], (b, c), strict=True)
    }
    made = dealt_beds(whole, inner, "44", WORLD, 3)
    np.testing.assert_array_equal(sum(beds[0].draws for beds in made.values()), whole[0].draws)


def test_days_known_stay_as_they_were_told() -> None:
    """The newest days of a territory of which part is elsewhere: a hospital keeps what it said."""
    told = np.repeat(np.arange(5.0, 5.0 + DAYS)[:, None], DRAWS, axis=1)
    flow, inner = TargetDraws({"49": told + 4.0}, {}), TargetDraws({"490000001": told}, {})
    made = dealt_flows({ADMISSIONS: flow}, {ADMISSIONS: inner}, WORLD, 3)[ADMISSIONS].draws
    np.testing.assert_array_equal(made["490000001"], told)


def test_cover_is_read_from_days_known_of_all() -> None:
    whole = np.full(100, 10.0)
    assert cover_of(whole, [np.full(100, 6.0), np.full(100, 4.0)]) is not None
    part = cover_of(whole, [np.full(100, 6.0)])
    assert part is not None
    assert part.elsewhere == pytest.approx(0.4)
    assert not part.is_whole
    assert cover_of(whole, [np.full(100, 11.0)]) is None
    assert cover_of(None, [whole]) is None
    assert cover_of(whole, [whole, None]) is None
    late = np.where(np.arange(100) < 90, np.nan, 6.0)
    assert cover_of(whole, [late]) is None
    nothing = cover_of(np.zeros(100), [np.zeros(100)])
    assert nothing is not None
    assert nothing.is_whole


WORLD = world()
