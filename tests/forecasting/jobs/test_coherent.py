"""Regions and their départements: sums that are sums, expectations that agree, the same bytes whoever draws."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.jobs.coherent import learn_regions, reconciled, regions_of, summed_panel
from forecasting.jobs.compute import compute
from forecasting.jobs.conduct import draft_of
from forecasting.jobs.forecaster import Lesson
from forecasting.jobs.inputs import BedInputs, RunInputs
from forecasting.jobs.lessons import Lessons, learn_all
from forecasting.jobs.regions import summed_series
from forecasting.learned import Learned
from forecasting.panel import Panel
from forecasting.run import Target, summarised
from forecasting.store.draft import RunPlan
from forecasting.vigilance import DEFAULT_RULES
from streams.vocabulary.places import register

LOIRE = ("44", "49", "53", "72", "85")
ORIGIN = date(2021, 1, 10)
TARGET = "admissions:covid"
PLAN = RunPlan(
    world="coherent",
    cycle=f"{ORIGIN}T05:30",
    origin=ORIGIN,
    as_of=datetime(2021, 1, 10, 4, 30, tzinfo=UTC),
    reason="cycle",
    scope={"territories": list(LOIRE)},
    seed=11,
    code_digest="",
)


def wave_panel(days: int = 260) -> Panel:
    """Return the départements of Pays de la Loire on waves that differ a little, yesterday the newest day."""
    rng = np.random.default_rng(4)
    time = np.arange(days)[:, None]
    level = np.array([14.0, 8.0, 3.0, 6.0, 7.0]) * np.exp(0.8 * np.sin((time - np.arange(5)) / 24.0))
    ahead = np.exp(0.8 * np.sin((time + 6 - np.arange(5)) / 24.0))
    values = np.stack([rng.poisson(level), rng.poisson(40 * ahead)], axis=2).astype(float)
    values[-1] = np.nan
    last = np.datetime64(ORIGIN, "D")
    known = register()
    return Panel(
        dates=np.arange(last - (days - 1), last + 1),
        freq="D",
        territories=LOIRE,
        signals=(TARGET, "lab_positives:covid"),
        values=values,
        exists=np.ones((5, 2), dtype=bool),
        as_of=last,
        population=np.array([float(known[d].population) for d in LOIRE]),
        kinds={TARGET: "count", "lab_positives:covid": "count"},
    )


def inputs_of(panel: Panel, coherence: str) -> RunInputs:
    config = {"draws": 150, "engine": "ensemble", "coherence": coherence, "zone": "Europe/Paris"}
    config |= {"cycles": ["05:30", "13:30"]}
    return RunInputs(panel, None, {}, BedInputs(), {}, DEFAULT_RULES, {}, config, {})


@pytest.fixture(scope="module")
def inputs() -> RunInputs:
    return inputs_of(wave_panel(), "mint")


@pytest.fixture(scope="module")
def lessons(inputs: RunInputs) -> Lessons:
    return learn_all(inputs, PLAN)


def learned(lessons: Lessons, name: str) -> Learned:
    found = lessons.targets[name].learned
    assert found is not None
    return found


def test_a_region_is_told_of_when_nearly_all_of_it_is_there() -> None:
    panel = wave_panel()
    assert regions_of(panel) == {"R52": LOIRE}
    # Without Mayenne nine inhabitants in ten are left, without Loire-Atlantique they are not.
    for gone, found in (("53", {"R52"}), ("44", set())):
        kept = [i for i, d in enumerate(LOIRE) if d != gone]
        part = replace(
            panel,
            territories=tuple(LOIRE[i] for i in kept),
            values=panel.values[:, kept],
            exists=panel.exists[kept],
            population=None,
        )
        assert set(regions_of(part)) == found


def test_a_region_s_series_is_the_sum_of_what_is_there() -> None:
    panel = wave_panel()
    values, exists = panel.values.copy(), panel.exists.copy()
    values[:, 2, 1], exists[2, 1] = np.nan, False  # no laboratory in one
    values[100:110, 3, 0] = np.nan  # a long silence of another
    values[-3:, 1, 0] = np.nan  # the newest days of a third are late
    summed = summed_panel(replace(panel, values=values, exists=exists), TARGET, {"R52": LOIRE})
    assert summed.territories == ("R52",)
    np.testing.assert_array_equal(summed.values[:99, 0, 0], values[:99, :, 0].sum(axis=1))
    np.testing.assert_array_equal(summed.values[:-1, 0, 1], np.nansum(values[:-1, :, 1], axis=1))
    assert np.isnan(summed.values[100:110, 0, 0]).all()
    assert np.isfinite(summed.values[-3:-1, 0, 0]).all()
    assert np.isnan(summed.values[-1, 0, 0])
    assert summed.population is not None
    assert summed.population[0] == sum(register()[d].population for d in LOIRE)


def test_expectations_move_towards_the_region(inputs: RunInputs, lessons: Lessons) -> None:
    """The sum of reconciled départements lies between their own sum and what is forecast of the region."""
    own, above = learned(lessons, TARGET), learned(lessons, f"regions/{TARGET}")
    agreed = learned(lessons.agreed(inputs.panel), TARGET)
    before, after, region = own.means().sum(axis=0), agreed.means().sum(axis=0), above.means()[0]
    low, high = np.minimum(before, region), np.maximum(before, region)
    assert (after >= low - 0.02 * low).all()
    assert (after <= high + 0.02 * high).all()
    assert not np.allclose(before, after, rtol=1e-4)


def test_errors_too_few_or_unlike_leave_all_as_it_was(lessons: Lessons) -> None:
    own, above = lessons.targets[TARGET], lessons.targets[f"regions/{TARGET}"]
    assert own.learned is not None
    assert above.learned is not None
    few = [replace(it, errors=it.errors[-8:]) for it in (own.learned, above.learned)]
    made = reconciled(Lesson(few[0]), Lesson(few[1]), {"R52": LOIRE}).learned
    assert made is not None
    np.testing.assert_array_equal(made.quantiles, own.learned.quantiles)
    late = replace(above.learned, late=above.learned.late + 1)
    assert reconciled(own, Lesson(late), {"R52": LOIRE}) is own
    assert reconciled(own, Lesson(None, "too short"), {"R52": LOIRE}) is own
    assert reconciled(own, None, {"R52": LOIRE}) is own


def test_a_factor_multiplies_every_draw(lessons: Lessons) -> None:
    own = learned(lessons, TARGET)
    twice = own.scaled(np.full(own.quantiles.shape[:2], 2.0))
    np.testing.assert_allclose(twice.means(), 2.0 * own.means(), rtol=0.02)
    same = own.scaled(np.ones(own.quantiles.shape[:2]))
    np.testing.assert_array_equal(same.quantiles, own.quantiles)
    assert (np.diff(twice.quantiles, axis=-1) >= 0).all()


def test_without_models_or_with_nothing_known_no_region_is_learnt() -> None:
    panel = wave_panel()
    asked = learn_regions(panel, TARGET, state=None, nowcast_draws=None, models=False)
    assert asked.learned is None
    silent = replace(panel, values=np.full(panel.values.shape, np.nan))
    assert learn_regions(silent, TARGET, state=None, nowcast_draws=None, models=True).learned is None


def test_published_regions_are_sums_and_parts_say_what_the_whole_says(
    inputs: RunInputs, lessons: Lessons
) -> None:
    whole = compute(inputs, PLAN, list(LOIRE), lessons)
    draft = draft_of(PLAN, inputs.documents(), whole)
    draws = {s.territory: np.asarray(s.draws) for s in draft.series if s.target.key == TARGET}
    parts = [draws[d] for d in LOIRE]
    np.testing.assert_array_equal(draws["R52"], np.sum(parts, axis=0))
    np.testing.assert_array_equal(draws["R52"], np.round(draws["R52"]))
    alone = compute(inputs, PLAN, ["72"], lessons)
    for one in alone.series:
        again = next(s for s in whole.series if (s.territory, s.target) == ("72", one.target))
        np.testing.assert_array_equal(one.draws, again.draws)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3, 8.0, 4000.0]))
def test_any_whole_draws_of_a_region_add_up(seed: int, level: float) -> None:
    """Also as they are stored, in 32 bits."""
    rng = np.random.default_rng(seed)
    target = Target.parse(TARGET)
    parts = [
        summarised(
            code,
            target,
            rng.poisson(rng.gamma(0.5, 2.0 * level, (15, 1)), (15, 40)),
            horizons=tuple(range(15)),
            unit_of_measure="admissions",
            models={},
        )
        for code in LOIRE
    ]
    (whole,) = summed_series(parts, {"R52": LOIRE})
    np.testing.assert_array_equal(
        whole.draws, np.sum([p.draws for p in parts if p.draws is not None], axis=0)
    )
    assert whole.territory == "R52"
    # What one département lacks is told of no region.
    assert summed_series(parts[1:], {"R52": LOIRE}) == []


def test_bottom_up_learns_no_regions() -> None:
    inputs = inputs_of(wave_panel(), "bottom_up")
    lessons = learn_all(inputs, PLAN)
    assert set(lessons.targets) == {TARGET}
    agreed = lessons.agreed(inputs.panel)
    assert agreed.targets[TARGET] is lessons.targets[TARGET]
