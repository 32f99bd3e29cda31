"""Checks of inputs, one fault at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from api.texts import say
from forecasting import input_checks as checks
from forecasting.input_checks import Floats
from forecasting.leadlag import LeadLag
from forecasting.message_keys import MESSAGE_KEYS

CODES, NAMES = ("a", "b"), ("admissions", "calls")


def _panel(seed: int = 0) -> Floats:
    return np.random.default_rng(seed).poisson(20.0, (220, 2, 2)).astype(float)


def _lead(
    territory: str, lag: float, low: float, high: float, state: str = "evidence", strength: float = 0.8
) -> LeadLag:
    return LeadLag(
        territory, "calls", "evidence" if state == "evidence" else "none", lag, low, high, strength, lag, 200
    )


def test_a_late_signal_is_named_with_its_age() -> None:
    """Calls of b stopped six days ago; a service that does not exist is not late."""
    values, exists = _panel(), np.array([[True, False], [True, True]])
    values[-6:, :, 1] = np.nan
    found = checks.stale_signals(values, exists, CODES, NAMES, {"calls": 1}, target="admissions")
    assert set(found) == {"b"}
    (cause,) = found["b"]
    assert (cause.key, cause.severity) == ("trust.signal_stale", "degraded")
    assert dict(cause.parameters) == {"signal": "calls", "age": 6, "usual": 1}


def test_a_target_silent_for_weeks_breaks_the_forecast() -> None:
    """Twelve days without admissions."""
    values = _panel()
    values[-12:, 0, 0] = np.nan
    found = checks.stale_signals(values, np.ones((2, 2), bool), CODES, NAMES, {}, target="admissions")
    assert found["a"][0].severity == "broken"


@pytest.mark.parametrize(
    ("newest", "key"),
    [(-1.0, "trust.input_negative"), (900.0, "trust.input_out_of_range"), (0.0, "trust.input_flat")],
)
def test_impossible_values_are_named(newest: float, key: str) -> None:
    """Negative, far beyond anything seen, and a week of zeros in a series of twenty a day."""
    values = _panel()
    values[-7:, 1, 1] = newest
    found = checks.implausible_values(values, CODES, NAMES, target="admissions")
    assert [cause.key for cause in found["b"]] == [key]
    assert set(found) == {"b"}


def test_quiet_and_small_series_are_left_alone() -> None:
    """Twenty seeds of quiet data, and a series of one a day that had a week of zeros."""
    for seed in range(20):
        values = np.random.default_rng(seed).poisson([[[20.0, 0.5], [3.0, 100.0]]], (220, 2, 2)).astype(float)
        values[-7:, 0, 1] = 0.0
        assert checks.implausible_values(values, CODES, NAMES) == {}


def test_a_lag_that_moved_is_not_one_that_wobbled() -> None:
    """Disjoint intervals and three days; overlapping ones, or no evidence, say nothing."""
    before = [_lead("a", 6, 5, 7), _lead("b", 6, 4, 9)]
    now = [_lead("a", 12, 10, 14), _lead("b", 9, 7, 11)]
    found = checks.moved_lags(now, before)
    assert set(found) == {"a"}
    assert dict(found["a"][0].parameters) == {"signal": "calls", "before": 6, "now": 12}
    assert checks.moved_lags([_lead("a", 12, 10, 14, "none")], before) == {}
    assert checks.moved_lags([_lead("a", 12, 10, 14, strength=0.4)], before) == {}


def test_changed_delays_say_where_the_curve_moved() -> None:
    """Half is in on the day where nine tenths were."""
    before = np.array([[0.8, 0.8], [0.9, 0.9], [1.0, 1.0]])
    now = np.array([[0.75, 0.5], [0.88, 0.85], [1.0, 1.0]])
    found = checks.changed_delays(now, before, CODES, "calls")
    assert set(found) == {"b"}
    assert dict(found["b"][0].parameters) == {"signal": "calls", "delay": 0, "before": 0.8, "now": 0.5}


def test_causes_of_several_checks_are_put_together_and_can_be_read() -> None:
    """In order, and rendered in both languages."""
    values = _panel()
    values[-6:, 1, 1] = np.nan
    stale = checks.stale_signals(values, np.ones((2, 2), bool), CODES, NAMES, {})
    delays = checks.changed_delays(np.full((2, 2), 0.5), np.ones((2, 2)), CODES, "calls")
    together = checks.merged(stale, delays)
    assert [cause.key for cause in together["b"]] == ["trust.signal_stale", "trust.delays_changed"]
    for cause in together["b"]:
        assert set(cause.parameters) <= set(MESSAGE_KEYS[cause.key])
        parameters: dict[str, Any] = {**cause.parameters, "signal": "sos_calls"}
        french, english = (say(cause.key, language, **parameters) for language in ("fr", "en"))
        assert "SOS" in french
        assert french != english
