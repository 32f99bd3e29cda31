"""Closures: known effects of holidays are found again, taken out of levels, and given back to the days drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from forecasting.closures import (
    HOLIDAY,
    ORDINARY,
    SHUT,
    YEAR_END,
    closed,
    closure_factors,
    kinds_of_day,
    opened,
)
from forecasting.jobs.days_off import public_holidays
from forecasting.jobs.inputs import panel_bytes, panel_of
from forecasting.learned import Learned
from forecasting.learning import learn
from forecasting.models import REGISTRY
from forecasting.panel import Panel

Floats = NDArray[np.float64]
DATES = np.arange(np.datetime64("2023-09-01"), np.datetime64("2025-12-20"))
HOLIDAYS = public_holidays(DATES[0], DATES[-1] + np.timedelta64(30, "D"))
WEEKDAY = np.array([1.2, 1.15, 1.1, 1.1, 1.1, 0.7, 0.65])
TRUE = np.array([1.0, 0.5, 1.1, 0.9, 0.8])
QUICK = [m for m in REGISTRY if m.name in ("persistence", "pooled local, long")]


def flow(rng: np.random.Generator, level: float = 200.0) -> Floats:
    """Return counts of two territories with waves, weekdays and closures, shape (time, territory)."""
    weekday = (DATES.astype(np.int64) + 3) % 7
    wave = np.exp(0.2 * np.sin(np.arange(len(DATES)) / 40.0))
    mean = level * wave * WEEKDAY[weekday] * TRUE[kinds_of_day(DATES, HOLIDAYS)]
    return np.asarray(rng.poisson(mean[:, None] * np.array([1.0, 0.4])), dtype=float)


def panel(values: Floats, holidays: NDArray[np.datetime64] = HOLIDAYS) -> Panel:
    """Return a panel of one flow, whose last day is not known yet."""
    told = values.copy()
    told[-1] = np.nan
    return Panel(
        dates=DATES,
        freq="D",
        territories=("44", "49"),
        signals=("admissions:all",),
        values=told[..., None],
        exists=np.ones((2, 1), dtype=bool),
        as_of=DATES[-1],
        kinds={"admissions:all": "count"},
        holidays=holidays,
    )


def test_the_year_end_and_single_holidays_are_kinds_of_their_own() -> None:
    days = np.arange(np.datetime64("2025-12-22"), np.datetime64("2026-01-06"))
    kinds = kinds_of_day(days, public_holidays(days[0], days[-1]))
    assert kinds[days == np.datetime64("2025-12-25")] == HOLIDAY
    assert set(kinds[(days > np.datetime64("2025-12-25")) & (days < np.datetime64("2026-01-01"))]) == {
        YEAR_END
    }
    assert kinds[0] == ORDINARY
    assert kinds[-1] == ORDINARY


def test_known_effects_are_found_again() -> None:
    found = closure_factors(flow(np.random.default_rng(3)), DATES, [HOLIDAYS])
    assert found[[HOLIDAY, YEAR_END]] == pytest.approx(TRUE[[HOLIDAY, YEAR_END]], abs=0.06)
    assert found == pytest.approx(TRUE, abs=0.12)


def test_an_ordinary_calendar_has_next_to_no_effect() -> None:
    rng = np.random.default_rng(5)
    found = closure_factors(rng.poisson(500.0, (len(DATES), 2)).astype(float), DATES, [HOLIDAYS])
    assert found == pytest.approx(np.ones(5), abs=0.05)
    few = closure_factors(rng.poisson(0.5, (len(DATES), 2)).astype(float), DATES, [HOLIDAYS])
    assert few.tolist() == [1.0] * 5


def test_a_day_as_good_as_shut_is_a_gap() -> None:
    told = opened(np.array([[10.0], [1.0], [6.0]]), np.array([[1.0], [SHUT / 2], [0.6]]))
    assert told[[0, 2], 0] == pytest.approx([10.0, 10.0])
    assert np.isnan(told[1, 0])


@pytest.mark.parametrize("factor", [0.4, 1.3, 2.2])
def test_whole_numbers_stay_whole_and_keep_their_mean(factor: float) -> None:
    drawn = closed(np.full(20_000, 40.0), factor, True, np.random.default_rng(1))
    assert np.all(drawn == np.round(drawn))
    assert drawn.mean() == pytest.approx(40.0 * factor, rel=0.01)


def test_draws_know_a_holiday_to_come_and_levels_do_not_fall_with_one_gone() -> None:
    values = flow(np.random.default_rng(7))
    told = learn(panel(values), "admissions:all", models=QUICK)
    draws = told.draw(["44"], tuple(range(15)), 500).draws[0]
    ahead = DATES[-1] + np.arange(15)
    christmas = int(np.flatnonzero(ahead == np.datetime64("2025-12-25"))[0])
    week_before = christmas - 7 if christmas >= 7 else christmas + 7
    ratio = np.median(draws[christmas]) / np.median(draws[week_before])
    expected = TRUE[HOLIDAY] / TRUE[kinds_of_day(ahead[[week_before]], HOLIDAYS)[0]]
    assert ratio == pytest.approx(expected, rel=0.15)
    newest = values[len(DATES) - 8 : len(DATES) - 1, 0].sum()
    assert told.history[-7:, 0].sum() == pytest.approx(newest, rel=0.02)


def test_without_a_calendar_nothing_changes() -> None:
    values = flow(np.random.default_rng(7))
    none = np.empty(0, dtype="datetime64[D]")
    plain = learn(panel(values, none), "admissions:all", models=QUICK)
    assert len(plain.closures) == 0
    assert plain.history[-1].tolist() == values[-2].tolist()
    weekly = replace(panel(values), dates=DATES[0] + 7 * np.arange(len(DATES)), freq="W")
    assert learn(weekly, "admissions:all", 4, models=QUICK).closures == pytest.approx(1.0)


def test_what_was_learnt_and_the_panel_keep_the_calendar_when_sent() -> None:
    given = panel(flow(np.random.default_rng(7)))
    assert panel_of(panel_bytes(given)).holidays.tolist() == HOLIDAYS.tolist()
    told = learn(given, "admissions:all", models=QUICK)
    again = Learned.of_arrays(*told.arrays())
    assert np.array_equal(again.draw(None, (6,), 50, 3).draws, told.draw(None, (6,), 50, 3).draws)
