"""Nowcasts against a generator whose delays are known, against the future, and on real vintages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecasting.nowcast import (
    estimate_completeness,
    nowcast,
    nowcast_report,
    nowcast_tail,
    nowcast_without_triangle,
    triangle_of_revisions,
    triangle_of_vintages,
)
from forecasting.nowcast.triangle import Dates, Floats, ReportingTriangle

DELAYS = np.array([0.4, 0.25, 0.15, 0.1, 0.05, 0.03, 0.02])
START = np.datetime64("2021-01-04")


def simulated(
    steps: int = 90, level: float = 60.0, people: int = 6, seed: int = 0, probabilities: Floats = DELAYS
) -> tuple[ReportingTriangle, Floats]:
    """Make a daily triangle as known at its last date, and the final values; counts arrive by known delays."""
    rng = np.random.default_rng(seed)
    wave = level * np.exp(0.5 * np.sin(np.arange(steps) / 12.0))[:, None] * np.linspace(0.3, 1.7, people)
    final = rng.poisson(wave)
    arrivals = rng.multinomial(final, probabilities)
    cumulative = arrivals.cumsum(axis=-1).transpose(0, 2, 1).astype(float)
    dates = START + np.arange(steps)
    whole = ReportingTriangle(dates, tuple(f"p{i}" for i in range(people)), cumulative, steps * 2)
    return whole.as_known(steps - 1), final.astype(float)


def test_known_delays_are_recovered() -> None:
    """Within two points at each delay, from 90 days of six territories."""
    triangle, _ = simulated()
    curve = estimate_completeness(triangle, half_life=1e9)
    np.testing.assert_allclose(curve.pooled, DELAYS.cumsum(), atol=0.02)
    np.testing.assert_allclose(curve.delay_probabilities, DELAYS, atol=0.02)
    assert curve.delay_probabilities.sum() == pytest.approx(1.0)


def test_a_complete_triangle_gives_the_chain_ladder() -> None:
    """Seen every day, one territory, no fading, no pseudo-counts: products of column ratios, by hand."""
    values = np.array([[10.0, 15.0, 20.0], [20.0, 30.0, np.nan], [12.0, np.nan, np.nan]])[:, :, None]
    triangle = ReportingTriangle(START + np.arange(3), ("a",), values, 2)
    curve = estimate_completeness(triangle, half_life=1e12, pseudo_count=0.0)
    first, second = (15 + 30) / (10 + 20), 20 / 15
    expected = [1 / (first * second), 1 / second, 1.0]
    np.testing.assert_allclose(curve.pooled, expected, atol=1e-6)
    np.testing.assert_allclose(curve.by_territory[:, 0], expected, atol=1e-6)


def test_irregular_extracts_recover_the_same_delays() -> None:
    """Only every fifth or sixth day an extract is taken, as in public files."""
    triangle, _ = simulated(steps=160)
    taken = np.cumsum([5, 6] * 14)
    time, delay = np.ogrid[:160, : DELAYS.size]
    seen = np.isin(time + delay, taken) | (delay == DELAYS.size - 1)
    values = np.where(seen[:, :, None], triangle.cumulative, np.nan)
    sparse = ReportingTriangle(triangle.dates, triangle.territories, values, int(taken[-1]))
    curve = estimate_completeness(sparse.as_known(int(taken[-1])), half_life=1e9)
    np.testing.assert_allclose(curve.pooled, DELAYS.cumsum(), atol=0.03)


def test_a_thin_territory_stays_near_the_pooled_curve_and_a_rich_one_does_not() -> None:
    """Two territories report twice as late; only the one with counts may say so."""
    fast, _ = simulated(level=200, people=4, seed=1)
    slow, _ = simulated(level=200, people=2, seed=2, probabilities=np.full(7, 1 / 7))
    thin = slow.cumulative.copy()
    thin[:, :, 0] = np.floor(thin[:, :, 0] / 150)
    both = ReportingTriangle(
        fast.dates, tuple("abcdef"), np.concatenate([fast.cumulative, thin], axis=2), fast.edge
    )
    curve = estimate_completeness(both, half_life=1e9)
    assert abs(curve.by_territory[0, 5] - 1 / 7) < 0.03
    assert abs(curve.by_territory[0, 4] - curve.pooled[0]) < abs(curve.by_territory[0, 4] - 1 / 7)


def test_weekday_of_report_is_used_when_it_helps() -> None:
    """Nothing is reported on Saturdays and Sundays: the delay depends on the weekday of the date."""
    triangle, final = simulated(steps=120, level=100)
    time, delay = np.ogrid[:120, : DELAYS.size]
    closed = np.isin((time + delay) % 7, [5, 6])
    values = np.where(closed[:, :, None], np.nan, triangle.cumulative)
    for d in range(1, DELAYS.size):
        values[:, d] = np.where(np.isnan(values[:, d]), values[:, d - 1], values[:, d])
    values[:, 0] = np.nan_to_num(values[:, 0])
    values[:, -1] = triangle.cumulative[:, -1]
    made = nowcast(
        ReportingTriangle(triangle.dates, triangle.territories, np.nan_to_num(values), 200).as_known(116),
        np.random.default_rng(0),
    )
    assert made.tuning is not None
    assert made.tuning.use_weekday
    assert np.abs(made.expected - final[np.isin(triangle.dates, made.dates)]).mean() < 12.0


def test_draws_are_calibrated_joint_and_never_under_zero() -> None:
    """Eighty per cent intervals of the last six dates over 20 simulations, and of their sums."""
    inside, inside_sum, error, naive = [], [], 0.0, 0.0
    for seed in range(20):
        triangle, final = simulated(seed=seed)
        made = nowcast(triangle, np.random.default_rng(seed), draws=400)
        truth = final[-made.dates.size :]
        assert np.isfinite(made.draws).all()
        assert (made.draws >= 0).all()
        low, high = np.quantile(made.draws, [0.1, 0.9], axis=0)
        inside.append((truth >= low) & (truth <= high))
        low, high = np.quantile(made.draws.sum(axis=1), [0.1, 0.9], axis=0)
        inside_sum.append((truth.sum(axis=0) >= low) & (truth.sum(axis=0) <= high))
        error += np.abs(np.median(made.draws, axis=0) - truth).sum()
        naive += np.abs(made.reported - truth).sum()
    assert np.mean(inside) == pytest.approx(0.82, abs=0.06)
    assert np.mean(inside_sum) == pytest.approx(0.8, abs=0.12)
    assert error < 0.4 * naive


def test_what_becomes_known_later_changes_nothing() -> None:
    """Poisoned future: vintages after the moment may hold anything."""
    triangle, _ = simulated(steps=60)
    rows = [
        (triangle.dates[t] + d, triangle.dates[t], code, triangle.cumulative[t, d, p])
        for t in range(60) for d in range(7) for p, code in enumerate(triangle.territories)
        if np.isfinite(triangle.cumulative[t, d, p])
    ]  # fmt: skip
    clean = pd.DataFrame(rows, columns=["as_of", "date", "territory", "value"])
    poisoned = clean.copy()
    late = poisoned["as_of"] > pd.Timestamp("2021-02-15")
    poisoned.loc[late, "value"] = 1e6
    made = [
        nowcast(triangle_of_vintages(frame, "2021-02-15", max_delay=6), np.random.default_rng(3))
        for frame in (clean, poisoned)
    ]
    np.testing.assert_array_equal(made[0].draws, made[1].draws)


def test_a_sender_that_sent_nothing_is_not_a_territory_without_patients() -> None:
    """A zero reported on the newest date of a territory of sixty a day."""
    triangle, _ = simulated()
    values = triangle.cumulative.copy()
    values[-1, 0, 3] = 0.0
    made = nowcast(ReportingTriangle(triangle.dates, triangle.territories, values, triangle.edge), _rng())
    assert made.expected[-1, 3] > 15.0
    assert np.quantile(made.draws[:, -1, 3], 0.9) > 20.0


def test_revisions_stand_until_the_next() -> None:
    """A value of day 0 said on day 1 and corrected on day 3, read as of day 4 and as of day 2."""
    args = ([START, START, START + 1], [START + 1, START + 3, START + 2], ["a", "a", "a"], [5.0, 8.0, 7.0])
    now = triangle_of_revisions(*args, START + 4, max_delay=5)
    np.testing.assert_array_equal(now.cumulative[0, :, 0], [np.nan, 5, 5, 8, 8, np.nan])
    before = triangle_of_revisions(*args, START + 2, max_delay=5)
    np.testing.assert_array_equal(before.cumulative[0, :, 0], [np.nan, 5, 5, np.nan, np.nan, np.nan])
    value, delay = now.newest()
    assert (value[1, 0], delay[1, 0]) == (7.0, 3)


def test_without_a_triangle_it_says_on_what_it_rests() -> None:
    """A curve from elsewhere scales, a usual delay hides, nothing leaves as is."""
    reported, dates = np.full((4, 2), 50.0), START + np.arange(4)
    ages = np.array([3, 2, 1, 0])
    pooled = nowcast_without_triangle(
        reported, dates, ("a", "b"), ages, _rng(), completeness=np.array([0.5, 1.0])
    )
    assert pooled.basis == "pooled"
    np.testing.assert_allclose(pooled.expected[-1], 50 + 50.5 / 0.5 * 0.5)
    assert (pooled.draws[:, -1] >= 50).all()
    assumed = nowcast_without_triangle(reported, dates, ("a", "b"), ages, _rng(), usual_delay=2)
    assert assumed.basis == "assumed"
    assert np.isnan(assumed.draws[:, 2:]).all()
    assert np.isfinite(assumed.draws[:, :2]).all()
    identity = nowcast_without_triangle(reported, dates, ("a", "b"), ages, _rng())
    assert identity.basis == "identity"
    assert (identity.draws == 50).all()


def test_a_first_extract_teaches_no_delay() -> None:
    """One snapshot only: as reported and flagged, or the curve of a like signal."""
    triangle, _ = simulated()
    time, delay = np.ogrid[:90, : DELAYS.size]
    once = np.where((time + delay == 89)[:, :, None], triangle.cumulative, np.nan)
    first = ReportingTriangle(triangle.dates, triangle.territories, once, 89)
    alone = nowcast(first, _rng())
    assert alone.basis == "identity"
    np.testing.assert_array_equal(alone.expected, alone.reported)
    helped = nowcast(first, _rng(), elsewhere=estimate_completeness(triangle))
    assert helped.basis == "pooled"
    assert helped.expected[-1].mean() > 1.5 * helped.reported[-1].mean()


def test_rates_get_a_multiplicative_error() -> None:
    """Values that are no counts stay off the whole numbers and around the expected value."""
    triangle, final = simulated()
    rates = ReportingTriangle(triangle.dates, triangle.territories, triangle.cumulative / 7.3, triangle.edge)
    made = nowcast(rates, _rng())
    assert not np.allclose(made.draws, np.round(made.draws))
    assert np.abs(np.median(made.draws, axis=0) / (final[-made.dates.size :] / 7.3) - 1).mean() < 0.2


@pytest.mark.parametrize("unit", [1.0, 137.3], ids=["counts", "rates"])
def test_weekly_reports_with_missing_senders_are_nowcast_and_calibrated(unit: float) -> None:
    """Fifty territories in one wave, as counts and as rates: half the naive error, intervals that hold."""
    inside, error, naive = [], 0.0, 0.0
    for seed, now in ((0, 50), (1, 60), (2, 70)):
        frame, dates, final, reported = _weekly_reports(seed, now, unit)
        codes = tuple(sorted(frame["territory"].unique()))
        made = nowcast_tail(frame, dates, codes, ("x",), dates[-1] + 9, _rng(), freq="W")
        assert made is not None
        newest = made[:, -3:, :, 0]
        low, middle, high = np.quantile(newest, [0.1, 0.5, 0.9], axis=0)
        inside.append((final >= low) & (final <= high))
        error, naive = error + np.abs(middle - final).sum(), naive + np.abs(reported - final).sum()
    assert 0.68 < np.mean(inside) < 0.95
    assert error < 0.6 * naive


def _weekly_reports(seed: int, now: int, unit: float) -> tuple[pd.DataFrame, Dates, Floats, Floats]:
    rng = np.random.default_rng(seed)
    weeks, people = now + 4, 50
    dates = START + 7 * np.arange(weeks)
    wave = np.exp(1.5 * np.sin(np.arange(weeks) / 8.0))[:, None]
    final = rng.poisson(np.linspace(5, 400, people) * wave).astype(float)
    share = np.array([0.9, 0.97, 0.99, 1.0])[None, :, None] * np.exp(
        rng.normal(0, 0.03, (weeks, 4, people)) * np.array([1.0, 0.5, 0.3, 0.0])[None, :, None]
    )
    share[:, 0] *= np.where(rng.random((weeks, people)) < 0.05, 0.5, 1.0)
    seen = np.round(final[:, None] * share)
    rows = [
        (f"{p:02d}", dates[t], "x", seen[t, d, p] / unit, dates[t] + 7 + 7 * d + 2)
        for t in range(weeks) for d in range(4) for p in range(people)
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["territory", "date", "signal", "value", "reported_at"])
    newest = np.stack([seen[now - 2, 2], seen[now - 1, 1], seen[now, 0]]) / unit
    return frame, dates[: now + 1], final[now - 2 : now + 1] / unit, newest


def test_daily_vintages_make_weekly_triangles() -> None:
    """A week counts once it is over, by the extract's whole weeks since."""
    days = START + np.arange(14)
    frame = pd.DataFrame(
        [(a, d, "a", 1.0) for a in (START + 8, START + 16) for d in days if d < a],
        columns=["as_of", "date", "territory", "value"],
    )
    triangle = triangle_of_vintages(frame, START + 16, max_delay=2, freq="W", align_newest=False)
    np.testing.assert_array_equal(triangle.dates, [START, START + 7])
    np.testing.assert_array_equal(triangle.cumulative[:, :, 0], [[7, 7, np.nan], [7, np.nan, np.nan]])


def test_a_missing_column_is_named() -> None:
    """The person reading the message can mend the frame."""
    with pytest.raises(ValueError, match="territory"):
        triangle_of_vintages(pd.DataFrame({"as_of": [], "date": [], "value": []}), "2021-01-01")


def _revisions(steps: int = 60) -> pd.DataFrame:
    triangle, _ = simulated(steps=steps)
    rows = [
        (code, triangle.dates[t], "ed", triangle.cumulative[t, d, p], triangle.dates[t] + d)
        for t in range(steps) for d in range(7) for p, code in enumerate(triangle.territories)
        if np.isfinite(triangle.cumulative[t, d, p])
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["territory", "date", "signal", "value", "reported_at"])


def test_a_frame_with_revisions_gives_draws_for_the_panels_tail() -> None:
    """The revised signal's newest days grow, the other signal and unreported days are left to others."""
    frame = _revisions()
    still = frame.drop_duplicates(["territory", "date"], keep="last").assign(signal="calls")
    both = pd.concat([frame, still], ignore_index=True)
    dates = START + np.arange(62)
    codes = tuple(sorted(frame["territory"].unique()))
    made = nowcast_tail(both, dates, codes, ("calls", "ed"), dates[-1] - 2, _rng(), draws=50)
    assert made is not None
    assert made.shape == (50, 15, 6, 2)
    assert np.isnan(made[..., 0]).all()
    assert np.isnan(made[:, -2:]).all()
    assert np.isfinite(made[:, :-2, :, 1]).all()
    newest = frame.loc[frame["date"] == pd.Timestamp(dates[-3]), "value"].to_numpy()
    assert np.median(made[:, -3, :, 1], axis=0).mean() > 1.8 * newest.mean()


def test_the_tail_never_reads_what_was_reported_later() -> None:
    """Poisoned future again, through the frame; and no revisions, no tail."""
    frame = _revisions()
    poisoned = frame.copy()
    poisoned.loc[poisoned["reported_at"] > pd.Timestamp("2021-02-10"), "value"] = 1e6
    dates = START + np.arange(38)
    codes = tuple(sorted(frame["territory"].unique()))
    clean, dirty = (nowcast_tail(f, dates, codes, ("ed",), "2021-02-10", _rng()) for f in (frame, poisoned))
    np.testing.assert_array_equal(clean, dirty)
    final = frame.drop_duplicates(["territory", "date"], keep="last")
    assert nowcast_tail(final, dates, codes, ("ed",), "2021-02-10", _rng()) is None
    assert (
        nowcast_tail(final.drop(columns="reported_at"), dates, codes, ("ed",), "2021-02-10", _rng()) is None
    )


@pytest.mark.reference_data
def test_real_vintages_are_nowcast_better_than_taken_as_reported(reference_data: Path) -> None:
    """COVID emergency visits of 101 départements: score under two thirds of the reports' at face value."""
    vintages = _series(reference_data / "sursaud_departement_vintages.csv.gz", ["as_of", "date"])
    truth = _series(reference_data / "sursaud_departement_daily.csv.gz", ["date"])
    moments = [
        "2020-04-28",
        "2020-05-17",
        "2020-06-19",
        "2020-09-10",
        "2020-10-23",
        "2020-12-22",
        "2021-02-03",
    ]
    report = nowcast_report(vintages, truth, moments, _rng())
    whole, second = report.to_dict("index")["all"], report.to_dict("index")["2"]
    assert whole["relative_wis"] < 0.72
    assert whole["relative_mae"] < 0.93
    assert second["relative_wis"] < 0.65
    assert abs(whole["bias"]) < abs(whole["bias_naive"])
    assert 0.88 < whole["coverage_95"] < 0.98


def _series(path: Path, keys: list[str]) -> pd.DataFrame:
    frame = pd.read_csv(path, dtype={"dep": str}, usecols=[*keys, "dep", "ed_covid"])
    return frame.rename(columns={"dep": "territory", "ed_covid": "value"})


def _rng() -> np.random.Generator:
    return np.random.default_rng(11)
