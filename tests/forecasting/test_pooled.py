"""Pooled models: what they may learn from, what they are worth before a record, and lines they must find again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from forecasting import Panel
from forecasting.ensemble import Record, rehearsal_scores, rehearsal_truths
from forecasting.features import Look
from forecasting.models import REGISTRY
from forecasting.models.base import LEVELS, CannotForecast, Fitted
from forecasting.models.persistence import Persistence
from forecasting.models.pooled import EMBARGO_WEEKS, Member, PooledGrowth, time_weights
from forecasting.models.pooled_quantiles import FITTED, PooledQuantiles, check_loss_lines, spread_out
from forecasting.problem import Problem, make_problem
from forecasting.transforms import root_scale

COMMON = Look((0, 7), pooled=True, gaps=False, shares=False, level=True, drift=True)


def winters(years: float, territories: int = 6, seed: int = 0) -> Panel:
    """Weekly counts with one wave every winter, of a size and a day that change."""
    rng = np.random.default_rng(seed)
    weeks = pd.date_range("2015-07-06", periods=round(years * 52.18), freq="7D")
    level = np.zeros(len(weeks))
    for year in range(2015, 2015 + int(years) + 2):
        peak = pd.Timestamp(f"{year}-12-28") + pd.Timedelta(days=int(rng.integers(-21, 22)))
        distance = (weeks - peak).days.to_numpy() / 7.0
        level += rng.uniform(60, 140) * np.exp(-0.5 * (distance / 3.5) ** 2)
    frame = pd.DataFrame(
        {
            "territory": np.repeat([f"t{i}" for i in range(territories)], len(weeks)),
            "date": np.tile(weeks, territories),
            "signal": "admissions",
            "value": rng.poisson(np.outer(rng.uniform(0.5, 2.0, territories), level + 2.0).ravel()),
        }
    )
    return Panel.from_frame(frame, freq="W")


@pytest.fixture(scope="module")
def problem() -> Problem:
    return make_problem(winters(3.4), "admissions", 4)


def test_a_rehearsal_learns_nothing_from_the_half_year_after_it(problem: Problem) -> None:
    origin = len(problem.z) // 2
    weight = time_weights(problem, Member(COMMON), np.ones(len(problem.z)), 2, problem.dates[origin])
    ahead = (problem.dates - problem.dates[origin]).astype(int) / 7
    assert np.all(weight[(ahead > -2) & (ahead < EMBARGO_WEEKS)] == 0)
    assert np.all(weight[ahead >= EMBARGO_WEEKS] > 0)
    assert np.all(weight[ahead <= -2] > 0)


def test_todays_fit_and_todays_rehearsals_of_the_last_half_year_see_only_what_came_before(
    problem: Problem,
) -> None:
    model = PooledGrowth("common", (Member(COMMON, theta=0.0, taught=True),), "pooled common")
    shifted = problem.z.copy()
    at = int(problem.rehearsals[-4])
    shifted[at + 1 :] += 0.5
    other = replace(problem, z=shifted)
    before, after = model.points(problem), model.points(other)
    recent = slice(len(problem.z) - 20, at - 3)
    assert np.allclose(before[recent], after[recent])
    assert not np.allclose(before[at + 1 :], after[at + 1 :])


def test_two_winters_make_a_seasonal_model_better_than_no_change() -> None:
    model = next(m for m in REGISTRY if m.name == "pooled common, wide season")
    panel = winters(4.4, seed=3)
    ours = theirs = 0.0
    for weeks_back in range(6, 30, 3):
        known = panel.until(panel.dates[-weeks_back])
        problem = make_problem(known, "admissions", 4)
        later = problem.scale.forward(panel.values[len(problem.z) + 3, :, 0])
        ours += float(np.abs(model.fit(problem, {}).quantiles[:, 3, len(LEVELS) // 2] - later).sum())
        theirs += float(np.abs(problem.level - later).sum())
    assert ours < 0.75 * theirs


def test_a_seasonal_model_says_when_it_has_seen_no_winter() -> None:
    model = next(m for m in REGISTRY if m.name == "pooled common, season")
    with pytest.raises(CannotForecast) as refusal:
        model.fit(make_problem(winters(0.9), "admissions", 4), {})
    assert refusal.value.key == "history.short"


def test_one_territory_alone_has_rows_enough_for_quantile_lines() -> None:
    model = next(m for m in REGISTRY if isinstance(m, PooledQuantiles))
    alone = make_problem(winters(2.3, territories=1), "admissions", 4)
    assert np.isfinite(model.fit(alone, {}).quantiles).all()
    with pytest.raises(CannotForecast) as refusal:
        model.fit(make_problem(winters(0.5, territories=1), "admissions", 4), {})
    assert refusal.value.params == {"needed": 60, "of": "rows"}


def middles(model: PooledGrowth, panel: Panel) -> dict[str, Any]:
    """Median forecasts of each territory, natural units, shape (anchor,)."""
    problem = make_problem(panel, "admissions", 4)
    found = problem.scale.back(model.fit(problem, {}).quantiles[..., len(LEVELS) // 2], axis=0)
    return dict(zip(panel.territories, found, strict=True))


@pytest.mark.parametrize("weeks", [118, 133])
def test_a_territory_that_has_just_begun_is_compared_with_the_others_of_its_time(weeks: int) -> None:
    whole = winters(2.6, seed=3)
    panel = whole.until(whole.dates[weeks])
    values = panel.values.copy()
    values[:-4, -1] = np.nan
    begun = replace(panel, values=values)
    for model in REGISTRY:
        if isinstance(model, PooledGrowth) and model.family == "pooled common":
            before, after = middles(model, panel), middles(model, begun)
            for territory in panel.territories:
                assert np.allclose(after[territory], before[territory], rtol=0.3, atol=4.0)


def test_a_country_beside_a_village_does_not_lend_it_its_size() -> None:
    counts = np.random.default_rng(2).poisson(20.0, (100, 2)) * np.array([1.0, 1e7])
    size = root_scale(counts, None).size
    assert 15.0 < size[0] < 60.0
    silent = root_scale(np.stack([counts[:, 0], np.zeros(100)], axis=1), None).size
    assert 0.0 < silent[1] < 1.0


def test_quantile_lines_are_found_again() -> None:
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(6000), rng.normal(size=6000), rng.uniform(0.5, 2.0, 6000)])
    y = 0.3 + 0.8 * x[:, 1] + 0.5 * x[:, 2] * rng.normal(size=6000)
    lines = check_loss_lines(x, y, 1e-6)
    assert np.allclose(lines[:, 1], 0.8, atol=0.06)
    assert np.allclose(lines[:, 2], 0.5 * ndtri(FITTED), atol=0.12)
    inside = np.mean(y[:, None] <= x @ lines.T, axis=0)
    assert np.allclose(inside, FITTED, atol=0.01)


def test_fitted_levels_are_spread_to_all_levels_as_a_normal_would_be() -> None:
    assert np.allclose(spread_out(ndtri(FITTED)[::-1].copy()), ndtri(LEVELS), atol=0.02)


def test_pooled_quantiles_answer_today_and_rehearse(problem: Problem) -> None:
    answer = PooledQuantiles(COMMON).fit(problem, {})
    assert np.isfinite(answer.quantiles).all()
    assert np.all(np.diff(answer.quantiles, axis=-1) >= 0)
    assert np.isfinite(answer.rehearsed).all(axis=(1, 2, 3)).mean() > 0.5


def _answer(problem: Problem, name: str, off: float, **given: Any) -> Fitted:
    calm = Persistence().fit(problem, {})
    rehearsed = calm.rehearsed + off * (rehearsal_truths(problem)[..., None] - calm.rehearsed)
    return replace(calm, model=name, rehearsed=rehearsed, **given)


def _record(problem: Problem, answers: list[Fitted]) -> Record:
    truths = rehearsal_truths(problem)
    return Record(
        problem, answers, {a.model: rehearsal_scores(problem, a.rehearsed, truths) for a in answers}
    )


def test_three_of_one_family_weigh_as_one(problem: Problem) -> None:
    few = [_answer(problem, n, 0.2, family="one") for n in ("a", "b", "c")]
    record = _record(problem, [Persistence().fit(problem, {}), *few, _answer(problem, "d", 0.2)])
    weights = record.weights(len(problem.z) - 1)
    assert weights["persistence"] == 0
    assert weights["d"] == pytest.approx(0.5, abs=0.02)
    assert weights["a"] + weights["b"] + weights["c"] == pytest.approx(0.5, abs=0.02)


def test_persistence_is_heard_only_where_nothing_beats_it(problem: Problem) -> None:
    calm = Persistence().fit(problem, {})
    now = len(problem.z) - 1
    assert _record(problem, [calm, _answer(problem, "good", 0.3)]).weights(now)["persistence"] == 0
    assert _record(problem, [calm, _answer(problem, "bad", -0.5)]).weights(now)["persistence"] > 0.5


def test_a_record_made_with_little_learning_counts_little(problem: Problem) -> None:
    calm, now = Persistence().fit(problem, {}), len(problem.z) - 1
    none = np.zeros(len(problem.rehearsals))
    young = _answer(problem, "young", -0.5, prior=0.8, schooled=none)
    old = _answer(problem, "old", -0.5, prior=0.8)
    record = _record(problem, [calm, young, old])
    assert record.ratio(young, now) == pytest.approx(0.8)
    assert record.ratio(old, now) > 1.0


def test_one_wrong_week_of_the_past_silences_no_model(problem: Problem) -> None:
    calm, now = Persistence().fit(problem, {}), len(problem.z) - 1
    good = _answer(problem, "good", 0.3)
    record = _record(problem, [calm, good])
    before = record.ratio(good, now)
    record.scores["good"][len(problem.rehearsals) // 2] = 1e6
    assert before <= record.ratio(good, now) < 1.0
