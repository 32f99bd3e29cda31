"""Beds: mass is balanced, the figures match a patient-by-patient simulation, thin data leans on the table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from forecasting.beds import (
    Present,
    StayCounts,
    StayTable,
    chance_of_departures,
    discrete_hazards,
    draw_error_paths,
    draw_hazards,
    fit_stretch,
    inflow_factor,
    known_at_start,
    occupy,
    past_errors,
)
from forecasting.beds.stay_lengths import STRETCHES, survival

Floats = NDArray[np.float64]
TABLE = StayTable(6.0, 0.9)


@given(
    seed=st.integers(0, 2**32 - 1),
    number=st.integers(0, 300),
    level=st.floats(0, 60),
    elapsed_known=st.booleans(),
)
def test_no_patient_appears_or_vanishes(seed: int, number: int, level: float, elapsed_known: bool) -> None:
    rng = np.random.default_rng(seed)
    hazards = draw_hazards(discrete_hazards(TABLE), None, 20, rng)
    by_elapsed = np.bincount(rng.integers(0, 40, number), minlength=40)
    present = Present.known(by_elapsed) if elapsed_known else Present.unknown(number)
    beds = occupy(rng.gamma(2.0, level / 2 + 1e-9, (15, 20)), present, hazards, rng)
    before = np.vstack([np.full((1, 20), number), beds.occupied[:-1]])
    assert np.array_equal(beds.occupied, before + beds.admitted - beds.discharged)
    assert beds.occupied.min() >= 0
    assert beds.discharged.min() >= 0


def test_matches_a_simulation_patient_by_patient() -> None:
    rng = np.random.default_rng(7)
    hazards = discrete_hazards(TABLE)
    admissions = np.array([12.0, 9, 15, 20, 4, 8, 11, 10])
    elapsed = np.repeat([0, 3, 8, 20], [5, 10, 6, 2])
    draws = 6000
    beds = occupy(
        np.repeat(admissions[:, None], draws, axis=1),
        Present.known(np.bincount(elapsed)),
        np.repeat(hazards[None, :], draws, axis=0),
        rng,
    )
    counted = np.zeros((4000, 8))
    for trial in range(4000):
        counted[trial] = _walk(admissions, elapsed, hazards, rng)
    assert beds.occupied.mean(axis=1) == pytest.approx(counted.mean(axis=0), abs=0.35)
    assert beds.occupied.std(axis=1) == pytest.approx(counted.std(axis=0), rel=0.06)
    # Joint over the horizon, not only day by day.
    joint = np.corrcoef(beds.occupied[2], beds.occupied[6])[0, 1]
    assert joint == pytest.approx(np.corrcoef(counted[:, 2], counted[:, 6])[0, 1], abs=0.06)


def _walk(
    admissions: np.ndarray, elapsed: np.ndarray, hazards: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Count the beds of patients followed one by one."""
    beds = np.zeros(len(admissions))
    stays = [(-1 - int(e), int(e) + 1) for e in elapsed]
    stays += [(day, 0) for day, number in enumerate(admissions) for _ in range(int(number))]
    for start, age in stays:
        leaves = rng.random(len(admissions) + 60) < hazards[np.minimum(np.arange(age, age + 68), 89)]
        until = start + age + (int(np.argmax(leaves)) if leaves.any() else 99)
        beds[max(start, 0) : max(until, 0)] += 1
    return beds


def test_patients_of_unknown_age_leave_as_a_steady_unit_does() -> None:
    rng = np.random.default_rng(3)
    hazards = discrete_hazards(TABLE)
    steady = 10.0 * survival(hazards).sum()
    draws = 4000
    beds = occupy(
        np.full((15, draws), 10.0), Present.unknown(steady), np.repeat(hazards[None], draws, axis=0), rng
    )
    assert beds.occupied.mean(axis=1) == pytest.approx(np.full(15, steady), rel=0.03)


def test_elective_admissions_take_beds() -> None:
    hazards = np.zeros((3, 5))
    beds = occupy(
        np.zeros((2, 3)), Present.unknown(0), hazards, np.random.default_rng(1), elective=np.array([2.0, 3.0])
    )
    assert beds.occupied.tolist() == [[2, 2, 2], [5, 5, 5]]


def test_ample_stays_speak_for_themselves_and_open_ones_are_not_taken_for_short() -> None:
    rng = np.random.default_rng(11)
    truth = discrete_hazards(StayTable(9.0, 0.8))
    lengths = np.array([_length(truth, rng) for _ in range(4000)])
    # Half of the stays are only seen for their first days.
    seen = rng.integers(0, 20, 4000)
    ended = lengths <= seen
    counts = StayCounts.from_lengths(np.minimum(lengths, seen), ended)
    posterior = draw_hazards(discrete_hazards(TABLE), counts, 300, rng)
    assert survival(posterior).mean(axis=0)[:15] == pytest.approx(survival(truth)[:15], abs=0.03)
    thin = StayCounts.from_lengths(np.array([1, 2]), np.array([True, True]))
    cautious = survival(draw_hazards(discrete_hazards(TABLE), thin, 300, rng)).mean(axis=0)
    assert cautious[:15] == pytest.approx(survival(discrete_hazards(TABLE))[:15], abs=0.08)


def _length(hazards: np.ndarray, rng: np.random.Generator) -> int:
    leaves = rng.random(len(hazards)) < hazards
    return int(np.argmax(leaves)) if leaves.any() else len(hazards) - 1


def test_a_table_is_stretched_to_agree_with_stock_and_flow() -> None:
    rng = np.random.default_rng(5)
    true_hazards = discrete_hazards(TABLE, 1.6)
    admissions = rng.poisson(20 * np.exp(0.02 * np.arange(120))).astype(float)
    stock = np.convolve(admissions, survival(true_hazards))[:120]
    weights = fit_stretch(stock[-42:], admissions[-42:], TABLE)
    assert float((weights * STRETCHES).sum()) == pytest.approx(1.6, rel=0.15)
    assert weights.sum() == pytest.approx(1.0)


def test_hazards_of_another_number_of_draws_are_refused() -> None:
    with pytest.raises(ValueError, match="2 draws of admissions but 3 of hazards"):
        occupy(np.zeros((4, 2)), Present.unknown(0), np.zeros((3, 5)), np.random.default_rng(1))


def test_other_doors_than_admission_are_found_from_stock_and_flow() -> None:
    rng = np.random.default_rng(5)
    hazards = discrete_hazards(TABLE)
    admissions = rng.poisson(30, 120).astype(float)
    stock = np.convolve(1.3 * admissions, survival(hazards))[:120]
    found = inflow_factor(stock[-42:], admissions[-42:], np.repeat(hazards[None], 3, axis=0))
    assert found == pytest.approx(np.full(3, 1.3), rel=0.05)


def _beds_with_shorter_weekends(days: int, swing: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return admissions and a stock in which fewer leave at weekends, shape (day,) each, from a Monday on."""
    admissions = rng.poisson(30, days).astype(float)
    weekly = 1.0 + swing * np.sin(2 * np.pi * np.arange(days) / 7)
    return admissions, np.convolve(admissions, survival(discrete_hazards(TABLE)))[:days] * weekly


def _missed(
    stock: Floats, admissions: Floats, shut: Floats, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return past errors and paths of relative error drawn from the newest day on."""
    errors = past_errors(stock, admissions, discrete_hazards(TABLE), 1.0, 14)
    known = known_at_start(errors, np.arange(len(stock)) % 7, shut)
    return errors, draw_error_paths(errors, known, np.zeros(14), draws, rng)


def test_what_the_model_misses_every_week_is_learnt() -> None:
    rng = np.random.default_rng(9)
    admissions, stock = _beds_with_shorter_weekends(200, 0.08, rng)
    start = 185
    _, paths = _missed(stock[: start + 1], admissions[: start + 1], np.zeros(start + 15), 2000, rng)
    truth = past_errors(stock, admissions, discrete_hazards(TABLE), 1.0, 14)[start]
    assert np.abs(truth - np.median(paths, axis=1)).mean() < 0.5 * np.abs(truth).mean()


def test_days_off_ahead_are_foreseen_from_those_that_were() -> None:
    rng = np.random.default_rng(4)
    hazards = discrete_hazards(TABLE)
    off = (np.arange(330) % 24 == 3).astype(float)
    beds, admissions, stock = 150.0, rng.poisson(30, 330).astype(float), np.empty(330)
    for day in range(330):
        # Nobody leaves on a day off.
        beds = beds + admissions[day] - (0.0 if off[day] else 0.19 * beds)
        stock[day] = beds
    start = 24 * 12 + 1
    with_calendar = _missed(stock[: start + 1], admissions[: start + 1], off[: start + 15], 500, rng)[1]
    without = _missed(stock[: start + 1], admissions[: start + 1], np.zeros(start + 15), 500, rng)[1]
    truth = past_errors(stock, admissions, hazards, 1.0, 14)[start]
    day_off = 1
    assert abs(truth[day_off] - with_calendar[day_off].mean()) < 0.6 * abs(
        truth[day_off] - without[day_off].mean()
    )


def test_errors_to_come_are_as_wide_as_past_ones_were() -> None:
    rng = np.random.default_rng(2)
    admissions, stock = _beds_with_shorter_weekends(400, 0.0, rng)
    pressure = np.convolve(rng.normal(0, 0.01, 440), np.ones(20))[20:420]
    errors, paths = _missed(stock * (1 + pressure), admissions, np.zeros(414), 2000, rng)
    seen = np.nanstd(errors, axis=0)
    assert np.all(paths.std(axis=1) < 1.5 * seen)
    assert np.all(paths.std(axis=1) > 0.7 * seen)


def test_the_chance_of_departures_is_that_of_the_draws() -> None:
    rng = np.random.default_rng(6)
    hazards = discrete_hazards(TABLE)
    coming = np.full((14, 4000), 30.0)
    drawn = occupy(coming, Present.unknown(150), np.repeat(hazards[None], 4000, axis=0), rng).occupied
    expected = chance_of_departures(150.0, coming.mean(axis=1), hazards)
    assert drawn.std(axis=1) / drawn.mean(axis=1) == pytest.approx(expected, rel=0.08)


def test_a_perfect_model_adds_nothing_beyond_the_chance_it_has() -> None:
    rng = np.random.default_rng(9)
    hazards = discrete_hazards(TABLE)
    admissions = np.full(200, 30.0)
    stock = np.full(200, 30.0 * survival(hazards).sum())
    errors, paths = _missed(stock, admissions, np.zeros(214), 200, rng)
    assert np.nanmax(np.abs(errors)) < 0.01
    assert np.abs(paths).max() < 0.01
    known = known_at_start(errors, np.arange(200) % 7, np.zeros(214))
    few = draw_error_paths(
        np.where(np.arange(200)[:, None] < 5, errors, np.nan), known, np.zeros(14), 50, rng
    )
    assert not few.any()


def test_admissions_that_turn_out_wrong_do_not_throw_the_beds_foreseen() -> None:
    rng = np.random.default_rng(4)
    hazards = np.full(60, 0.1)
    admissions = rng.poisson(20.0, 200).astype(float)
    stock = np.convolve(admissions, 0.9 ** np.arange(60))[:200]
    wrong = admissions.copy()
    wrong[-7:] = 4.0
    weekday = np.arange(200) % 7
    foreseen = []
    for told in (admissions, wrong):
        errors = past_errors(stock, told, hazards, 1.0, 14)
        known = known_at_start(errors, weekday, np.zeros(214))
        paths = draw_error_paths(errors, known, np.zeros(14), 300, np.random.default_rng(1))
        foreseen.append(np.median(paths, axis=1))
    assert np.all(np.abs(foreseen[1]) < 0.25)
    assert np.all(np.abs(np.diff(foreseen[1])) < 0.1)
