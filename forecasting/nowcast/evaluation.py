"""Is the nowcast worth having? Scored against "take the values as reported", on past vintages only.

At each extract date the nowcast sees the extracts up to that day; the truth is a later, settled value. The
yardstick is the reported value itself, whose weighted interval score is its absolute error.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from forecasting.distribution import QUANTILE_LEVELS
from forecasting.nowcast.nowcasting import nowcast
from forecasting.nowcast.triangle import Frequency, triangle_of_vintages
from forecasting.scoring import interval_coverage, wis

LEVELS = np.array(QUANTILE_LEVELS)


def nowcast_report(
    vintages: pd.DataFrame,
    truth: pd.DataFrame,
    as_of_dates: Iterable[str | np.datetime64],
    rng: np.random.Generator,
    *,
    freq: Frequency = "D",
    max_delay: int = 14,
    lags: tuple[int, ...] = (1, 2, 3, 4),
    draws: int = 400,
) -> pd.DataFrame:
    """Score nowcasts made at past extract dates.

    Parameters
    ----------
    vintages : DataFrame
        Columns ``as_of``, ``date``, ``territory``, ``value``.
    truth : DataFrame
        Columns ``date``, ``territory``, ``value``: settled values (for weeks, by the day they start).
    as_of_dates : iterable of dates
        Moments of the nowcasts; each sees the vintages up to that day only.
    rng : numpy.random.Generator
        Source of randomness.
    freq, max_delay
        As in :func:`~forecasting.nowcast.triangle.triangle_of_vintages`.
    lags : tuple of int
        Calendar steps between a date and the extract (for weeks, after the week's last day).
    draws : int
        Draws of each nowcast.

    Returns
    -------
    DataFrame
        One row a lag and one for all: ``cells``, ``mae``, ``mae_naive``, ``relative_mae`` (of the median),
        ``wis``, ``relative_wis``, ``bias`` and ``bias_naive`` (sum of errors over sum of truth), and coverage
        of the 50, 80 and 95 % intervals.
    """
    parts = [_score_one(vintages, truth, as_of, rng, freq, max_delay, draws) for as_of in as_of_dates]
    cells = pd.concat(parts, ignore_index=True) if parts else _score_frame()
    cells = cells.loc[cells["lag"].isin(lags)]
    rows = [_summary(str(lag), cells.loc[cells["lag"] == lag]) for lag in lags]
    return pd.DataFrame([*rows, _summary("all", cells)]).set_index("lag")


def _score_frame() -> pd.DataFrame:
    return pd.DataFrame(
        columns=["lag", "reported", "median", "final", "wis", "c50", "c80", "c95"], dtype=float
    )


def _score_one(
    vintages: pd.DataFrame,
    truth: pd.DataFrame,
    as_of: str | np.datetime64,
    rng: np.random.Generator,
    freq: Frequency,
    max_delay: int,
    draws: int,
) -> pd.DataFrame:
    triangle = triangle_of_vintages(vintages, as_of, max_delay=max_delay, freq=freq)
    made = nowcast(triangle, rng, draws=draws)
    settled = truth.assign(date=pd.to_datetime(truth["date"]).astype("datetime64[s]"))
    final = (
        settled.pivot_table(index="date", columns="territory", values="value", aggfunc="first")
        .reindex(index=pd.DatetimeIndex(made.dates).astype("datetime64[s]"), columns=list(made.territories))
        .to_numpy(dtype=np.float64)
    )
    step = 7 if freq == "W" else 1
    day = np.datetime64(str(pd.Timestamp(as_of).date()), "D")
    lag = (day - made.dates).astype(np.int64) // step - (1 if freq == "W" else 0)
    known = np.isfinite(made.reported) & np.isfinite(final) & np.isfinite(made.expected)
    quantiles = np.moveaxis(np.quantile(made.draws, LEVELS, axis=0, method="inverted_cdf"), 0, -1)[known]
    observed = final[known]
    return pd.DataFrame(
        {
            "lag": np.broadcast_to(lag[:, None], known.shape)[known],
            "reported": made.reported[known],
            "median": quantiles[:, LEVELS.size // 2],
            "final": observed,
            "wis": wis(quantiles, LEVELS, observed),
            "c50": interval_coverage(quantiles, LEVELS, observed, 0.5),
            "c80": interval_coverage(quantiles, LEVELS, observed, 0.8),
            "c95": interval_coverage(quantiles, LEVELS, observed, 0.95),
        }
    )


def _summary(name: str, cells: pd.DataFrame) -> dict[str, float | str]:
    error, naive = (cells["median"] - cells["final"]).abs(), (cells["reported"] - cells["final"]).abs()
    total = float(cells["final"].sum())
    return {
        "lag": name,
        "cells": len(cells),
        "mae": float(error.mean()),
        "mae_naive": float(naive.mean()),
        "relative_mae": _over(float(error.sum()), float(naive.sum())),
        "wis": float(cells["wis"].mean()),
        "relative_wis": _over(float(cells["wis"].sum()), float(naive.sum())),
        "bias": _over(float((cells["median"] - cells["final"]).sum()), total),
        "bias_naive": _over(float((cells["reported"] - cells["final"]).sum()), total),
        "coverage_50": float(cells["c50"].mean()),
        "coverage_80": float(cells["c80"].mean()),
        "coverage_95": float(cells["c95"].mean()),
    }


def _over(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
