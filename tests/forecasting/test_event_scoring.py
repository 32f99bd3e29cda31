"""Event scores against hand-made tables."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting import event_scoring as events


def test_decomposition_sums_to_the_brier_score() -> None:
    """With remainder inside bins, exactly; without, when each bin holds one value."""
    rng = np.random.default_rng(0)
    probability = rng.random(500)
    occurred = (rng.random(500) < probability).astype(float)
    found = events.brier_reliability(probability, occurred)
    assert found.brier == pytest.approx(float(events.brier_score(probability, occurred).mean()))
    total = found.reliability - found.resolution + found.uncertainty + found.within_bin
    assert total == pytest.approx(found.brier, abs=1e-12)
    rounded = np.floor(probability * 10) / 10 + 0.05
    assert events.brier_reliability(rounded, occurred).within_bin == pytest.approx(0.0, abs=1e-12)
    assert found.reliability < 0.01


def test_alarm_table_and_rates() -> None:
    """Two of three events announced, one false alarm in two quiet cases; an unknown outcome is left out."""
    table = events.alarm_table([0.9, 0.4, 0.1, 0.5, 0.0, 0.9], [1, 1, 1, 0, 0, np.nan], 0.3)
    assert (table.hits, table.misses, table.false_alarms, table.quiet) == (2, 1, 1, 1)
    assert table.hit_rate == pytest.approx(2 / 3)
    assert table.false_alarm_rate == pytest.approx(1 / 2)
    assert table.false_alarm_ratio == pytest.approx(1 / 3)


def test_a_withdrawn_alarm_gives_no_warning() -> None:
    """Standing since 3 days; withdrawn at 2 days so only 1; never; a missing run in between."""
    probability = [[0.9, 0.8, 0.7, 0.1], [0.9, 0.1, 0.9, 0.9], [0.1, 0.9, 0.9, 0.9], [0.9, np.nan, 0.9, 0.0]]
    days = events.days_of_warning(probability, [1, 2, 3, 4], 0.5)
    np.testing.assert_array_equal(days, [3.0, 1.0, np.nan, 3.0])


def test_economic_value_of_perfect_climate_and_useless_forecasts() -> None:
    """Perfect is worth 1 to everybody, the base rate nothing, the contrary less than nothing."""
    occurred = np.array([1, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    ratios = [0.1, 0.2, 0.5]
    np.testing.assert_allclose(events.economic_value(occurred, occurred, ratios), 1.0)
    np.testing.assert_allclose(events.economic_value(np.full(10, 0.2), occurred, ratios), 0.0, atol=1e-12)
    assert (events.economic_value(1 - occurred, occurred, ratios) < 0).all()
    assert np.isnan(events.economic_value(np.zeros(4), np.zeros(4), [0.5])).all()
