"""The bulletin of one place: the colours of its units, what faces them, and the message that explains them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forecasting.capacity import NOTHING, Facing, facing_census, facing_past
from forecasting.jobs.bed_forecast import (
    FLOW,
    STAFFED,
    SYNDROME_ORDER,
    UNITS,
    BedDraws,
    column,
    newest,
)
from forecasting.jobs.cycles import valid_until
from forecasting.jobs.inputs import RunInputs
from forecasting.jobs.judgement import grey_days, headline_message, trend, vigilance_days
from forecasting.jobs.seeds import stream
from forecasting.panel import Panel
from forecasting.run import (
    HORIZON_DAYS,
    STOCK,
    LeadLagRow,
    Message,
    TerritoryBulletin,
    Trust,
    Unit,
    VigilanceDay,
)
from forecasting.store.draft import RunPlan

Floats = NDArray[np.float64]
DAYS = tuple(range(HORIZON_DAYS + 1))


def make_bulletin(
    territory: str,
    days: list[VigilanceDay],
    beds: Sequence[BedDraws],
    trust: Trust,
    causes: list[Message],
    inputs: RunInputs,
    plan: RunPlan,
    leads: tuple[LeadLagRow, ...] = (),
) -> TerritoryBulletin:
    """Return the bulletin of a territory from its days, beds and causes."""
    trends: dict[Unit, str] = {b.unit: trend(b.draws) for b in reversed(beds)}
    found, message = headline_message(days, trends, inputs.rules, trust, causes)
    return TerritoryBulletin(
        territory=territory,
        trust=trust,
        trust_causes=tuple(causes),
        colour=found.colour,
        headline_day=found.day.day if found.day else None,
        headline_unit=found.day.unit if found.day else None,
        message=message,
        freshness=tuple(inputs.freshness.get(territory, ())),
        leadlag=leads,
        valid_until=valid_until(plan.as_of, inputs.config["cycles"], inputs.config["zone"]),
        days=tuple(days),
    )


def unit_days(
    territory: str,
    facility: str,
    panel: Panel,
    place: str,
    beds: Sequence[BedDraws],
    inputs: RunInputs,
    plan: RunPlan,
    trusted: bool,
    driver: str | None = None,
) -> list[VigilanceDay]:
    """Return the days of every unit that a place follows; grey where one that it follows cannot be drawn."""
    found: list[VigilanceDay] = []
    for unit in UNITS:
        first = next((b for b in beds if b.unit == unit), None)
        if first is None:
            if _is_followed(panel, place, unit) or (not facility and not beds and unit == "conventional"):
                found += grey_days(plan, territory, facility, unit, DAYS)
            continue
        staffed = column(panel, place, STAFFED[unit], "all")
        history = column(panel, place, STOCK[unit], first.syndrome)
        facing = facing_of(place, first, staffed, history, inputs, plan.seed)
        found += vigilance_days(
            plan,
            territory,
            facility,
            first,
            facing,
            inputs.rules,
            inputs.previous,
            driver=driver,
            trusted=trusted,
        )
    return found


def _is_followed(panel: Panel, place: str, unit: Unit) -> bool:
    """Whether a place ever told anything of a unit; one without such a unit is not grey for it."""
    return any(
        column(panel, place, name, syndrome) is not None
        for name in (STOCK[unit], FLOW[unit])
        for syndrome in SYNDROME_ORDER
    )


def facing_of(
    place: str,
    beds: BedDraws,
    staffed_beds: Floats | None,
    history: Floats | None,
    inputs: RunInputs,
    seed: int,
) -> Facing:
    """Return what faces a unit's need, on the best basis there is.

    Parameters
    ----------
    staffed_beds, history
        Staffed beds and occupied beds of past days, shape (time,), None where nothing was told of them.
    """
    staffed = newest(staffed_beds)
    known = inputs.beds.capacities.get((place, beds.unit))
    if beds.syndrome == "all" and staffed is not None:
        return facing_census(staffed[0])
    if beds.syndrome == "all" and known is not None:
        return Facing("estimated", np.array([known.beds]))
    if known is not None:
        rng = stream(seed, place, beds.unit, "beds free")
        return Facing("estimated", known.draw(beds.draws.shape[1], rng))
    if history is None:
        return NOTHING
    return facing_past(history, inputs.rules.pressure_level, inputs.rules.pressure_history_days)
