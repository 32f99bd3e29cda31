r"""Counts that rise faster than any seasonal epidemic, of which models have therefore seen nothing.

A syndrome that is new has no past: models that learnt three weeks of it are as wide as those weeks were wild, so what
comes true surprises them little and no monitor of forecasts can tell. The counts themselves can. With :math:`n` the
newest week known and :math:`m` the highest of the weeks before it within a month, growth is unheard of when

.. math:: \Pr\left(B \ge n/\varphi\right) < 10^{-5}, \qquad
          B \sim \mathrm{Binomial}\left((n + m)/\varphi,\; R / (R + 1)\right),

that is, when not even a week that truly grew :math:`R = 3` times would show so many (the conditional test of two
Poisson rates, Przyborowski & Wilenski 1940, doi:10.1093/biomet/31.3-4.313), of counts that come in clusters of
:math:`\varphi = 2`. In France the incidence of influenza-like illness never grew more than 2.2 times in a week from
2005 to 2023, the pandemic of 2009 included (Réseau Sentinelles, weeks that began above 20 per 100 000): a reproduction
number of 1.3 and three days between cases make 1.8 (Biggerstaff et al. 2014, doi:10.1186/1471-2334-14-480).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

Floats = NDArray[np.float64]

FASTEST = 3.0
"""Times by which a week may exceed the highest of the month before."""
CLUSTER = 2.0
ODDS = 1e-5
_WEEK, _WEEKS = 7, 4


def unheard_growth(counts: Floats) -> NDArray[np.bool_]:
    """Tell where the newest week rose faster than seasonal epidemics do.

    Parameters
    ----------
    counts : ndarray, shape (day, territory)
        Events a day as known, NaN where not; the last day is the newest that is judged. Five weeks are looked at.

    Returns
    -------
    ndarray of bool, shape (territory,)
        False where the newest fortnight is not known whole.

    Examples
    --------
    >>> steady, doubling = np.full(28, 40.0), 5.0 * 2.0 ** (np.arange(28) / 3.0)
    >>> unheard_growth(np.stack([steady, doubling], axis=1)).tolist()
    [False, True]
    """
    weeks = [
        counts[len(counts) - _WEEK * (k + 1) : len(counts) - _WEEK * k].sum(axis=0)
        for k in range(min(len(counts) // _WEEK, _WEEKS + 1))
    ]
    if len(weeks) < 2:
        return np.zeros(counts.shape[1], dtype=np.bool_)
    newest, before = weeks[0], np.fmax.reduce(weeks[1:])
    known = np.isfinite(newest) & np.isfinite(weeks[1])
    n, m = (np.where(known, week, 0.0) / CLUSTER for week in (newest, before))
    odds = binom.sf(np.ceil(n) - 1.0, np.ceil(n) + np.floor(m), FASTEST / (FASTEST + 1.0))
    found: NDArray[np.bool_] = known & (odds < ODDS)
    return found
