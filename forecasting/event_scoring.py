"""Scores of yes-or-no forecasts: "beds needed exceed staffed beds", "this day turns red".

A probability is judged by the Brier score and its reliability (Murphy 1973), an alarm raised at a threshold
by its hit and false-alarm rates and by how many days ahead it stood, and both by what they are worth to
somebody for whom acting costs ``C`` and being caught unprepared costs ``L`` (Richardson 2000,
doi:10.1002/qj.49712656313)::

    value = (E_climate - E_forecast) / (E_climate - E_perfect)

1 is a perfect forecast, 0 is no better than always or never acting.

>>> import numpy as np
>>> brier_score(np.array([1.0, 0.0, 0.5]), np.array([1, 0, 1])).round(4)
array([0.  , 0.  , 0.25])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """Brier score and its decomposition over bins of the forecast probability.

    Attributes
    ----------
    brier, reliability, resolution, uncertainty, within_bin : float
        ``brier = reliability - resolution + uncertainty + within_bin`` exactly; ``within_bin`` is the
        remainder due to forecasts that differ inside one bin (zero when each bin holds one value).
    forecast, frequency : ndarray, shape (bin,)
        Mean forecast probability and observed frequency of each bin, NaN for an empty one.
    counts : ndarray, shape (bin,)
        Forecasts in each bin.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_bin: float
    forecast: Floats
    frequency: Floats
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class AlarmTable:
    """Contingency table of alarms against events.

    Attributes
    ----------
    hits, misses, false_alarms, quiet : int
        Counts of (alarm, event), (no alarm, event), (alarm, no event), (no alarm, no event).
    """

    hits: int
    misses: int
    false_alarms: int
    quiet: int

    @property
    def hit_rate(self) -> float:
        """Share of events that were announced; NaN without an event."""
        return _ratio(self.hits, self.hits + self.misses)

    @property
    def false_alarm_rate(self) -> float:
        """Share of event-free cases with an alarm (probability of false detection), or NaN."""
        return _ratio(self.false_alarms, self.false_alarms + self.quiet)

    @property
    def false_alarm_ratio(self) -> float:
        """Share of alarms that came to nothing; NaN without an alarm."""
        return _ratio(self.false_alarms, self.false_alarms + self.hits)


def brier_score(probability: ArrayLike, occurred: ArrayLike) -> Floats:
    """Squared error of a probability, per case.

    Parameters
    ----------
    probability : array_like
        Forecast probabilities between 0 and 1.
    occurred : array_like, same shape
        1 or True where the event happened, NaN where it is unknown.

    Returns
    -------
    ndarray
        Same shape; NaN where unknown.
    """
    result: Floats = (np.asarray(probability, dtype=np.float64) - np.asarray(occurred, dtype=np.float64)) ** 2
    return result


def brier_reliability(probability: ArrayLike, occurred: ArrayLike, bins: int = 10) -> Reliability:
    """Decompose the mean Brier score into reliability, resolution and uncertainty.

    Parameters
    ----------
    probability, occurred : array_like, same shape
        As in :func:`brier_score`; pairs with a NaN are left out.
    bins : int
        Equal bins of the forecast probability.

    Returns
    -------
    Reliability
        With the points of the reliability diagram.

    Raises
    ------
    ValueError
        If there is no known case.
    """
    forecast, event = _known(probability, occurred)
    if forecast.size == 0:
        raise ValueError("no case with both a probability and an outcome: there is nothing to score")
    index = np.minimum((forecast * bins).astype(np.int64), bins - 1)
    counts = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_forecast = np.bincount(index, forecast, bins) / counts
        frequency = np.bincount(index, event, bins) / counts
    base = float(event.mean())
    share = counts / forecast.size
    brier = float(((forecast - event) ** 2).mean())
    reliability = float(np.nansum(share * (mean_forecast - frequency) ** 2))
    resolution = float(np.nansum(share * (frequency - base) ** 2))
    uncertainty = base * (1.0 - base)
    within = brier - (reliability - resolution + uncertainty)
    return Reliability(brier, reliability, resolution, uncertainty, within, mean_forecast, frequency, counts)


def alarm_table(probability: ArrayLike, occurred: ArrayLike, threshold: float) -> AlarmTable:
    """Count hits and false alarms of alarms raised at a probability threshold.

    Parameters
    ----------
    probability, occurred : array_like, same shape
        As in :func:`brier_score`; pairs with a NaN are left out.
    threshold : float
        An alarm stands where the probability is at or above it.

    Returns
    -------
    AlarmTable
        The four counts, and the rates read from them.
    """
    forecast, event = _known(probability, occurred)
    alarm, happened = forecast >= threshold, event > 0.5
    return AlarmTable(
        hits=int((alarm & happened).sum()),
        misses=int((~alarm & happened).sum()),
        false_alarms=int((alarm & ~happened).sum()),
        quiet=int((~alarm & ~happened).sum()),
    )


def days_of_warning(probability: ArrayLike, leads: ArrayLike, threshold: float) -> Floats:
    """Count how long before each event an alarm stood without a break.

    An alarm that came and went before the event is not counted: nobody can act on a warning that was
    withdrawn.

    Parameters
    ----------
    probability : array_like, shape (event, lead)
        Probability of the event published ``leads`` before it; NaN (no run that day) breaks nothing and gives
        nothing.
    leads : array_like, shape (lead,)
        Days before the event, increasing.
    threshold : float
        An alarm stands at or above it.

    Returns
    -------
    ndarray, shape (event,)
        Days of warning; NaN for an event without an alarm at the shortest known lead.
    """
    forecast = np.asarray(probability, dtype=np.float64)
    ahead = np.asarray(leads, dtype=np.float64)
    if np.any(np.diff(ahead) <= 0):
        raise ValueError(f"leads must increase, got {ahead.tolist()}")
    silent = forecast < threshold
    unbroken = np.cumsum(silent, axis=1) == 0
    standing = unbroken & np.isfinite(forecast)
    longest = np.where(standing, ahead, -np.inf).max(axis=1)
    return np.where(np.isfinite(longest), longest, np.nan)


def economic_value(probability: ArrayLike, occurred: ArrayLike, cost_loss: ArrayLike) -> Floats:
    """Relative value of acting when the probability reaches the cost/loss ratio.

    Parameters
    ----------
    probability, occurred : array_like, same shape
        As in :func:`brier_score`; pairs with a NaN are left out.
    cost_loss : array_like, shape (ratio,)
        Cost of acting over loss avoided, strictly between 0 and 1; also the threshold at which that user
        acts.

    Returns
    -------
    ndarray, shape (ratio,)
        1 perfect, 0 no better than the best of always and never acting, under 0 worse; NaN if the event
        always or never happened, when no forecast can have a value.
    """
    forecast, event = _known(probability, occurred)
    ratios = np.asarray(cost_loss, dtype=np.float64)
    if np.any((ratios <= 0) | (ratios >= 1)):
        raise ValueError(f"cost/loss ratios must lie strictly between 0 and 1, got {ratios.tolist()}")
    base = float(event.mean()) if event.size else float("nan")
    acts = forecast[None, :] >= ratios[:, None]
    expense = (acts * ratios[:, None] + (~acts) * event[None, :]).mean(axis=1)
    climate = np.minimum(ratios, base)
    perfect = base * ratios
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(climate > perfect, (climate - expense) / (climate - perfect), np.nan)


def _known(probability: ArrayLike, occurred: ArrayLike) -> tuple[Floats, Floats]:
    forecast = np.asarray(probability, dtype=np.float64).ravel()
    event = np.asarray(occurred, dtype=np.float64).ravel()
    if forecast.shape != event.shape:
        raise ValueError(f"{forecast.size} probabilities but {event.size} outcomes: give one outcome a case")
    known = np.isfinite(forecast) & np.isfinite(event)
    return forecast[known], event[known]


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
