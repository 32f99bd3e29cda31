r"""Forecasts that no level seen so far leads to, caught before anybody reads them.

The monitors need days of truth; a model that has learnt too little can be absurd on the first. With :math:`m`
the mean of the median over the coming week and :math:`n` the mean of the last known one, per day, a forecast is
implausible when a week would multiply or divide the level by more than any epidemic does,

.. math:: m + c > R\,(n_{max} + c) \quad\text{or}\quad R'\,(m + c) < n_{min} + c,

with :math:`n_{max}, n_{min}` over the last four weeks and :math:`c` five events a day, so that small counts
may do what small counts do. :math:`R = 8` is a doubling time of two days and eight hours, faster than the spring of
2020; :math:`R' = 5` is a fall that only a closed door explains.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecasting.trust.verdicts import Cause, Parameter

Floats = NDArray[np.float64]

RISE, FALL = 8.0, 5.0
SMALL_COUNT = 5.0
_WEEK, _WEEKS = 7, 4


def implausible_forecast(known: Floats, coming: Floats, target: str) -> Cause | None:
    """Judge one territory's forecast against its own newest weeks.

    Parameters
    ----------
    known : ndarray, shape (day,)
        Observed counts, NaN where unknown.
    coming : ndarray, shape (day, draw)
        Drawn counts of the next seven days or more.
    target : str
        Whose, for the words.

    Returns
    -------
    Cause or None
        ``trust.forecast_implausible`` with ``target``, ``median`` and ``usual`` (events a day).
    """
    seen = known[np.isfinite(known)][-_WEEK * _WEEKS :]
    weeks = [seen[i : i + _WEEK].mean() for i in range(len(seen) % _WEEK, len(seen), _WEEK)]
    if not weeks or len(coming) < _WEEK:
        return None
    median = float(np.median(coming[:_WEEK], axis=1).mean())
    rises = median + SMALL_COUNT > RISE * (max(weeks) + SMALL_COUNT)
    falls = FALL * (median + SMALL_COUNT) < min(weeks) + SMALL_COUNT
    if not (rises or falls):
        return None
    parameters: dict[str, Parameter] = {
        "target": target,
        "median": round(median, 1),
        "usual": round(float(weeks[-1]), 1),
    }
    return Cause("trust.forecast_implausible", "degraded", parameters)
