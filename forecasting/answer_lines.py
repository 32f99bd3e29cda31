"""What a terminal says of a forecast beside its figures: models left out and why, days that are told as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from forecasting.ensemble import LeftOut
from forecasting.transforms import Floats

WHY: Mapping[str, str] = {
    "history.short": "the history is too short for it",
    "model.failed": "it failed: {error}",
    "model.not_finite": "its figures are not finite",
    "model.wild": "its figures are far from those of all others",
}
"""Reasons why a model has no part in a forecast, by message key."""


def why_left_out(left: LeftOut) -> str:
    """Return the reason in words."""
    return WHY[left.key].format(**left.params)


def told_as_it_is(horizons: Sequence[int], quantiles: Floats, frame: pd.DataFrame) -> bool:
    """Tell whether the last date's own value is given for its forecast, as its frame does not say when it was told.

    Parameters
    ----------
    horizons : sequence of int
    quantiles : ndarray, shape (territory, horizon, level)
    frame : DataFrame
        The tidy frame the forecast was made from.
    """
    if 0 not in horizons or "reported_at" in frame.columns:
        return False
    last = quantiles[:, list(horizons).index(0)]
    return bool(np.any(last[:, 0] == last[:, -1]))
