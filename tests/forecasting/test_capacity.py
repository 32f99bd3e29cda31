"""Beds free: each basis is what it says, and no denominator is never a green."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.capacity import (
    NOTHING,
    Estimated,
    facing_census,
    facing_past,
    probability_short,
    summary,
)
from infra.errors import MeteoError


def test_census_sets_all_cause_need_against_all_staffed_beds() -> None:
    needed = np.array([[90.0, 95, 101, 110], [100, 100, 100, 100]])
    assert probability_short(needed, facing_census(100)) == pytest.approx([0.5, 0.0])


@given(st.floats(0.3, 0.98), st.floats(0.01, 0.15), st.integers(0, 2**32 - 1))
def test_estimated_beds_have_the_mean_they_say_and_are_never_negative(
    share: float, sd: float, seed: int
) -> None:
    free = Estimated(200, share, sd).draw(20_000, np.random.default_rng(seed))
    assert free.min() >= 0
    assert free.mean() == pytest.approx(200 * (1 - share), abs=1.0)


def test_without_a_past_or_with_an_empty_one_nothing_is_said() -> None:
    assert facing_past(np.full(400, np.nan), 0.95, 90) is NOTHING
    assert facing_past(np.zeros(400), 0.95, 90) is NOTHING
    assert facing_past(np.arange(50.0), 0.95, 90) is NOTHING
    assert probability_short(np.ones((3, 5)), NOTHING) is None


def test_pressure_is_a_quantile_of_the_places_own_past() -> None:
    facing = facing_past(np.arange(101.0), 0.95, 90)
    assert facing.basis == "pressure"
    assert facing.free == pytest.approx(95.0)


def test_summary_names_its_levels() -> None:
    assert summary(np.arange(101.0)) == {
        "0.025": 2.5,
        "0.05": 5.0,
        "0.1": 10.0,
        "0.25": 25.0,
        "0.5": 50.0,
        "0.75": 75.0,
        "0.9": 90.0,
        "0.95": 95.0,
        "0.975": 97.5,
    }


def test_figures_that_cannot_be_are_refused() -> None:
    with pytest.raises(MeteoError, match="patient-days over bed-days"):
        Estimated(100, 80.0)
