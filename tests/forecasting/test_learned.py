"""What is learnt once can be written down, sent and drawn from anywhere, with the same bytes as at home."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting import Panel, forecast
from forecasting.learned import Learned
from forecasting.learning import learn
from forecasting.store import canonical
from tests.forecasting.test_forecast import epidemic_frame

HORIZONS = tuple(range(-3, 15))
SEED, DRAWS = 5, 120


@pytest.fixture(scope="module")
def panel() -> Panel:
    return Panel.from_frame(epidemic_frame(), freq="D")


@pytest.fixture(scope="module")
def nowcast(panel: Panel) -> np.ndarray:
    rng = np.random.default_rng(2)
    drawn = np.full((40, 3, len(panel.territories), len(panel.signals)), np.nan)
    drawn[..., panel.signal_index("admissions")] = rng.poisson(12.0, (40, 3, len(panel.territories)))
    return drawn


@pytest.fixture(scope="module")
def learned(panel: Panel, nowcast: np.ndarray) -> Learned:
    return learn(panel, "admissions", 14, nowcast_draws=nowcast)


def sent(learned: Learned) -> Learned:
    return Learned.of_arrays(*canonical.unpack(canonical.pack(*learned.arrays())))


def test_a_forecast_is_learning_and_drawing(panel: Panel, nowcast: np.ndarray, learned: Learned) -> None:
    whole = forecast(panel, "admissions", HORIZONS, draws=DRAWS, rng=SEED, nowcast_draws=nowcast)
    drawn = learned.draw(None, HORIZONS, DRAWS, SEED)
    np.testing.assert_array_equal(whole.distribution.draws, drawn.draws)
    assert whole.distribution.origin == drawn.origin
    assert whole.weights == learned.weights


@pytest.mark.parametrize("parts", [[["T0"], ["T5", "T1"], ["T4", "T2", "T3"]], [[f"T{i}"] for i in range(6)]])
def test_what_was_sent_draws_the_same_in_any_parts(learned: Learned, parts: list[list[str]]) -> None:
    whole = learned.draw(None, HORIZONS, DRAWS, SEED)
    received = sent(learned)
    for names in parts:
        drawn = received.draw(names, HORIZONS, DRAWS, SEED)
        for name in names:
            np.testing.assert_array_equal(drawn.select(name).draws, whole.select(name).draws)


@pytest.mark.parametrize("weekly", [True, False])
def test_all_that_is_told_survives_being_sent(weekly: bool) -> None:
    frame = epidemic_frame(3, 120, weekly=weekly)
    target = "admissions" if weekly else "positives"
    learned = learn(Panel.from_frame(frame, freq="W" if weekly else "D"), target, 4)
    received = sent(learned)
    assert canonical.pack(*received.arrays()) == canonical.pack(*learned.arrays())
    assert received.left_out == learned.left_out
    assert received.state == learned.state
    horizons = tuple(range(5))
    drawn = received.draw(None, horizons, DRAWS, SEED).draws
    np.testing.assert_array_equal(drawn, learned.draw(None, horizons, DRAWS, SEED).draws)


def test_errors_are_truth_less_median_in_natural_units(panel: Panel, learned: Learned) -> None:
    assert learned.errors.shape == learned.pit.shape
    known = np.isfinite(learned.errors)
    assert known.mean() > 0.5
    # A truth above the median has a transform above one half, and the other way round.
    above = learned.pit > 0.5
    clear = known & (np.abs(learned.pit - 0.5) > 0.01)
    np.testing.assert_array_equal(learned.errors[clear] > 0, above[clear])


def test_what_was_not_learnt_is_refused(learned: Learned) -> None:
    with pytest.raises(KeyError, match="T9"):
        learned.draw(["T0", "T9"])
    with pytest.raises(ValueError, match="horizon 40"):
        learned.draw(["T0"], (1, 40))
