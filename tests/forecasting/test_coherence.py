"""Draws add up, are not negative, and are as well calibrated as before or better."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.coherence import (
    Floats,
    ordered_by_errors,
    reconcile,
    reconciled_means,
    shrunk_covariance,
)
from forecasting.hierarchy import hierarchy
from forecasting.scoring import interval_coverage, wis
from forecasting.sharing import deal_out

NODES = ("R", "44", "49", "CHU", "SN", "A", "B")
PARENTS = {"44": "R", "49": "R", "CHU": "44", "SN": "44", "A": "49", "B": "49", "R": "FR"}
LEVELS = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])


def test_the_matrix_follows_parents_to_any_depth() -> None:
    """Three levels; a parent that is not among the nodes is ignored."""
    tree = hierarchy(NODES, PARENTS)
    assert tree.bottom == ("CHU", "SN", "A", "B")
    np.testing.assert_array_equal(
        tree.matrix,
        [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    )


def test_a_loop_or_a_repeated_node_is_refused() -> None:
    """With the codes in the message."""
    with pytest.raises(ValueError, match="a"):
        hierarchy(("a", "b", "c"), {"a": "b", "b": "a", "c": "a"})
    with pytest.raises(ValueError, match="44"):
        hierarchy(("44", "44"), {})


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["mint", "bottom_up"]), st.booleans(), st.booleans())
def test_sums_are_exact_and_nothing_is_negative(seed: int, method: str, whole: bool, rest: bool) -> None:
    """To 1e-9, for incoherent draws with many zeros, with and without a rest."""
    rng = np.random.default_rng(seed)
    tree = hierarchy(NODES, PARENTS, incomplete=("44",) if rest else ())
    draws = rng.poisson(rng.gamma(0.5, 4, (7, 1, 1)), (7, 5, 40)).astype(float)
    made = reconcile(draws, tree, method="mint" if method == "mint" else "bottom_up", whole=whole)
    assert made.shape == draws.shape
    assert (made >= 0).all()
    np.testing.assert_allclose(made[0], made[1] + made[2], rtol=0, atol=1e-9)
    np.testing.assert_allclose(made[2], made[5] + made[6], rtol=0, atol=1e-9)
    if rest:
        assert (made[1] - made[3] - made[4] >= -1e-9).all()
    else:
        np.testing.assert_allclose(made[1], made[3] + made[4], rtol=0, atol=1e-9)
    if whole:
        np.testing.assert_array_equal(made, np.round(made))


def test_coherent_draws_stay_as_they_are() -> None:
    """A projection leaves alone what already adds up."""
    rng = np.random.default_rng(0)
    tree = hierarchy(NODES, PARENTS)
    draws = np.einsum("nb,bhd->nhd", tree.matrix, rng.gamma(5, 2, (4, 3, 50)))
    np.testing.assert_allclose(reconcile(draws, tree), draws, atol=1e-6)


def test_mint_is_the_published_formula() -> None:
    """Against the dense formula on one draw, with the shrunk covariance."""
    rng = np.random.default_rng(1)
    tree = hierarchy(NODES, PARENTS)
    errors = tree.matrix @ rng.normal(0, 2, (4, 300)) + rng.normal(0, 1, (7, 300))
    draws = 50 + rng.normal(0, 1, (7, 1, 1))
    inverse = np.linalg.inv(shrunk_covariance(errors))
    s = tree.matrix
    bottom = np.linalg.inv(s.T @ inverse @ s) @ s.T @ inverse @ draws[:, 0, 0]
    made = reconcile(draws, tree, errors=errors, rng=rng)
    np.testing.assert_allclose(made[:, 0, 0], s @ bottom, rtol=1e-5)


def test_shrinkage_keeps_what_is_there_and_drops_what_is_not() -> None:
    """Independent errors: nearly diagonal; strongly tied ones: nearly kept; always positive definite."""
    rng = np.random.default_rng(2)
    noise = shrunk_covariance(rng.normal(size=(30, 25)))
    assert np.abs(noise - np.diag(np.diag(noise))).max() < 0.25
    tied = shrunk_covariance(rng.normal(size=(1, 400)) + 0.3 * rng.normal(size=(5, 400)))
    assert (tied / tied.max() > 0.7).all()
    assert np.linalg.eigvalsh(noise).min() > 0


def test_reordering_keeps_each_node_and_ties_them() -> None:
    """Same draws of each node; ranks across nodes follow past errors."""
    rng = np.random.default_rng(3)
    common = rng.normal(size=(1, 200))
    errors = common + 0.2 * rng.normal(size=(3, 200))
    draws = rng.normal(size=(3, 4, 500))
    made = ordered_by_errors(draws, errors, rng)
    np.testing.assert_allclose(np.sort(made, axis=2)[:, 0], np.sort(draws, axis=2)[:, 0])
    assert np.corrcoef(made.sum(axis=1))[0, 1] > 0.85


def _simulated(cases: int, seed: int) -> tuple[Floats, Floats]:
    """Truths (node, case) and node-by-node draws (node, case, draw), each calibrated alone."""
    rng = np.random.default_rng(seed)
    tree = hierarchy(NODES, PARENTS)
    spread = tree.matrix @ np.full(4, 1.0)
    scale = 4 * np.sqrt(spread)[:, None]
    bottom = 60 + 8 * rng.normal(size=(1, cases)) + 8 * rng.normal(size=(4, cases))
    truth = tree.matrix @ bottom
    seen = truth + scale * rng.normal(size=truth.shape)
    draws = seen[:, :, None] + scale[:, :, None] * rng.normal(size=(*truth.shape, 400))
    return truth, draws


def test_calibration_is_not_worsened_and_the_score_improves() -> None:
    """400 cases; errors of another 400 give the weights."""
    tree, rng = hierarchy(NODES, PARENTS), np.random.default_rng(4)
    past, past_draws = _simulated(400, 5)
    errors = past - np.median(past_draws, axis=2)
    truth, draws = _simulated(400, 6)
    made = np.stack(
        [reconcile(draws[:, [i]], tree, errors=errors, rng=rng)[:, 0] for i in range(400)], axis=1
    )
    before, after = (np.moveaxis(np.quantile(d, LEVELS, axis=2), 0, -1) for d in (draws, made))
    assert wis(after, LEVELS, truth).mean() < 0.97 * wis(before, LEVELS, truth).mean()
    for nominal in (0.5, 0.8, 0.95):
        was = interval_coverage(before, LEVELS, truth, nominal).mean(axis=1)
        now = interval_coverage(after, LEVELS, truth, nominal).mean(axis=1)
        assert np.abs(now - nominal).max() < np.abs(was - nominal).max() + 0.05


def test_what_does_not_belong_is_refused() -> None:
    """Draws of another number of nodes; errors without a generator."""
    tree = hierarchy(NODES, PARENTS)
    with pytest.raises(ValueError, match="7 nodes"):
        reconcile(np.zeros((3, 2, 2)), tree)
    with pytest.raises(ValueError, match="rng"):
        reconcile(np.zeros((7, 2, 2)), tree, errors=np.random.default_rng(0).normal(size=(7, 30)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from([0.0, 0.2, 3.0, 500.0]), st.booleans())
def test_every_draw_is_dealt_out_whole(seed: int, children: int, level: float, counts: bool) -> None:
    """Exactly for counts, to rounding error for anything else; nobody gets less than nothing."""
    rng = np.random.default_rng(seed)
    parent = rng.gamma(0.7, level + 1e-9, (5, 40))
    parent = np.round(parent) if counts else parent
    parts = rng.poisson(rng.gamma(0.5, 2.0 * level, (children, 5, 1)), (children, 5, 40)).astype(float)
    made = deal_out(parent, parts)
    assert (made >= 0).all()
    if counts:
        np.testing.assert_array_equal(made.sum(axis=0), parent)
        np.testing.assert_array_equal(made, np.round(made))
    else:
        np.testing.assert_allclose(made.sum(axis=0), parent, rtol=1e-12)


def test_dealing_out_what_adds_up_changes_nothing() -> None:
    """The children's draws are the answer already; shapes that do not fit are refused."""
    parts = np.random.default_rng(0).poisson(7.0, (3, 4, 50)).astype(float)
    np.testing.assert_array_equal(deal_out(parts.sum(axis=0), parts), parts)
    with pytest.raises(ValueError, match="shape"):
        deal_out(np.zeros((4, 50)), np.zeros((3, 4, 20)))


def test_shares_of_a_poisson_count_are_as_uncertain_as_counts() -> None:
    """Dealing a calibrated whole by uncertain shares leaves each part its own counting noise."""
    rng = np.random.default_rng(1)
    parts = rng.poisson(np.array([30.0, 10.0])[:, None, None], (2, 1, 40_000)).astype(float)
    made = deal_out(rng.poisson(40.0, (1, 40_000)).astype(float), parts)
    np.testing.assert_allclose(made.mean(axis=2)[:, 0], [30.0, 10.0], rtol=0.02)
    np.testing.assert_allclose(made.var(axis=2)[:, 0], [30.0, 10.0], rtol=0.06)


def test_expectations_are_reconciled_as_draws_are() -> None:
    """One draw of each node is its expectation; too few past times are refused by None."""
    rng = np.random.default_rng(2)
    tree = hierarchy(("R", "a", "b"), {"a": "R", "b": "R"})
    errors = tree.matrix @ rng.normal(0, 2, (2, 60)) + rng.normal(0, 1, (3, 60))
    means = np.array([50.0, 20.0, 24.0])
    agreed = reconciled_means(means, tree, errors)
    assert agreed is not None
    np.testing.assert_allclose(
        agreed, reconcile(means[:, None, None], tree, errors=errors, rng=rng)[1:, 0, 0]
    )
    assert 44.0 < agreed.sum() < 50.0
    assert reconciled_means(means, tree, errors[:, :19]) is None
