"""Regions and the country: what their départements' draws add up to.

The same draw number means the same future in every territory, so sums are made draw by draw. A region is told of
only when every one of its départements that has ever sent the target is in the run: a sum over some would read
as a fall.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from forecasting.jobs.bed_forecast import STAFFED, SYNDROME_ORDER, UNITS, BedDraws, column
from forecasting.jobs.bulletins import DAYS, facing_of, make_bulletin
from forecasting.jobs.coherent import is_whole
from forecasting.jobs.compute import Computed
from forecasting.jobs.inputs import RunInputs
from forecasting.jobs.judgement import grey_days, vigilance_days
from forecasting.jobs.reasons import summed
from forecasting.jobs.trusting import doubted_sums
from forecasting.panel import Panel
from forecasting.run import STOCK, Message, SeriesForecast, TerritoryBulletin, Trust, VigilanceDay, summarised
from forecasting.store.draft import RunPlan
from streams.vocabulary.places import descendants, register

Floats = NDArray[np.float64]


def parents_of(territories: Sequence[str], panel: Panel) -> dict[str, tuple[str, ...]]:
    """Return the regions and the country that the territories of a run make up, with the départements summed.

    A place that has a series of its own in the panel is not summed.
    """
    own = set(panel.territories)
    told = set(territories)
    found = {}
    for code, place in register().items():
        if place.kind not in ("region", "country") or code in own:
            continue
        inside = tuple(d for d in descendants(code) if d in own)
        if len(inside) > 1 and set(inside) <= told and is_whole(code, inside):
            found[code] = inside
    return found


def summed_series(
    series: Sequence[SeriesForecast], parents: Mapping[str, Sequence[str]]
) -> list[SeriesForecast]:
    """Return the series of each parent: sums over all its départements, of the targets that all of them have."""
    by_target: dict[str, dict[str, SeriesForecast]] = defaultdict(dict)
    for one in series:
        if not one.facility:
            by_target[one.target.key][one.territory] = one
    found = []
    for parent, inside in parents.items():
        for known in by_target.values():
            if not all(d in known for d in inside):
                continue
            first = known[inside[0]]
            parts = [d.astype(np.float64) for c in inside if (d := known[c].draws) is not None]
            whole = np.asarray(np.sum(parts, axis=0))
            stock = first.target.signal in STOCK.values()
            found.append(
                summarised(
                    parent,
                    first.target,
                    whole,
                    explanation=summed([known[c].explanation for c in inside], whole, stock=stock),
                    horizons=first.horizons,
                    unit_of_measure=first.unit_of_measure,
                    models={"weights": {"sum": 1.0}, "left_out": []},
                )
            )
    return found


def summed_beds(series: Sequence[SeriesForecast], parent: str) -> list[BedDraws]:
    """Return the beds of a parent as the colours read them, all causes first."""
    mine = {s.target.key: s for s in series if s.territory == parent and not s.facility}
    found = []
    for unit in UNITS:
        for syndrome in SYNDROME_ORDER:
            one = mine.get(f"{STOCK[unit]}:{syndrome}")
            if one is not None and one.draws is not None:
                found.append(BedDraws(unit, syndrome, one.draws.astype(np.float64), 1))
    return found


def summed_column(panel: Panel, inside: Sequence[str], signal: str, syndrome: str) -> Floats | None:
    """Return a series of a parent: the sum over its départements where all are known, NaN elsewhere."""
    columns = [column(panel, d, signal, syndrome) for d in inside]
    known = [c for c in columns if c is not None]
    return np.sum(known, axis=0) if len(known) == len(inside) else None


def broken_share(bulletins: Mapping[str, TerritoryBulletin], inside: Sequence[str]) -> float:
    """Return the share of a parent's people who live where the forecast is not to be trusted."""
    known = register()
    whole = sum(known[d].population for d in inside)
    return sum(known[d].population for d in inside if bulletins[d].trust == "broken") / whole


def with_parents(computed: Computed, inputs: RunInputs, plan: RunPlan) -> Computed:
    """Add the regions and the country that the territories of a whole run make up."""
    parents = parents_of([b.territory for b in computed.bulletins], inputs.panel)
    if not parents:
        return computed
    sums = summed_series(computed.series, parents)
    known = {b.territory: b for b in computed.bulletins}
    doubts = doubted_sums(computed.states, tuple(parents))
    bulletins = [
        _parent(parent, inside, sums, known, doubts.get(parent, []), inputs, plan)
        for parent, inside in parents.items()
    ]
    return Computed((*computed.series, *sums), (*computed.bulletins, *bulletins), computed.states)


def _parent(
    parent: str,
    inside: Sequence[str],
    sums: Sequence[SeriesForecast],
    known: Mapping[str, TerritoryBulletin],
    doubts: Sequence[Message],
    inputs: RunInputs,
    plan: RunPlan,
) -> TerritoryBulletin:
    share = broken_share(known, inside)
    # A sum has no yardstick of its own to fall back to: its monitors weaken it, what breaks it is its parts.
    trust: Trust = "broken" if share >= 0.5 else "degraded" if share or doubts else "ok"
    broken = [d for d in inside if known[d].trust == "broken"]
    causes = [Message("trust.partial", {"missing": ", ".join(broken)})] if broken else []
    causes += doubts
    beds = summed_beds(sums, parent)
    days: list[VigilanceDay] = []
    for unit in UNITS:
        first = next((b for b in beds if b.unit == unit), None)
        if first is None:
            if not beds and unit == "conventional":
                days += grey_days(plan, parent, "", unit, DAYS)
            continue
        history = summed_column(inputs.panel, inside, STOCK[unit], first.syndrome)
        staffed = summed_column(inputs.panel, inside, STAFFED[unit], "all")
        facing = facing_of(parent, first, staffed, history, inputs, plan.seed)
        days += vigilance_days(
            plan,
            parent,
            "",
            first,
            facing,
            inputs.rules,
            inputs.previous,
            driver=None,
            trusted=trust != "broken",
        )
    return make_bulletin(parent, days, beds, trust, causes, inputs, plan)
