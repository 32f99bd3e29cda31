"""Verification: past runs scored against what became true, once it had matured.

The truth of a day is taken ten days after it, when late reports have come; it is read from the store as known
at that moment. The yardstick is drawn from the very panel the run read, so both knew the same.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import structlog
from numpy.typing import NDArray

from forecasting import store
from forecasting.distribution import read_quantiles
from forecasting.jobs.forecaster import BACK_DAYS, draw_yardstick
from forecasting.jobs.inputs import RunInputs
from forecasting.panel import Panel
from forecasting.run import SeriesForecast
from forecasting.scoring import interval_coverage, pit_of_quantiles, wis
from forecasting.store.scores import Score
from infra.clock import civil_date
from infra.database import Connection
from streams.store.counts import read_counts

log = structlog.get_logger(__name__)

Floats = NDArray[np.float64]
MATURES_AFTER = timedelta(days=10)
LOOK_BACK = timedelta(days=60)
YARDSTICK_DRAWS = 400


def verify_matured(connection: Connection, now: datetime) -> int:
    """Score every horizon whose truth has matured and that was not scored before; the caller commits.

    Returns
    -------
    int
        Scores recorded.
    """
    until = civil_date(now) - MATURES_AFTER
    recorded = 0
    for run_id in store.unscored_runs(connection, until, until - LOOK_BACK):
        recorded += store.record_scores(connection, _scores(connection, run_id, until, now))
    if recorded:
        log.info("runs_verified", scores=recorded, matured_until=until.isoformat())
    return recorded


def _scores(connection: Connection, run_id: int, until: date, now: datetime) -> list[Score]:
    record = store.run(connection, run_id)
    if record is None:
        return []
    inputs = RunInputs.from_documents(store.inputs(connection, run_id))
    found: list[Score] = []
    truths: dict[str, dict[tuple[str, str, date], float]] = {}
    for series in store.run_series(connection, run_id):
        if series.territory not in truths:
            truths[series.territory] = _truths(connection, series.territory, record.origin, until, now)
        found += _series_scores(series, run_id, record.origin, truths[series.territory], inputs, until, now)
    return found


def _truths(
    connection: Connection, territory: str, origin: date, until: date, now: datetime
) -> dict[tuple[str, str, date], float]:
    """Return what became true, by facility, target and day."""
    found: dict[tuple[str, str, date], float] = {}
    for by_facility in (False, True):
        counts = read_counts(
            connection,
            signals=[
                "admissions",
                "critical_admissions",
                "ed_visits",
                "occupied_beds",
                "occupied_critical_beds",
            ],
            syndromes=["covid", "influenza", "bronchiolitis", "gastroenteritis", "all"],
            places=[territory],
            start=origin,
            end=min(origin + timedelta(days=15), until + timedelta(days=1)),
            as_of=now,
            by_facility=by_facility,
        )
        # A mean of a year starts on a day too, and is not that day's truth.
        counts = counts[counts["reference_end"] - counts["reference_date"] == timedelta(days=1)]
        days = counts["reference_date"].dt.date
        targets = counts["signal"] + ":" + counts["syndrome"]
        keys = zip(counts["facility"], targets, days, strict=True)
        found |= dict(zip(keys, counts["value"].astype(float), strict=True))
    return found


def _series_scores(
    series: SeriesForecast,
    run_id: int,
    origin: date,
    truths: dict[tuple[str, str, date], float],
    inputs: RunInputs,
    until: date,
    now: datetime,
) -> list[Score]:
    panel = inputs.facility_panel if series.facility else inputs.panel
    baseline = None if panel is None else _baseline(series, panel)
    found = []
    for place, horizon in enumerate(series.horizons):
        day = origin + timedelta(days=horizon)
        observed = truths.get((series.facility, series.target.key, day))
        if observed is None or day > until:
            continue
        quantiles, levels = series.quantiles[place], np.asarray(series.levels)
        rng = np.random.default_rng([run_id, horizon])
        found.append(
            Score(
                run_id=run_id,
                territory=series.territory,
                target=series.target.key,
                facility=series.facility,
                horizon=horizon,
                day=day,
                observed=observed,
                median=float(np.interp(0.5, levels, quantiles)),
                wis=float(wis(quantiles, levels, observed)),
                baseline_wis=None if baseline is None else float(wis(baseline[place], levels, observed)),
                covered_50=bool(interval_coverage(quantiles, levels, observed, 0.5)),
                covered_80=bool(interval_coverage(quantiles, levels, observed, 0.8)),
                covered_95=bool(interval_coverage(quantiles, levels, observed, 0.95)),
                pit=float(pit_of_quantiles(quantiles, levels, observed, rng)),
                truth_as_of=now,
            )
        )
    return found


def _baseline(series: SeriesForecast, panel: Panel) -> Floats | None:
    """Return the yardstick's quantiles from what the run knew, shape (horizon, level)."""
    place = series.facility or series.territory
    if series.target.key not in panel.signals or place not in panel.territories:
        return None
    try:
        draws = draw_yardstick(panel, series.target.key, place, YARDSTICK_DRAWS, seed=0)[BACK_DAYS:]
    except ValueError:
        return None
    return read_quantiles(draws, series.levels)
