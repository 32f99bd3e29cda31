"""What a forecast's distribution says of itself: chances and the exchange format, read from the same draws."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.distribution import ForecastDistribution


@pytest.fixture
def beds() -> ForecastDistribution:
    """Two hospitals over two days: draws 0 to 3, ten times that on the second day, twice that in the second one."""
    draws = np.arange(4.0) * np.array([[1.0], [10.0]]) * np.array([1.0, 2.0])[:, None, None]
    return ForecastDistribution(
        origin=np.datetime64("2021-01-01"),
        freq="D",
        target="occupied_beds",
        territories=("a", "b"),
        horizons=(1, 2),
        draws=draws,
    )


def test_a_chance_is_the_share_of_draws_strictly_above(beds: ForecastDistribution) -> None:
    np.testing.assert_allclose(beds.probability_above(2.0), [[0.25, 0.75], [0.5, 0.75]])
    by_place = beds.probability_above(np.array([[3.0], [5.0]]))
    np.testing.assert_allclose(by_place, [[0.0, 0.75], [0.25, 0.75]])


def test_the_exchange_format_tells_the_same_quantiles(beds: ForecastDistribution) -> None:
    rows = beds.to_hubverse((0.25, 0.5))
    assert len(rows) == 2 * 2 * 2
    told = rows[rows["output_type"] == "quantile"]["value"].to_numpy().reshape(2, 2, 2)
    np.testing.assert_allclose(told, beds.quantiles((0.25, 0.5)))
