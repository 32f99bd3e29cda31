"""Real vintages lived through again: forecasts made at past moments from what was reported by then.

At each moment the same forecast is made three times: from the reports completed by the nowcast, from the reports
at face value, and from final values of the same cells, which nobody had (the *oracle*: below it there is nothing to
gain by nowcasting); and three times again by a model that knows no growth, where nothing but the newest level
counts. The yardstick is the protocol's persistence on the reports at face value. Scored is the mean of the target
over the seven days (or the value of the first week) after the moment, against final values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.backtest.task import Task
from forecasting.backtest.yardstick import persistence_quantiles
from forecasting.distribution import QUANTILE_LEVELS
from forecasting.forecast import forecast
from forecasting.models import REGISTRY
from forecasting.models.base import Model
from forecasting.models.persistence import Persistence
from forecasting.nowcast.tail import LONGEST_DELAY
from forecasting.panel import Floats, Panel
from forecasting.relative_scoring import ratio_of_sums
from forecasting.scoring import absolute_error_of_median, interval_coverage, wis
from forecasting.transforms import trailing_mean

LEVELS = np.asarray(QUANTILE_LEVELS)
YARDSTICK = "persistence"
STARTS = ("as reported", "with nowcast", "final values (oracle)")
MODELS = ("ensemble", "no change")
FEWEST_WEEKS = 8
SEED = 20210101


@dataclass(frozen=True)
class Moment:
    """One past moment.

    Attributes
    ----------
    as_of : datetime64[D]
    truth : ndarray, shape (territory,)
        What came, NaN where it is not known finally.
    quantiles : mapping of str to ndarray, shape (territory, level)
    """

    as_of: np.datetime64
    truth: Floats
    quantiles: dict[str, Floats]


def moments(frame: pd.DataFrame, final: Panel, target: str, most: int) -> list[np.datetime64]:
    """Choose days on which something was reported, with enough past before and a final truth after.

    Parameters
    ----------
    frame : DataFrame
        Tidy, with ``reported_at``: every version.
    final : Panel
        Settled values.
    target : str
    most : int
        Days at most, evenly thinned out.
    """
    rows = frame[frame["signal"] == target]
    reported = np.unique(pd.to_datetime(rows["reported_at"]).to_numpy().astype("datetime64[D]"))
    first = pd.to_datetime(rows["date"]).min().to_datetime64().astype("datetime64[D]")
    known = np.isfinite(final.series(target)).any(axis=1)
    last = final.dates[np.flatnonzero(known)[-1]]
    usable = reported[(reported >= first + 7 * FEWEST_WEEKS) & (reported + 7 <= last)]
    if len(usable) > most:
        usable = usable[np.unique(np.linspace(0, len(usable) - 1, most).round().astype(int))]
    return list(usable)


def replay(
    frame: pd.DataFrame,
    final: Panel,
    target: str,
    as_of_dates: Iterable[np.datetime64],
    *,
    models: Sequence[Model] = REGISTRY,
    draws: int = 500,
    done: Callable[[], object] = lambda: None,
) -> list[Moment]:
    """Forecast at each moment from what was reported by then, and score against what came.

    Parameters
    ----------
    frame : DataFrame
        Tidy, with ``reported_at``: every version.
    final : Panel
        Settled values of the same signals.
    target : str
    as_of_dates : iterable of datetime64[D]
    models : sequence of Model
    draws : int
    done : callable
        Called after each moment.
    """
    found = []
    for as_of in as_of_dates:
        found.append(_moment(frame, final, target, as_of, models, draws))
        done()
    return found


def settled(frame: pd.DataFrame) -> Panel:
    """Newest version of every cell old enough to be final, from the versions themselves."""
    panel = Panel.from_frame(frame)
    return panel.until(panel.as_of - (LONGEST_DELAY[panel.freq] + 1) * panel.period_days)


def _moment(
    frame: pd.DataFrame, final: Panel, target: str, as_of: np.datetime64, models: Sequence[Model], draws: int
) -> Moment:
    known = Panel.from_frame(frame, as_of=as_of, freq=final.freq)
    ahead = 7 if known.freq == "D" else 1
    horizons = tuple(range(1, ahead + 1))
    quantiles: dict[str, Floats] = {}
    data: dict[str, Panel | pd.DataFrame] = {
        STARTS[0]: known,
        STARTS[1]: frame,
        STARTS[2]: with_final_values(known, final),
    }
    for kind, used in zip(MODELS, (models, (Persistence(),)), strict=True):
        for start in STARTS:
            answer = forecast(
                data[start],
                target,
                horizons,
                draws=draws,
                as_of=as_of,
                rng=SEED,
                freq=known.freq,
                models=used,
            )
            means = answer.distribution.draws.mean(axis=1)
            drawn = np.quantile(means, LEVELS, axis=1).T
            quantiles[f"{kind}, {start}"] = _in_order(answer.distribution.territories, known, drawn)
    quantiles[YARDSTICK] = _persistence(known, target, ahead)
    return Moment(as_of, _truth(known, final, target, ahead), quantiles)


def with_final_values(known: Panel, final: Panel) -> Panel:
    """Replace every known cell by its final value: the same cells are unknown, none is incomplete."""
    values = known.values.copy()
    _, mine, theirs = np.intersect1d(known.dates, final.dates, return_indices=True)
    for i, territory in enumerate(known.territories):
        for k, signal in enumerate(known.signals):
            if territory in final.territories and signal in final.signals:
                best = final.values[theirs, final.territories.index(territory), final.signals.index(signal)]
                here = values[mine, i, k]
                values[mine, i, k] = np.where(np.isfinite(here) & np.isfinite(best), best, here)
    return replace(known, values=values)


def _in_order(territories: tuple[str, ...], known: Panel, values: Floats) -> Floats:
    out = np.full((len(known.territories), values.shape[1]), np.nan)
    out[[known.territories.index(t) for t in territories]] = values
    return out


def _truth(known: Panel, final: Panel, target: str, ahead: int) -> Floats:
    after = known.dates[-1] + known.period_days * np.arange(1, ahead + 1)
    at = np.searchsorted(final.dates, after)
    out = np.full(len(known.territories), np.nan)
    if at[-1] < len(final.dates):
        series = final.series(target)[at].mean(axis=0)
        for i, territory in enumerate(known.territories):
            if territory in final.territories:
                out[i] = series[final.territories.index(territory)]
    return out


def _persistence(known: Panel, target: str, ahead: int) -> Floats:
    """Quantiles of the protocol's persistence from the newest reported week (or value), (territory, level)."""
    series = known.series(target)
    complete = np.isfinite(series).mean(axis=1) > 0.5
    last = int(np.flatnonzero(complete)[-1])
    window = 7 if known.freq == "D" else 1
    task = Task(
        name="vintages",
        panel=known.until(known.dates[last]),
        target=target,
        origins=known.dates[last : last + 1],
        horizons=(ahead + len(known.dates) - 1 - last,),
        window=window,
        chosen_before=known.dates[0],
        history_from=known.dates[0],
        focus=known.territories[0],
        level_offset=0.05 * float(np.nanmean(trailing_mean(series, window))),
    )
    return persistence_quantiles(task, task.origins[0])[:, 0]


def forecast_table(found: Sequence[Moment], periods: dict[str, NDArray[np.bool_]]) -> pd.DataFrame:
    """Score each variant, one row a period and variant.

    Columns: ``WIS`` (mean), ``relative WIS`` to persistence on the reports, ``MAE``, ``bias`` (sum of errors of the
    median over the sum of the truth) and the coverage of the 50, 80 and 95 % intervals, in %.

    Parameters
    ----------
    found : sequence of Moment
    periods : mapping of str to ndarray of bool, shape (moment,)
        Which moments each period holds.
    """
    rows = []
    for period, chosen in periods.items():
        here = [m for m, c in zip(found, chosen, strict=True) if c]
        truth = np.concatenate([m.truth for m in here])
        base = np.concatenate([m.quantiles[YARDSTICK] for m in here])
        for name in (YARDSTICK, *(f"{kind}, {start}" for kind in MODELS for start in STARTS)):
            q = np.concatenate([m.quantiles[name] for m in here])
            ok = np.isfinite(truth) & np.isfinite(q).all(axis=1) & np.isfinite(base).all(axis=1)
            rows.append({"period": period, "forecast": name, **_scores(q[ok], base[ok], truth[ok])})
    return pd.DataFrame(rows)


def _scores(q: Floats, base: Floats, truth: Floats) -> dict[str, float]:
    score = wis(q, LEVELS, truth)
    cover = {f"{c:.0%}": 100 * float(interval_coverage(q, LEVELS, truth, c).mean()) for c in (0.5, 0.8, 0.95)}
    return {
        "WIS": float(score.mean()),
        "relative WIS": ratio_of_sums(score, wis(base, LEVELS, truth)),
        "MAE": float(absolute_error_of_median(q, LEVELS, truth).mean()),
        "bias": float((q[:, LEVELS.size // 2] - truth).sum() / truth.sum()),
        **cover,
    }
