"""Forecasts in the hubverse model-output format (https://docs.hubverse.io, "model output").

One row a value: ``reference_date, target, horizon, location, target_end_date, output_type, output_type_id,
value``. This writer is the only place where the engine's ``origin`` becomes that standard's
``reference_date``. Weeks are named by the day they start inside the engine; the standard names the day a
period ends, six days later.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from forecasting.distribution import ForecastDistribution

COLUMNS = (
    "reference_date",
    "target",
    "horizon",
    "location",
    "target_end_date",
    "output_type",
    "output_type_id",
    "value",
)


def rows(forecast: ForecastDistribution, levels: Sequence[float], *, samples: bool = False) -> pd.DataFrame:
    """Write a distribution as quantile rows, and sample rows when asked.

    Parameters
    ----------
    forecast : ForecastDistribution
    levels : sequence of float
        Quantile levels, written as the shortest text that reads back (0.025, 0.5).
    samples : bool
        Add every draw as ``output_type=sample``; one id a joint path.
    """
    quantiles = forecast.quantiles(levels)
    parts = [_block(forecast, quantiles, "quantile", [f"{level:g}" for level in levels])]
    if samples:
        ids = [str(d) for d in range(forecast.draws.shape[-1])]
        parts.append(_block(forecast, forecast.draws, "sample", ids))
    return pd.concat(parts, ignore_index=True)


def write(
    forecast: ForecastDistribution, path: Path, levels: Sequence[float], *, samples: bool = False
) -> None:
    """Write CSV, or Parquet when the name ends in ``.parquet``."""
    frame = rows(forecast, levels, samples=samples)
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)


def _block(
    forecast: ForecastDistribution, values: NDArray[np.float64], output_type: str, ids: Sequence[str]
) -> pd.DataFrame:
    period_end = np.timedelta64(0 if forecast.freq == "D" else 6, "D")
    ends = forecast.target_dates() + period_end
    n_territories, n_horizons, n_ids = values.shape
    per_cell, per_territory = n_ids, n_horizons * n_ids
    return pd.DataFrame(
        {
            "reference_date": str(forecast.origin + period_end),
            "target": forecast.target,
            "horizon": np.tile(np.repeat(forecast.horizons, per_cell), n_territories),
            "location": np.repeat(forecast.territories, per_territory),
            "target_end_date": np.tile(np.repeat(ends.astype(str), per_cell), n_territories),
            "output_type": output_type,
            "output_type_id": np.tile(ids, n_territories * n_horizons),
            "value": values.reshape(-1),
        },
        columns=list(COLUMNS),
    )
