"""Combining, calibrating and coupling: figures that follow from their definitions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from forecasting import Panel
from forecasting.calibration import apply_shift, calibrate, wide_tails
from forecasting.coupling import coupled_uniforms
from forecasting.days import days_from_weeks
from forecasting.ensemble import combine, fit_all, weighted_median
from forecasting.models.base import LEVELS, Fitted, State, at_probability, probability_of
from forecasting.models.persistence import Persistence
from forecasting.problem import Problem, is_stock, make_problem
from forecasting.seasons import memory, season_distance
from tests.forecasting.test_forecast import epidemic_frame


@pytest.fixture(scope="module")
def problem() -> Problem:
    return make_problem(Panel.from_frame(epidemic_frame()), "admissions", 14)


@dataclass(frozen=True)
class Broken:
    name: str = "broken"
    cadence: int = 1

    def fit(self, problem: Problem, state: State) -> Fitted:
        raise ValueError("no")


@dataclass(frozen=True)
class Wild:
    name: str = "wild"
    cadence: int = 1

    def fit(self, problem: Problem, state: State) -> Fitted:
        calm = Persistence().fit(problem, state)
        return replace(calm, model=self.name, quantiles=calm.quantiles + 40.0)


def test_a_failing_and_a_wild_model_are_named_and_do_not_matter(problem: Problem) -> None:
    calm = (Persistence("persistence"), Persistence("again"), Persistence("once more"))
    answers, failed = fit_all((*calm, Broken(), Wild()), problem, {})
    combined = combine(problem, answers)
    assert [f.model for f in failed] == ["broken"]
    assert [f.model for f in combined.left_out] == ["wild"]
    assert np.allclose(combined.quantiles, combine(problem, answers[:3]).quantiles)
    middle = len(LEVELS) // 2
    assert np.allclose(combined.quantiles[..., middle], answers[0].quantiles[..., middle])


def test_weighted_median_is_the_median_for_equal_weights() -> None:
    values = np.random.default_rng(0).normal(size=(5, 40))
    assert np.allclose(weighted_median(values, np.full(5, 0.2)), np.median(values, axis=0))
    assert np.allclose(weighted_median(values, np.array([0.0, 1.0, 0.0, 0.0, 0.0])), values[1])


def test_quantile_function_and_its_inverse_agree() -> None:
    quantiles = np.sort(np.random.default_rng(1).normal(size=(4, len(LEVELS))), axis=-1)
    u = np.tile([0.013, 0.2, 0.5, 0.77, 0.985], (4, 1))
    back = np.stack([probability_of(quantiles, at_probability(quantiles, u)[:, k]) for k in range(5)], axis=1)
    assert np.allclose(back, u, atol=1e-6)


def test_calibration_widens_what_was_too_narrow_and_leaves_the_median() -> None:
    rng = np.random.default_rng(2)
    narrow = np.tile(ndtri(LEVELS) * 0.5, (40, 50, 1, 1))
    truth = rng.normal(size=(40, 50, 1))
    learned = calibrate(narrow, truth, (1,))
    wider = apply_shift(narrow[-1, :, 0], learned.shift[0])
    assert np.all(np.diff(wider, axis=-1) >= 0)
    covered = np.mean(np.abs(truth) <= wider[0, -3])
    before = np.mean(np.abs(truth) <= narrow[0, 0, 0, -3])
    assert before + 0.15 < covered < 0.95
    assert np.allclose(wider[:, 11], 0.0)


def test_tails_widen_with_the_horizon_and_the_middle_stays() -> None:
    quantiles = np.tile(ndtri(LEVELS), (3, 4, 1))
    wide = wide_tails(quantiles, (0.5, 1.0, 2.0, 4.0))
    assert np.allclose(wide[:, :, 6:17], quantiles[:, :, 6:17])
    assert np.allclose(wide[:, 0], wide[:, 1])
    assert np.all(np.diff(wide[:, 1:, -1], axis=1) > 0)
    assert np.all(np.diff(wide[:, 1:, 0], axis=1) < 0)
    # Half-width of 95 % intervals by Student's t with 5 degrees of freedom, kept to the normal's middle half.
    assert np.allclose(wide[:, 3, -2], 2.5706 * 0.6745 / 0.7267, atol=1e-3)


def test_calibration_never_reads_a_truth_that_is_still_to_come() -> None:
    rng = np.random.default_rng(3)
    quantiles = np.tile(ndtri(LEVELS), (20, 10, 1, 1))
    truth = rng.normal(size=(20, 10, 1))
    changed = truth.copy()
    changed[-2:] = 50.0
    assert np.allclose(calibrate(quantiles, truth, (3,)).shift, calibrate(quantiles, changed, (3,)).shift)


def test_coupling_keeps_marginals_and_past_dependence() -> None:
    rng = np.random.default_rng(4)
    common = rng.normal(size=(30, 1, 1))
    score = 0.9 * common + 0.45 * rng.normal(size=(30, 5, 2))
    uniforms = coupled_uniforms(ndtr(score), 800, 1, "t", ("a", "b", "c", "d", "e"))
    assert uniforms.shape == (5, 2, 800)
    assert np.allclose(np.sort(uniforms, axis=-1).mean(axis=(0, 1)), (np.arange(800) + 0.5) / 800, atol=0.01)
    assert np.corrcoef(uniforms[0, 0], uniforms[3, 0])[0, 1] > 0.4
    assert np.corrcoef(uniforms[0, 0], uniforms[0, 1])[0, 1] > 0.6


def test_days_add_up_to_their_week(problem: Problem) -> None:
    levels = np.full((6, 2, 30), 12.0)
    levels[:, 1] = 20.0
    days = days_from_weeks(problem, levels, 5, np.arange(6))
    assert np.array_equal(days.reshape(6, 2, 7, 30).sum(axis=2), levels * 7)
    by_weekday = days.reshape(6, 2, 7, 30).mean(axis=(0, 1, 3))
    # The wave's frame has 0.6 of a weekday's admissions on Saturday and Sunday; day one here is a Tuesday.
    assert by_weekday[4:6].mean() < 0.75 * np.delete(by_weekday, [4, 5]).mean()


def test_flows_and_stocks_are_told_apart() -> None:
    dates = np.arange(np.datetime64("2021-01-01"), np.datetime64("2021-05-01"))
    time = np.arange(len(dates))[:, None]
    beds = np.round(300 + 100 * np.sin(time / 15 + np.arange(3)))
    assert is_stock(beds, dates)
    counts = np.random.default_rng(0).poisson(30 + 10 * np.sin(time / 15 + np.arange(3))).astype(float)
    assert not is_stock(counts, dates)


def test_memory_knows_this_season_in_other_years() -> None:
    weeks = np.array([0.0, 26.0, 52.1786, 78.0])
    assert np.allclose(season_distance(weeks), [0.0, 26.0, 0.0, 25.8214], atol=1e-3)
    weight = memory(weeks, 10.0, 4.0)
    assert weight[2] > weight[1] > 0
    assert weight[2] > 10 * weight[3]


def test_a_donor_is_read_only_as_far_as_was_known() -> None:
    frame = epidemic_frame(days=60, weekly=True, delay=0)
    panel = Panel.from_frame(frame, freq="W", as_of="2021-11-01")
    whole = Panel.from_frame(frame, freq="W")
    made = make_problem(panel, "admissions", 4, (whole,))
    assert all(d.dates[-1] <= np.datetime64("2021-11-01") for d in made.donors)
    with pytest.raises(ValueError, match="must be the same"):
        make_problem(Panel.from_frame(epidemic_frame()), "admissions", 14, (whole,))


def test_what_a_territory_draws_does_not_depend_on_who_else_is_asked_for() -> None:
    pit = np.random.default_rng(6).random((12, 4, 2))
    pit[::2, 3] = np.nan
    names = ("a", "b", "c", "d")
    together = coupled_uniforms(pit, 300, 1, "t", names)
    for i in range(4):
        assert np.array_equal(coupled_uniforms(pit, 300, 1, "t", names, np.array([i]))[0], together[i])
