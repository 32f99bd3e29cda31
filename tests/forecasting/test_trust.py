"""Trust by simulation: few false flags in quiet seasons, breaks flagged within a week.

The simulated forecaster is an ordinary one: level of the last week times damped growth, negative-binomial
errors whose size it learns from its own past errors. Seeds here were never used to set the bounds of the
monitors.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from api.texts import has, say
from forecasting.draw_scoring import pit_of_draws
from forecasting.trust import (
    BETS,
    Cause,
    TrustState,
    advance,
    assess,
    initial_state,
    standardised_residual,
    unheard_growth,
)
from forecasting.trust.bets import Floats, density_of_bets, slackened

WEEKDAYS = np.array([1.1, 1.05, 1.0, 1.0, 1.0, 0.8, 0.75])
LEVELS = np.array([0.1, 0.5, 0.9])
WARM_UP = 60
Break = Callable[[int], float]


@dataclass(frozen=True)
class Season:
    """PIT and residuals by day and territory (the last one is the sum of the others), and the day of the break."""

    pit: Floats
    residual: Floats
    week_residual: Floats
    break_day: int


def season(seed: int, quiet_days: int, regime: Break | None = None, people: int = 12) -> Season:
    """Simulate counts with slow waves, then perhaps another regime, and forecast them as they come."""
    rng = np.random.default_rng(seed)
    break_day = WARM_UP + quiet_days
    days = break_day + (8 if regime else 0)
    growth = np.zeros((days, people))
    for t in range(1, days):
        growth[t] = 0.95 * growth[t - 1] + rng.normal(0, 0.012, people)
    path = growth.cumsum(axis=0)
    weekday = WEEKDAYS[np.arange(days) % 7][:, None]
    rate = np.linspace(6, 90, people) * np.exp(1.2 * np.tanh((path - path.mean(axis=0)) / 1.2)) * weekday
    for t in range(break_day, days):
        rate[t] *= regime(t - break_day + 1) if regime else 1.0
    counts = rng.poisson(rate * rng.gamma(20, 1 / 20, rate.shape)).astype(float)
    counts = np.column_stack([counts, counts.sum(axis=1)])
    pit, residual = _forecast(counts, weekday, 1, rng)
    _, week = _forecast(counts, weekday, 7, rng)
    return Season(pit, residual, week, break_day)


def _forecast(counts: Floats, weekday: Floats, ahead: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    total = np.concatenate([np.zeros((1, counts.shape[1])), (counts / weekday).cumsum(axis=0)])
    pit, residual = np.full(counts.shape, np.nan), np.full(counts.shape, np.nan)
    errors: list[Floats] = []
    for t in range(28 + ahead, counts.shape[0]):
        origin = t - ahead + 1
        now, before = (total[origin] - total[origin - 7]) / 7, (total[origin - 7] - total[origin - 14]) / 7
        mean = now * np.clip((now + 0.5) / (before + 0.5), 0.6, 1.6) ** ((ahead + 3) / 14) * weekday[t]
        known = errors[: max(len(errors) - ahead, 0)][-60:]
        size = 1 / max(float(np.mean(known)), 0.01) if len(known) > 5 else 10.0
        draws = rng.negative_binomial(size, size / (size + np.maximum(mean, 0.05)), (200, mean.size)).T
        pit[t] = pit_of_draws(draws, counts[t], rng)
        residual[t] = standardised_residual(np.quantile(draws, LEVELS, axis=1).T, LEVELS, counts[t])
        errors.append(((counts[t] - mean) ** 2 - mean) / np.maximum(mean, 1) ** 2)
    return pit, residual


def watch(played: Season, start: int, end: int) -> tuple[np.ndarray, TrustState]:
    """Give flags by day and territory from one day to another."""
    codes = [f"p{i}" for i in range(played.pit.shape[1] - 1)] + ["all"]
    state, flags = initial_state(codes), []
    for t in range(start, end):
        state = advance(state, played.pit[t], played.residual[t], played.week_residual[t])
        flags.append(state.flagged)
    return np.array(flags), state


def test_at_most_one_false_flag_per_territory_in_180_quiet_days() -> None:
    """Five seasons of thirteen territories; and seldom any at all."""
    raised = []
    for seed in range(1000, 1005):
        flags, _ = watch(season(seed, 180), WARM_UP, WARM_UP + 180)
        raised.append((flags[1:] & ~flags[:-1]).sum(axis=0))
    assert np.max(raised) <= 1
    assert np.mean(raised) < 0.2


@pytest.mark.parametrize(
    ("regime", "causes"),
    [
        (lambda day: 2 ** (day / 3), {"trust.forecast_too_low"}),
        (lambda day: 0.05, {"trust.forecast_too_high"}),
    ],
    ids=["doubling every three days", "reports collapse"],
)
def test_a_regime_break_is_flagged_within_a_week(regime: Break, causes: set[str]) -> None:
    """The sum of all in every season, most territories by themselves, all of them through the sum."""
    alone = []
    for seed in range(2000, 2004):
        played = season(seed, 60, regime)
        flags, state = watch(played, WARM_UP, played.break_day + 7)
        assert flags[-7:, -1].any()
        alone.append(flags[-7:, :-1].any(axis=0))
        verdicts = assess(state, sums={"all": state.territories[:-1]})
        assert all(verdict.state != "ok" for verdict in verdicts.values())
        assert {cause.key for cause in verdicts["all"].causes} <= causes
        assert verdicts["all"].widen > 1.15
    assert np.mean(alone) > 0.5


def test_nonsense_breaks_trust_and_falls_back_within_days() -> None:
    """A truth ten standard deviations off for four days."""
    state = initial_state(["a", "b"])
    for _ in range(4):
        state = advance(state, np.array([0.998, 0.5]), np.array([10.0, 0.1]), np.array([10.0, 0.1]))
    verdicts = assess(state)
    assert verdicts["a"].state == "broken"
    assert verdicts["a"].fallback
    assert verdicts["a"].widen > 1.5
    assert verdicts["b"].state == "ok"
    assert (verdicts["b"].widen, verdicts["b"].fallback, verdicts["b"].causes) == (1.0, False, ())


def right(rng: np.random.Generator, people: int) -> tuple[Floats, Floats, Floats]:
    """Return what a calibrated forecaster sees on a day."""
    return rng.random(people), rng.normal(size=people), rng.normal(size=people)


def wrong(people: int, z: float = 5.0) -> tuple[Floats, Floats, Floats]:
    """Return what one sees that is too low by some standard deviations."""
    return np.full(people, 0.995), np.full(people, z), np.full(people, z)


def test_trust_comes_back_a_step_at_a_time_once_forecasts_are_right() -> None:
    """Broken, then right again: degraded for a week at least, then ok, all within a month, and no flag after it."""
    rng = np.random.default_rng(3)
    state = initial_state([f"p{i}" for i in range(50)])
    for _ in range(8):
        state = advance(state, *wrong(50))
    assert (state.standing == 2).all()
    path = []
    for _ in range(60):
        state = advance(state, *right(rng, 50))
        path.append(state.standing)
    standing = np.array(path)
    assert (np.diff(standing, axis=0) >= -1).all()
    broken, degraded = (standing == 2).sum(axis=0), (standing == 1).sum(axis=0)
    # The last wrong day and six right ones make a week.
    assert broken.min() >= 6
    assert degraded.min() >= 7
    assert np.quantile(broken + degraded, 0.9) <= 35
    assert (standing[-1] == 0).mean() > 0.95
    assert ((np.diff(standing, axis=0) > 0).sum(axis=0) > 0).mean() < 0.1


def test_a_flag_ends_by_what_came_since_and_not_by_how_wrong_forecasts_were() -> None:
    """As soon after two months that were as wrong as can be as after eight days; and not while they stay wrong."""
    ends = []
    for days in (8, 60):
        rng = np.random.default_rng(5)
        state = initial_state([f"p{i}" for i in range(50)])
        for _ in range(days):
            state = advance(state, *wrong(50, 3.0))
        flagged = []
        for _ in range(40):
            state = advance(state, *right(rng, 50))
            flagged.append(state.flagged)
        ends.append(np.array(flagged).sum(axis=0))
    assert abs(np.mean(ends[1]) - np.mean(ends[0])) < 5
    assert np.quantile(ends[1], 0.9) <= 28


def test_a_flag_does_not_end_between_two_bad_spells() -> None:
    """Four good days between weeks of bad ones; a flag that came and went would say nothing."""
    rng = np.random.default_rng(4)
    state = initial_state(["a"])
    standing = []
    for spell in range(4):
        for _ in range(7):
            state = advance(state, *wrong(1, 3.0))
            standing.append(int(state.standing[0]))
        for _ in range(4 if spell < 3 else 0):
            state = advance(state, *right(rng, 1))
            standing.append(int(state.standing[0]))
    first = standing.index(1)
    assert min(standing[first:]) >= 1


def test_silence_ends_no_flag() -> None:
    """Whoever sends nothing for two months is not believed for it."""
    state = initial_state(["a"])
    for _ in range(8):
        state = advance(state, *wrong(1))
    nothing = np.full(1, np.nan)
    for _ in range(60):
        state = advance(state, nothing, nothing, nothing)
    assert state.standing[0] == 2


def test_a_holiday_excuses_a_fall_and_nothing_else() -> None:
    """Excused for the first, unexcused for the second, and a rise on a holiday for the third."""
    state = initial_state(["fall", "news", "rise"])
    pit, z = np.array([0.001, 0.001, 0.999]), np.array([-4.0, -4.0, 4.0])
    for _ in range(6):
        state = advance(state, pit, z, z, fall_excused=np.array([True, False, True]))
    verdicts = assess(state)
    assert verdicts["fall"].state == "ok"
    assert verdicts["news"].causes[0].key == "trust.forecast_too_high"
    assert verdicts["rise"].causes[0].key == "trust.forecast_too_low"


def test_a_break_common_to_all_is_not_learnt_as_the_norm() -> None:
    """A hundred territories that go wrong on the same days are flagged as soon as one alone."""
    steps = []
    for people in (1, 100):
        state, step = initial_state([f"p{i}" for i in range(people)]), 0
        while not state.flagged.all():
            state, step = advance(state, *wrong(people, 2.5)), step + 1
            assert step < 30
        steps.append(step)
    assert steps[1] <= steps[0] + 1


def test_a_day_without_truth_changes_nothing() -> None:
    """NaN moves no monitor."""
    state = advance(initial_state(["a", "b"]), np.array([0.9, 0.2]), np.array([1.0, -1.0]))
    unknown = np.full(2, np.nan)
    after = advance(state, unknown, unknown, unknown)
    for name in ("bets", "cusum", "recent", "recovery"):
        np.testing.assert_array_equal(getattr(after.evidence, name), getattr(state.evidence, name))
    np.testing.assert_array_equal(after.standing, state.standing)
    np.testing.assert_array_equal(after.held, state.held)


def test_the_state_goes_through_json_and_to_other_territories() -> None:
    """Same numbers after a round trip; a new territory starts fresh, one that left is dropped."""
    played = season(7, 20, people=3)
    _, state = watch(played, WARM_UP, WARM_UP + 20)
    back = TrustState.from_dict(json.loads(json.dumps(state.to_dict())))
    for name in ("bets", "cusum", "recent", "recovery", "histogram", "spread"):
        np.testing.assert_array_equal(getattr(back.evidence, name), getattr(state.evidence, name))
    np.testing.assert_array_equal(back.standing, state.standing)
    moved = back.for_territories(["new", "p2"])
    np.testing.assert_array_equal(moved.evidence.bets[1], state.evidence.bets[2])
    assert (moved.evidence.bets[0] == 1).all()
    with pytest.raises(ValueError, match="cusum"):
        TrustState.from_dict({"territories": []})


def test_no_seasonal_wave_is_unheard_of_and_a_new_epidemic_is() -> None:
    """Doubling a week in places of any size, a cluster, a partner that is back after a week; then a new one."""
    rng = np.random.default_rng(6)
    day = np.arange(35)
    flu = rng.poisson(np.geomspace(0.1, 400.0, 300) * 2.0 ** (day[:, None] / 7.0))
    assert not unheard_growth(flu.astype(float)).any()
    cluster, back = np.zeros(35), np.full(35, 30.0)
    cluster[-3:], back[-14:-7] = 6.0, 0.0
    assert unheard_growth(np.stack([cluster, back], axis=1)).tolist() == [False, False]
    new = np.where(day < 20, 0.0, 30.0 * 2.0 ** ((day - 20) / 3.0))
    unknown = np.where(day == 30, np.nan, new)
    found = unheard_growth(np.stack([np.round(new), unknown], axis=1).astype(np.float64))
    assert found.tolist() == [True, False]
    # Three weeks of a syndrome are enough to tell.
    assert unheard_growth(np.round(new)[-21:, None].astype(np.float64)).all()


def test_growth_no_model_has_seen_degrades_though_no_forecast_surprises() -> None:
    """Flagged at once, handed down, worded; and over once growth is, and forecasts were not too low meanwhile."""
    rng = np.random.default_rng(7)
    state = initial_state(["all", "part"])
    for _ in range(3):
        state = advance(state, *right(rng, 2), unheard_of=np.array([True, False]))
    verdicts = assess(state, sums={"all": ["part"]})
    (cause,) = verdicts["all"].causes
    assert (cause.key, cause.severity) == ("trust.growth_unheard_of", "degraded")
    assert verdicts["all"].widen > 1.15
    assert [c.key for c in verdicts["part"].causes] == ["trust.parent_flagged"]
    assert "3 fois" in say(cause.key, "fr", target="ed_visits:covid", times=cause.parameters["times"])
    steps = 0
    while state.flagged.any():
        state, steps = advance(state, *right(rng, 2)), steps + 1
        assert steps < 30
    assert steps >= 4


def test_a_sum_is_doubted_when_several_of_its_parts_are() -> None:
    """Of a hundred parts ten stand flagged, then nine; of four, three, then two."""
    for people, wronged, doubted in ((100, 10, True), (100, 9, False), (4, 3, True), (4, 2, False)):
        codes = [f"p{i}" for i in range(people)]
        state = initial_state([*codes, "all"])
        for _ in range(6):
            z = np.where(np.arange(people + 1) < wronged, 5.0, 0.0)
            state = advance(state, np.where(z > 0, 0.995, 0.5), z, z)
        verdicts = assess(state, sums={"all": codes})
        keys = {cause.key for cause in verdicts["all"].causes}
        assert keys == ({"trust.parts_flagged"} if doubted else set())
        assert (verdicts[codes[-1]].state == "degraded") == doubted


def test_a_part_is_doubted_with_any_sum_around_it_the_smallest_told_of() -> None:
    """A country goes wrong and one region of two: its part is told of the region, the other's of the country."""
    state = initial_state(["a", "b", "north", "south", "all"])
    for _ in range(6):
        z = np.array([0.0, 0.0, 5.0, 0.0, 5.0])
        state = advance(state, np.where(z > 0, 0.995, 0.5), z, z)
    verdicts = assess(state, sums={"north": ["a"], "south": ["b"], "all": ["a", "b"]})
    parents = {code: [c.parameters["parent"] for c in verdicts[code].causes] for code in ("a", "b")}
    assert parents == {"a": ["north"], "b": ["all"]}
    assert verdicts["south"].state == "ok"


def test_each_bet_is_fair() -> None:
    """The mean of each density over a uniform PIT is one, or the bounds would mean nothing."""
    grid = (np.arange(20000) + 0.5) / 20000
    np.testing.assert_allclose(density_of_bets(grid).mean(axis=0), 1.0, atol=1e-3)
    assert density_of_bets(grid).shape == (20000, len(BETS))
    assert (density_of_bets(slackened(grid)).mean(axis=0) <= 1.0).all()


def test_doubtful_inputs_widen_and_broken_ones_fall_back() -> None:
    """Without any error seen yet."""
    stale = Cause("trust.signal_stale", "degraded", {"signal": "calls", "age": 5, "usual": 1})
    gone = Cause("trust.signal_stale", "broken", {"signal": "admissions", "age": 20, "usual": 1})
    verdicts = assess(initial_state(["a", "b"]), {"a": [stale], "b": [stale, gone]})
    assert (verdicts["a"].state, verdicts["a"].fallback) == ("degraded", False)
    assert verdicts["a"].widen == pytest.approx(1.15)
    assert (verdicts["b"].state, verdicts["b"].fallback) == ("broken", True)
    assert verdicts["b"].widen > verdicts["a"].widen


def test_every_monitor_cause_has_a_sentence_in_both_languages() -> None:
    """A cause nobody can read is no cause."""
    for key in {name for name, _, _ in BETS} | {
        "trust.parent_flagged",
        "trust.parts_flagged",
        "trust.growth_unheard_of",
    }:
        assert has(key)
    sentence = say("trust.forecast_too_low", "fr", evidence=800.0, error_ratio=2.5)
    assert "2,5 fois" in sentence
