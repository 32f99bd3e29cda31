"""Beds of one place: which stock, which stays, which admissions, and the draws that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forecasting.beds import (
    Present,
    chance_of_departures,
    discrete_hazards,
    draw_error_paths,
    draw_hazards,
    fit_stretch,
    inflow_factor,
    known_at_start,
    occupy,
    past_errors,
    stay_table,
)
from forecasting.beds.stay_lengths import STRETCHES, StayTable, survival
from forecasting.jobs.days_off import least_share
from forecasting.jobs.forecaster import BACK_DAYS
from forecasting.jobs.inputs import BedInputs
from forecasting.jobs.seeds import stream
from forecasting.panel import Panel
from forecasting.run import HORIZON_DAYS, STOCK, Unit

Floats = NDArray[np.float64]
UNITS: tuple[Unit, ...] = ("conventional", "critical")
SYNDROME_ORDER = ("all", "covid", "influenza", "bronchiolitis", "gastroenteritis")
FLOW: Mapping[Unit, str] = {"conventional": "admissions", "critical": "critical_admissions"}
STAFFED: Mapping[Unit, str] = {"conventional": "staffed_beds", "critical": "staffed_critical_beds"}
FIT_DAYS = 42
LEAST_FIT_DAYS = 21
AMPLE_STAYS = 200
ERROR_DAYS = 400
SATURDAY = 5


@dataclass(frozen=True, eq=False)
class BedDraws:
    """Beds needed in one unit of one place for one syndrome.

    Attributes
    ----------
    draws
        Days 0 to 14, shape (horizon, draw).
    stock_age_days
        Days from the newest known stock to day 0; None when the stock itself was estimated from admissions.
    staying
        Mean share of an admission that is in these beds after so many days, shape (age,); empty for a sum.
    """

    unit: Unit
    syndrome: str
    draws: Floats
    stock_age_days: int | None
    staying: Floats = field(default_factory=lambda: np.zeros(0))


def column(panel: Panel, place: str, signal: str, syndrome: str) -> Floats | None:
    """Return a series of a place, or None when the panel has none."""
    key = f"{signal}:{syndrome}"
    if key not in panel.signals or place not in panel.territories:
        return None
    values = panel.series(key)[:, panel.territories.index(place)]
    return values if np.isfinite(values).any() else None


def newest(values: Floats | None) -> tuple[float, int] | None:
    """Return the newest known value and its age in days at day 0."""
    if values is None:
        return None
    known = np.flatnonzero(np.isfinite(values))
    return (float(values[known[-1]]), len(values) - 1 - int(known[-1])) if len(known) else None


def beds_of(
    panel: Panel,
    place: str,
    unit: Unit,
    syndrome: str,
    admissions: Floats,
    beds: BedInputs,
    seed: int,
) -> BedDraws | None:
    """Draw the beds one unit needs, or None when neither stock nor past admissions say where it starts.

    Parameters
    ----------
    admissions
        Draws of days -`BACK_DAYS` to 14, shape (day, draw).
    """
    rng = stream(seed, place, f"{STOCK[unit]}:{syndrome}", "beds")
    stock = column(panel, place, STOCK[unit], syndrome)
    flow = column(panel, place, FLOW[unit], syndrome)
    table = stay_table(unit, syndrome, beds.tables)
    hazards, inflow = _hazards(stock, flow, table, beds, place, unit, admissions.shape[1], rng)
    start = _start(stock, flow, hazards, beds.present.get((place, unit)) if syndrome == "all" else None)
    if start is None:
        return None
    present, age, measured = start
    coming = admissions[len(admissions) - HORIZON_DAYS - age :] * inflow
    path = occupy(coming, present, hazards, rng).occupied.astype(float)
    if measured and stock is not None and flow is not None:
        known = slice(len(stock) - age)
        last_day = panel.dates[len(stock) - 1 - age]
        expected = coming.mean(axis=1)
        local = panel.local_holidays.get(place, panel.holidays[:0])
        path = _with_past_errors(
            path, stock[known], flow[known], hazards, inflow, expected, last_day, local, rng
        )
    if age == 0:
        path = np.vstack([np.full((1, path.shape[1]), float(present.number)), path])
    staying = survival(hazards).mean(axis=0) * float(inflow.mean())
    return BedDraws(unit, syndrome, path[-(HORIZON_DAYS + 1) :], age if measured else None, staying)


def _with_past_errors(
    path: Floats,
    stock: Floats,
    flow: Floats,
    hazards: Floats,
    inflow: Floats,
    coming: Floats,
    last_day: np.datetime64,
    local: NDArray[np.datetime64],
    rng: np.random.Generator,
) -> Floats:
    """Add what the model has missed in the last year, foreseen or not.

    Parameters
    ----------
    stock, flow
        Up to the day the forecast starts from, `last_day`, shape (time,).
    coming
        Expected inflow of each day after it, shape (day,).
    local
        Public holidays of the place beside the country's.
    """
    stock, flow = stock[-ERROR_DAYS:], flow[-ERROR_DAYS:]
    mean_hazards, horizon = hazards.mean(axis=0), len(path)
    errors = past_errors(stock, flow, mean_hazards, float(inflow.mean()), horizon)
    days = last_day + np.arange(1 - len(stock), horizon + 1)
    # 1 January 1970 was a Thursday.
    weekday = (days.astype("datetime64[D]").astype(np.int64) + 3) % 7
    more = set(local.tolist())
    shut = np.array([1.0 - least_share(day, more) for day in days.astype("datetime64[D]").tolist()])
    shut = np.where(weekday < SATURDAY, shut, 0.0)
    known = known_at_start(errors, weekday[: len(errors)], shut)
    thinning = chance_of_departures(float(stock[-1]), coming, mean_hazards)
    missed = draw_error_paths(errors, known, thinning, path.shape[1], rng)
    return np.round(path * np.maximum(1.0 + missed, 0.0))


def _start(
    stock: Floats | None, flow: Floats | None, hazards: Floats, by_elapsed: NDArray[np.int64] | None
) -> tuple[Present, int, bool] | None:
    """Return patients present, how many days before day 0 they were counted, and whether they were counted."""
    found = newest(stock)
    ages_known = by_elapsed is not None and by_elapsed.sum() > 0
    if found is not None and found[1] == 1 and by_elapsed is not None and ages_known:
        # The census says how many, the movements of stays how long each has been there.
        scaled = np.round(by_elapsed * (found[0] / by_elapsed.sum())).astype(np.int64)
        return Present.known(scaled), 1, True
    if found is not None:
        number, age = found
        return (Present.unknown(number, _recent(flow, age)), age, True) if age <= BACK_DAYS else None
    if by_elapsed is not None and ages_known:
        return Present.known(by_elapsed), 1, True
    recent = _recent(flow, BACK_DAYS)
    if recent is None:
        return None
    present = survival(hazards).mean(axis=0)
    padded = np.pad(recent, (0, max(len(present) - len(recent), 0)), mode="edge")[: len(present)]
    return Present.unknown(float(padded @ present), recent), BACK_DAYS, False


def _recent(flow: Floats | None, age: int) -> Floats | None:
    """Return past admissions, the newest first, up to the day that is `age` days before day 0."""
    if flow is None:
        return None
    past = flow[: len(flow) - age]
    known = past[np.isfinite(past)]
    return known[::-1][:90].copy() if len(known) >= LEAST_FIT_DAYS else None


def _hazards(
    stock: Floats | None,
    flow: Floats | None,
    table: StayTable,
    beds: BedInputs,
    place: str,
    unit: Unit,
    draws: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Draw the daily chances of leaving, and the share of admissions that comes into this kind of bed.

    From stays seen, made to agree with stock and flow; else from stock and flow; else from the table.
    """
    counts = beds.stays.get((place, unit))
    recent = _recent_pair(stock, flow)
    if recent is None or (counts is not None and counts.departures.sum() >= AMPLE_STAYS):
        hazards = draw_hazards(discrete_hazards(table), counts, draws, rng)
        inflow = np.ones(draws) if recent is None else inflow_factor(*recent, hazards)
        return hazards, inflow
    weights = fit_stretch(*recent, table)
    chosen = rng.choice(len(STRETCHES), size=draws, p=weights)
    curves = np.stack([discrete_hazards(table, float(s)) for s in STRETCHES])
    return np.asarray(curves[chosen]), np.ones(draws)


def _recent_pair(stock: Floats | None, flow: Floats | None) -> tuple[Floats, Floats] | None:
    """Return the newest stretch of days on which stock and flow are both known, or None when it is short."""
    if stock is None or flow is None:
        return None
    both = np.isfinite(stock) & np.isfinite(flow)
    if not both.any():
        return None
    last = int(np.flatnonzero(both)[-1])
    gaps = np.flatnonzero(~both[: last + 1])
    first = max(last - FIT_DAYS + 1, int(gaps[-1]) + 1 if len(gaps) else 0)
    known = slice(first, last + 1)
    if last + 1 - first < LEAST_FIT_DAYS or stock[known].max() < 1:
        return None
    return stock[known], flow[known]
