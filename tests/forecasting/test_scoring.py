"""Scores against values worked out by hand from the published definitions, and against their invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from forecasting import draw_scoring, relative_scoring, scoring

LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
QUANTILES = np.array([[-1.0, 0.0, 1.0, 2.0, 3.0], [-2.0, 1.0, 2.0, 2.0, 4.0], [-2.0, 0.0, 3.0, 3.0, 4.0]])
OBSERVED = np.array([1.0, -15.0, 22.0])
HUB_LEVELS = np.array([0.01, 0.025, *np.arange(0.05, 0.951, 0.05), 0.975, 0.99])


def test_wis_agrees_with_the_worked_example_of_scoringutils() -> None:
    """The example of scoringutils' own tests (``wis is correct, 2 intervals and median``), by hand.

    Row 1: (0.5*0 + 0.1*4 + 0.25*2) / 2.5; row 2: (0.5*17 + 0.1*6 + 13 + 0.25*1 + 16) / 2.5;
    row 3: (0.5*19 + 0.1*6 + 18 + 0.25*3 + 19) / 2.5.
    """
    expected = np.array([0.9 / 2.5, 38.35 / 2.5, 47.85 / 2.5])
    np.testing.assert_allclose(scoring.wis(QUANTILES, LEVELS, OBSERVED), expected, rtol=0, atol=1e-9)


def test_wis_of_one_interval_and_of_the_median_alone() -> None:
    """Further examples of scoringutils: the 80 % interval alone, then the median alone."""
    ends = QUANTILES[:, [0, 4]]
    np.testing.assert_allclose(
        scoring.wis(ends, [0.1, 0.9], OBSERVED), [0.4, 0.1 * 6 + 13, 0.1 * 6 + 18], rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(
        scoring.wis(QUANTILES[:, [2]], [0.5], OBSERVED), [0.0, 17.0, 19.0], rtol=0, atol=1e-9
    )


def test_parts_by_hand_and_their_sum() -> None:
    """Row 2 is observed below everything (overprediction), row 3 above (underprediction)."""
    parts = scoring.wis_parts(QUANTILES, LEVELS, OBSERVED)
    np.testing.assert_allclose(parts.dispersion, np.array([0.9, 0.85, 1.35]) / 2.5, rtol=0, atol=1e-9)
    np.testing.assert_allclose(parts.overprediction, [0.0, (8.5 + 13 + 16) / 2.5, 0.0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(parts.underprediction, [0.0, 0.0, (9.5 + 18 + 19) / 2.5], rtol=0, atol=1e-9)
    total = parts.dispersion + parts.overprediction + parts.underprediction
    np.testing.assert_allclose(parts.wis, total, rtol=0, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(-50, 50))
def test_wis_is_the_mean_of_twice_the_pinball_loss(seed: int, truth: float) -> None:
    """The published identity, on random quantiles at the 23 hub levels."""
    quantiles = np.sort(np.random.default_rng(seed).normal(0, 20, HUB_LEVELS.size))
    pinball = np.where(
        truth < quantiles, (1 - HUB_LEVELS) * (quantiles - truth), HUB_LEVELS * (truth - quantiles)
    )
    assert scoring.wis(quantiles, HUB_LEVELS, truth) == pytest.approx(2 * pinball.mean(), abs=1e-9)


def test_wis_tends_to_the_crps_with_many_levels() -> None:
    """A standard normal observed at 0.3 against its closed-form CRPS."""
    levels = np.arange(1, 4000) / 4000
    y = 0.3
    closed = y * (2 * stats.norm.cdf(y) - 1) + 2 * stats.norm.pdf(y) - 1 / np.sqrt(np.pi)
    assert float(scoring.wis(stats.norm.ppf(levels), levels, y)) == pytest.approx(closed, abs=2e-3)


def test_log_scale_is_the_score_of_the_shifted_logarithm() -> None:
    """By hand: 80 % interval [1, 7], observed 3: 0.1 * log(8/2)."""
    score = scoring.log_wis(np.array([1.0, 7.0]), [0.1, 0.9], 3.0)
    assert float(score) == pytest.approx(0.1 * np.log(4.0), abs=1e-12)


def test_an_unknown_observation_has_an_unknown_score() -> None:
    """NaN must not be averaged as a perfect score."""
    parts = scoring.wis_parts(QUANTILES[:1], LEVELS, np.array([np.nan]))
    for value in (parts.wis, parts.dispersion, parts.overprediction, parts.underprediction):
        assert np.isnan(value).all()
    assert np.isnan(scoring.interval_coverage(QUANTILES[:1], LEVELS, np.array([np.nan]), 0.8)).all()


@pytest.mark.parametrize("levels", [[0.1, 0.5, 0.8, 0.9, 0.95], [0.9, 0.75, 0.5, 0.25, 0.1], [0.1, 0.5, 0.9]])
def test_levels_that_cannot_be_scored_are_refused(levels: list[float]) -> None:
    """Unpaired, decreasing, and too few levels."""
    with pytest.raises(ValueError, match="level"):
        scoring.wis(QUANTILES, levels, OBSERVED)


def test_coverage_and_error_of_the_median() -> None:
    """Bounds count as inside."""
    inside = scoring.interval_coverage(QUANTILES, LEVELS, np.array([3.0, 2.0, 5.0]), 0.8)
    np.testing.assert_array_equal(inside, [1.0, 1.0, 0.0])
    np.testing.assert_allclose(scoring.absolute_error_of_median(QUANTILES, LEVELS, OBSERVED), [0, 17, 19])
    with pytest.raises(ValueError, match=r"0\.025"):
        scoring.interval_coverage(QUANTILES, LEVELS, OBSERVED, 0.95)


def test_pit_of_calibrated_counts_is_uniform() -> None:
    """Poisson draws with a small mean: only the randomised PIT is uniform."""
    rng = np.random.default_rng(4)
    draws, observed = rng.poisson(1.5, (4000, 200)), rng.poisson(1.5, 4000)
    pit = draw_scoring.pit_of_draws(draws, observed, rng)
    assert stats.kstest(pit, "uniform").pvalue > 0.01
    quantiles = stats.poisson.ppf(HUB_LEVELS, 40.0)
    many = rng.poisson(40.0, 4000)
    read = scoring.pit_of_quantiles(np.broadcast_to(quantiles, (4000, 23)), HUB_LEVELS, many, rng)
    assert abs(read.mean() - 0.5) < 0.02
    assert stats.kstest(read, "uniform").statistic < 0.06


def test_pit_of_quantiles_places_ties_and_tails() -> None:
    """Between two quantiles, on one, on several at zero, and beyond the last."""
    levels = np.array([0.1, 0.5, 0.9])
    quantiles = np.array([[0.0, 10.0, 20.0], [0.0, 10.0, 20.0], [0.0, 0.0, 20.0], [0.0, 10.0, 20.0]])
    pit = scoring.pit_of_quantiles(quantiles, levels, np.array([5.0, 10.0, 0.0, 30.0]))
    np.testing.assert_allclose(pit, [0.3, 0.5, 0.25, 0.95])


def test_crps_of_draws_against_the_double_sum() -> None:
    """Sorted form equals the definition, plain and fair."""
    rng = np.random.default_rng(1)
    draws, y = rng.gamma(2, 3, (5, 40)), rng.gamma(2, 3, 5)
    pairs = np.abs(draws[:, :, None] - draws[:, None, :]).sum(axis=(1, 2))
    error = np.abs(draws - y[:, None]).mean(axis=1)
    np.testing.assert_allclose(draw_scoring.crps_of_draws(draws, y), error - pairs / (2 * 40 * 40))
    np.testing.assert_allclose(draw_scoring.crps_of_draws(draws, y, fair=True), error - pairs / (2 * 40 * 39))


def test_relative_scores_on_common_tasks_by_hand() -> None:
    """Three models, one with a gap: ratios from common tasks only, then geometric means as scoringutils."""
    scores = np.array([[1.0, 1.0, 4.0], [2.0, 2.0, np.nan], [1.0, 4.0, 4.0]])
    ratios = np.array([[1, 2 / 4, 6 / 9], [2, 1, 4 / 5], [9 / 6, 5 / 4, 1]])
    np.testing.assert_allclose(relative_scoring.pairwise_ratios(scores), ratios)
    means = np.prod(ratios, axis=1) ** (1 / 3)
    np.testing.assert_allclose(relative_scoring.relative_scores(scores), means, atol=1e-12)
    np.testing.assert_allclose(
        relative_scoring.relative_scores(scores, baseline=2), means / means[2], atol=1e-12
    )
    assert relative_scoring.ratio_of_sums(scores[1], scores[2]) == pytest.approx(4 / 5)
