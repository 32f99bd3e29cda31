"""The elective programme: what is announced beyond the usual is added, what is usual is not added twice."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from forecasting.beds.programme import announced, beyond_the_usual
from forecasting.jobs.days_off import public_holidays

Floats = NDArray[np.float64]
DAYS, AHEAD = 300, 15
DATES = np.datetime64("2024-01-08") + np.arange(DAYS + AHEAD)
WEEK = np.array([1.35, 1.45, 1.40, 1.35, 1.00, 0.05, 0.40])[(DATES.astype(np.int64) + 3) % 7]
HOLIDAYS = public_holidays(DATES[0], DATES[-1])


def planned(rng: np.random.Generator) -> Floats:
    """Return a programme with its weekdays, none on public holidays."""
    return rng.poisson(40.0 * WEEK * ~np.isin(DATES, HOLIDAYS)).astype(float)


def test_a_usual_programme_adds_next_to_nothing() -> None:
    rng = np.random.default_rng(1)
    added = []
    for _ in range(20):
        programme = planned(rng)
        admissions = rng.poisson(80.0, DAYS) + rng.binomial(programme[:DAYS].astype(int), 0.96)
        added.append(announced(programme, admissions.astype(float), DATES, HOLIDAYS))
    # As noisy as the programme itself, and nothing on average: neither on weekdays nor on days off.
    assert np.abs(np.mean(added)) < 1.5
    assert np.abs(np.mean(added, axis=0)).max() < 6.0


def test_a_week_of_operations_called_off_is_taken_out_as_far_as_it_shows() -> None:
    rng = np.random.default_rng(2)
    programme = planned(rng)
    done = rng.binomial(programme[:DAYS].astype(int), 0.8)
    admissions = (rng.poisson(80.0, DAYS) + done).astype(float)
    programme[DAYS + 3 : DAYS + 8] *= 0.25
    added = announced(programme, admissions, DATES, HOLIDAYS)
    lost = 0.75 * 40.0 * WEEK[DAYS + 3 : DAYS + 8].sum()
    assert added[3:8].sum() == pytest.approx(-0.8 * lost, rel=0.35)
    assert abs(added[:3].sum()) < 0.2 * lost


def test_a_source_that_does_not_count_them_is_not_moved_by_them() -> None:
    rng = np.random.default_rng(3)
    programme = planned(rng)
    admissions = rng.poisson(80.0, DAYS).astype(float)
    programme[DAYS:] = 0.0
    assert np.abs(announced(programme, admissions, DATES, HOLIDAYS)).sum() < 0.25 * 40.0 * WEEK[DAYS:].sum()


def test_what_is_not_announced_adds_nothing() -> None:
    rng = np.random.default_rng(4)
    programme, admissions = planned(rng), rng.poisson(120.0, DAYS).astype(float)
    programme[DAYS + 5 :] = np.nan
    assert np.all(announced(programme, admissions, DATES, HOLIDAYS)[5:] == 0.0)
    programme[: DAYS - 20] = np.nan
    assert np.all(announced(programme, admissions, DATES, HOLIDAYS) == 0.0)
    assert np.all(announced(np.full(DAYS + AHEAD, np.nan), admissions, DATES, HOLIDAYS) == 0.0)
    assert np.all(announced(np.zeros(DAYS + AHEAD), admissions, DATES, HOLIDAYS) == 0.0)


def test_each_day_is_set_against_the_week_before_it_and_nothing_later() -> None:
    values = planned(np.random.default_rng(5))
    before = beyond_the_usual(values, DATES, DAYS, HOLIDAYS)
    changed = values.copy()
    changed[DAYS + 2 :] += 100.0
    after = beyond_the_usual(changed, DATES, DAYS, HOLIDAYS)
    assert before[: DAYS + 2].tolist() == pytest.approx(after[: DAYS + 2].tolist(), nan_ok=True)
    assert after[DAYS + 2 :] == pytest.approx(before[DAYS + 2 :] + 100.0, nan_ok=True)
    assert np.isnan(before[:7]).any()
