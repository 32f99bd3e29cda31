"""Checks of what a forecast is fed: is it there, is it plausible, does it still mean what it did.

Each check gives causes by territory for :func:`forecasting.trust.assess`. None of them changes a value.

- *stale*: the newest value is older than the signal's usual delay allows;
- *negative*, *far out of range*, *flat*: values no working sender would send. Flat means zero for so long that a
  Poisson series of its level would do so less than once in a hundred thousand;
- *delays changed*: the completeness by delay moved by more than a tenth, so nowcasts scale by the wrong factor;
- *lag moved*: the interval of a lead no longer meets the earlier one, and both were told by a strong correlation. The
  lead of a weak one wanders from wave to wave without anything having changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from forecasting.leadlag import LeadLag
from forecasting.trust import Cause, Parameter, Trust

Floats = NDArray[np.float64]
Causes = dict[str, tuple[Cause, ...]]

_RANGE_FACTOR = 3.0
_RANGE_MARGIN = 5.0
_FLAT_ODDS = 1e-5
_LAG_MOVE = 3.0
_LAG_STRENGTH = 0.65
_DELAY_SHIFT = 0.1


def merged(*found: Mapping[str, Sequence[Cause]]) -> Causes:
    """Put the causes of several checks together.

    Parameters
    ----------
    *found : mapping of territory to causes
        What the checks gave.

    Returns
    -------
    dict of territory to tuple of Cause
        In the order given.
    """
    together: Causes = {}
    for causes in found:
        for code, some in causes.items():
            together[code] = together.get(code, ()) + tuple(some)
    return together


def stale_signals(
    values: Floats,
    exists: NDArray[np.bool_],
    territories: Sequence[str],
    signals: Sequence[str],
    usual_delay: Mapping[str, int],
    *,
    target: str | None = None,
    tolerance: int = 2,
) -> Causes:
    """Name the signals whose newest value is older than it should be.

    Parameters
    ----------
    values : ndarray, shape (time, territory, signal)
        Panel as known now; its last row is the run's own date.
    exists : ndarray of bool, shape (territory, signal)
        Where the service exists.
    territories, signals : sequence of str
        Codes and names.
    usual_delay : mapping of signal to int
        Steps between a date and its first report; 1 if absent.
    target : str, optional
        The signal that is forecast: without it for a week beyond its tolerance, the forecast is broken.
    tolerance : int
        Steps of grace.

    Returns
    -------
    dict of territory to tuple of Cause
        ``trust.signal_stale`` with ``signal``, ``age`` and ``usual``.
    """
    known = np.isfinite(values)
    age = np.where(known.any(axis=0), np.argmax(known[::-1], axis=0), values.shape[0])
    causes: Causes = {}
    for p, code in enumerate(territories):
        for s, name in enumerate(signals):
            usual = usual_delay.get(name, 1)
            late = int(age[p, s]) - usual
            if exists[p, s] and late > tolerance:
                severity: Trust = "broken" if name == target and late > tolerance + 7 else "degraded"
                cause = Cause(
                    "trust.signal_stale", severity, {"signal": name, "age": int(age[p, s]), "usual": usual}
                )
                causes[code] = (*causes.get(code, ()), cause)
    return causes


def implausible_values(
    values: Floats,
    territories: Sequence[str],
    signals: Sequence[str],
    *,
    target: str | None = None,
    recent: int = 7,
    history: int = 180,
) -> Causes:
    """Name the signals whose newest values are negative, far beyond their history, or flat at zero.

    Parameters
    ----------
    values : ndarray, shape (time, territory, signal)
        Panel as known now.
    territories, signals : sequence of str
        Codes and names.
    target : str, optional
        The signal that is forecast, whose faults break the forecast.
    recent : int
        Steps looked at.
    history : int
        Steps before them that say what is usual; at least four times ``recent`` must be known.

    Returns
    -------
    dict of territory to tuple of Cause
        ``trust.input_negative``, ``trust.input_out_of_range`` or ``trust.input_flat``, with ``signal``,
        ``value`` and ``usual``.
    """
    newest = values[-recent:]
    before = values[-(history + recent) : -recent]
    causes: Causes = {}
    for p, code in enumerate(territories):
        for s, name in enumerate(signals):
            fault = _fault(newest[:, p, s], before[:, p, s])
            if fault is not None:
                key, value, usual = fault
                severity: Trust = "broken" if name == target else "degraded"
                parameters: dict[str, Parameter] = {"signal": name, "value": value, "usual": usual}
                causes[code] = (*causes.get(code, ()), Cause(key, severity, parameters))
    return causes


def _fault(newest: Floats, before: Floats) -> tuple[str, float, float] | None:
    now, past = newest[np.isfinite(newest)], before[np.isfinite(before)]
    if now.size and now.min() < 0:
        return "trust.input_negative", float(now.min()), 0.0
    if now.size == 0 or past.size < 4 * newest.size:
        return None
    ceiling = _RANGE_FACTOR * float(past.max()) + _RANGE_MARGIN * np.sqrt(max(float(past.max()), 1.0))
    if now.max() > ceiling:
        return "trust.input_out_of_range", float(now.max()), float(past.max())
    # The level just before, not the whole history: a signal may rightly sleep through the summer.
    level = float(past[-4 * newest.size :].min()), float(past[-4 * newest.size :].mean())
    if (
        now.size == newest.size
        and not now.any()
        and np.exp(-now.size * level[1]) < _FLAT_ODDS
        and level[0] > 0
    ):
        return "trust.input_flat", 0.0, level[1]
    return None


def moved_lags(now: Sequence[LeadLag], before: Sequence[LeadLag]) -> Causes:
    """Name the leads whose interval no longer meets the earlier one.

    Parameters
    ----------
    now, before : sequence of LeadLag
        The atlas of the newest stretch of days and of an earlier one; the less they share, the more they can tell.

    Returns
    -------
    dict of territory to tuple of Cause
        ``trust.lag_moved`` with ``signal``, ``before`` and ``now`` where both have strong evidence, the intervals
        are disjoint and the lag moved by three steps or more.
    """
    earlier = {(row.territory, row.signal): row for row in before if _is_known(row)}
    causes: Causes = {}
    for row in now:
        old = earlier.get((row.territory, row.signal))
        if old is None or not _is_known(row):
            continue
        apart = row.low > old.high or row.high < old.low
        if apart and abs(row.lag - old.lag) >= _LAG_MOVE:
            cause = Cause(
                "trust.lag_moved", "degraded", {"signal": row.signal, "before": old.lag, "now": row.lag}
            )
            causes[row.territory] = (*causes.get(row.territory, ()), cause)
    return causes


def _is_known(row: LeadLag) -> bool:
    return row.state == "evidence" and row.strength >= _LAG_STRENGTH


def changed_delays(
    now: Floats,
    before: Floats,
    territories: Sequence[str],
    signal: str,
    *,
    tolerance: float | Floats = _DELAY_SHIFT,
) -> Causes:
    """Name the territories whose completeness by delay has shifted.

    Parameters
    ----------
    now, before : ndarray, shape (delay, territory)
        Completeness of this run and of an earlier one (:class:`forecasting.nowcast.Completeness`).
    territories : sequence of str
        Codes.
    signal : str
        Whose delays.
    tolerance : float or ndarray, shape (territory,)
        Shift of the share reported, at the delay where it is largest; more where counts are small.

    Returns
    -------
    dict of territory to tuple of Cause
        ``trust.delays_changed`` with ``signal``, ``delay``, ``before`` and ``now`` (shares).
    """
    size = min(now.shape[0], before.shape[0])
    shift = np.abs(now[:size] - before[:size])
    worst = shift.argmax(axis=0)
    least = np.broadcast_to(np.asarray(tolerance, dtype=np.float64), worst.shape)
    causes: Causes = {}
    for p, code in enumerate(territories):
        d = int(worst[p])
        if shift[d, p] > least[p]:
            parameters: dict[str, Parameter] = {
                "signal": signal,
                "delay": d,
                "before": round(float(before[d, p]), 3),
                "now": round(float(now[d, p]), 3),
            }
            causes[code] = (Cause("trust.delays_changed", "degraded", parameters),)
    return causes
