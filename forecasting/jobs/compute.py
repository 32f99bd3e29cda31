"""Computing a run from its inputs: flows, beds, what faces them, colours, words. A pure function.

Every random stream is keyed by seed, territory and target, and each territory is computed from the whole
panel, so any split of the territories among any number of workers gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray

from forecasting.jobs.bed_forecast import (
    FLOW,
    STOCK,
    SYNDROME_ORDER,
    UNITS,
    BedDraws,
    beds_of,
    column,
)
from forecasting.jobs.bulletins import DAYS, make_bulletin, unit_days
from forecasting.jobs.completing import complete
from forecasting.jobs.forecaster import (
    BACK_DAYS,
    DISTRUSTED,
    TargetDraws,
    draw_target,
    draw_yardstick,
    monitored_target,
)
from forecasting.jobs.input_doubts import input_doubts
from forecasting.jobs.inputs import RunInputs
from forecasting.jobs.judgement import (
    freshness_causes,
    grey_days,
    trust_of,
)
from forecasting.jobs.leads import lead_atlas, lead_rows
from forecasting.jobs.reasons import Document, Reasons, explain, explain_beds
from forecasting.jobs.trusting import Verdicts, judge_all, state_name
from forecasting.panel import Panel
from forecasting.run import (
    LeadLagRow,
    Message,
    SeriesForecast,
    Target,
    TerritoryBulletin,
    summarised,
)
from forecasting.store.draft import RunPlan
from streams.vocabulary.signals import signal as signal_of

log = structlog.get_logger(__name__)

Floats = NDArray[np.float64]
FLOWS = ("admissions", "critical_admissions", "ed_visits")


@dataclass(frozen=True, eq=False)
class Computed:
    """What a run, or one part of it, publishes.

    Attributes
    ----------
    states
        Model state by target, the same from every part.
    """

    series: tuple[SeriesForecast, ...]
    bulletins: tuple[TerritoryBulletin, ...]
    states: Mapping[str, bytes]


def flow_targets(panel: Panel, *, by_cause: bool = True) -> list[str]:
    """Return the flows of a panel that are forecast: admissions by cause, critical care and emergency visits.

    Critical care and emergency visits are forecast for all causes together, or for the first single cause where
    only single causes are known; so are admissions when not `by_cause`.
    """
    found = []
    for name in FLOWS:
        keys = [f"{name}:{s}" for s in SYNDROME_ORDER if f"{name}:{s}" in panel.signals]
        found += keys if name == "admissions" and by_cause else keys[:1]
    return found


def compute(inputs: RunInputs, plan: RunPlan, territories: Sequence[str]) -> Computed:
    """Compute the bulletins and series of some territories of a run."""
    completed = complete(inputs.revisions, inputs.panel, plan.seed)
    target = monitored_target(inputs.panel)
    atlas = lead_atlas(inputs.panel, target, plan.seed)
    doubts = input_doubts(inputs.panel, target, atlas, inputs.revisions, plan.seed)
    verdicts = judge_all(inputs.panel, inputs.published, inputs.state, plan.seed, doubts)
    leads = lead_rows(atlas, target, territories)
    flows, states = _flows(inputs.panel, territories, inputs, plan, "", completed)
    headline = verdicts[target] if target is not None else Verdicts()
    flows = {
        key: _doubted(key, flow, verdicts.get(key, headline), inputs, plan) for key, flow in flows.items()
    }
    reasons = {key: explain(inputs.panel, key, flow, completed) for key, flow in flows.items()}
    states |= {state_name(key): v.state for key, v in verdicts.items() if v.state is not None}
    facilities = sorted(f for f, place in inputs.facility_places.items() if place in set(territories))
    facility_flows: dict[str, TargetDraws] = {}
    if inputs.facility_panel is not None and facilities:
        facility_flows, more = _flows(inputs.facility_panel, facilities, inputs, plan, "facilities/")
        states |= more
        for key, flow in facility_flows.items():
            found_inside = explain(inputs.facility_panel, key, flow, None)
            reasons[key] = reasons[key].joined(found_inside) if key in reasons else found_inside
    series: list[SeriesForecast] = []
    bulletins: list[TerritoryBulletin] = []
    for territory in territories:
        inside = [f for f in facilities if inputs.facility_places[f] == territory]
        try:
            found, bulletin = _territory(
                territory,
                inside,
                flows,
                facility_flows,
                inputs,
                plan,
                verdicts,
                leads.get(territory, ()),
                reasons,
            )
        except Exception as error:  # one territory's failure leaves the others their forecast
            log.exception("territory_failed", territory=territory, cycle=plan.cycle)
            found, bulletin = [], _failed(territory, error, inputs, plan)
        series += found
        bulletins.append(bulletin)
    return Computed(tuple(series), tuple(bulletins), states)


def _flows(
    panel: Panel,
    places: Sequence[str],
    inputs: RunInputs,
    plan: RunPlan,
    prefix: str,
    completed: Floats | None = None,
) -> tuple[dict[str, TargetDraws], dict[str, bytes]]:
    flows: dict[str, TargetDraws] = {}
    states: dict[str, bytes] = {}
    known = [p for p in places if p in panel.territories]
    # A single hospital's cases of one cause are too few to say anything of.
    for target in flow_targets(panel, by_cause=not prefix):
        flows[target] = draw_target(
            panel,
            target,
            known,
            draws=int(inputs.config["draws"]),
            seed=plan.seed,
            state=inputs.state.get(prefix + target),
            nowcast_draws=completed,
            models=inputs.config["engine"] == "ensemble",
        )
        state = flows[target].state
        if state is not None:
            states[prefix + target] = state
    return flows, states


def _doubts(verdicts: Mapping[str, Verdicts], territory: str) -> list[Message]:
    """Return why a territory is doubted, each cause once: of the target that all follow, then of single causes."""
    found: dict[str, Message] = {}
    for one in verdicts.values():
        for cause in one.causes(territory):
            found.setdefault(f"{cause.key}|{cause.params.get('signal')}", cause)
    return list(found.values())


def _doubted(
    target: str, flow: TargetDraws, verdicts: Verdicts, inputs: RunInputs, plan: RunPlan
) -> TargetDraws:
    """Return draws as far as they are to be believed: the yardstick's where models went wrong, and wider."""
    broken = [t for t in flow.draws if verdicts.falls_back(t)]
    draws = int(inputs.config["draws"])
    told = flow.retold(
        broken, DISTRUSTED, lambda t: draw_yardstick(inputs.panel, target, t, draws, plan.seed)
    )
    return told.adjusted(verdicts.widened)


def _territory(
    territory: str,
    facilities: Sequence[str],
    flows: Mapping[str, TargetDraws],
    facility_flows: Mapping[str, TargetDraws],
    inputs: RunInputs,
    plan: RunPlan,
    verdicts: Mapping[str, Verdicts],
    leads: tuple[LeadLagRow, ...],
    reasons: Mapping[str, Reasons],
) -> tuple[list[SeriesForecast], TerritoryBulletin]:
    series = _flow_series(territory, "", territory, flows, inputs, reasons)
    target = monitored_target(inputs.panel)
    driver = _driver(reasons, target, territory)
    causes = _causes(territory, flows, inputs)
    doubts = _doubts(verdicts, territory)
    beds = _beds(inputs.panel, territory, flows, inputs, plan)
    causes += [
        Message("trust.old_stock", {"unit": b.unit, "days": b.stock_age_days})
        for b in beds
        if b.stock_age_days is not None and b.stock_age_days > 3
    ]
    lost = target is not None and verdicts[target].is_broken(territory)
    trust = "broken" if lost else trust_of(causes, doubts)
    trusted = trust != "broken"
    series += _bed_series(territory, "", beds, flows, territory, reasons)
    days = unit_days(territory, "", inputs.panel, territory, beds, inputs, plan, trusted, driver)
    panel = inputs.facility_panel
    for facility in facilities if panel is not None else ():
        assert panel is not None  # noqa: S101 - told to the type checker
        series += _flow_series(territory, facility, facility, facility_flows, inputs, reasons)
        inner = _beds(panel, facility, facility_flows, inputs, plan)
        series += _bed_series(territory, facility, inner, facility_flows, facility, reasons)
        why = _driver(reasons, monitored_target(panel), facility)
        days += unit_days(territory, facility, panel, facility, inner, inputs, plan, trusted, why)
    # What breaks trust is told first: it is what the grey is for.
    causes = [*doubts, *causes] if lost else [*causes, *doubts]
    return series, make_bulletin(territory, days, beds, trust, causes, inputs, plan, leads)


def _failed(territory: str, error: Exception, inputs: RunInputs, plan: RunPlan) -> TerritoryBulletin:
    causes = [Message("trust.failed", {"step": "compute", "error": type(error).__name__})]
    days = [d for unit in UNITS for d in grey_days(plan, territory, "", unit, DAYS)]
    return make_bulletin(territory, days, (), "broken", causes, inputs, plan)


def _driver(reasons: Mapping[str, Reasons], target: str | None, place: str) -> str | None:
    return reasons[target].drivers.get(place) if target is not None and target in reasons else None


def _document(reasons: Mapping[str, Reasons], target: str, place: str) -> Document | None:
    return reasons[target].documents.get(place) if target in reasons else None


def _flow_series(
    territory: str,
    facility: str,
    place: str,
    flows: Mapping[str, TargetDraws],
    inputs: RunInputs,
    reasons: Mapping[str, Reasons],
) -> list[SeriesForecast]:
    return [
        summarised(
            territory,
            Target.parse(key),
            flow.draws[place][BACK_DAYS:],
            horizons=DAYS,
            unit_of_measure=signal_of(Target.parse(key).signal).unit,
            models=flow.models_of(place),
            facility=facility,
            explanation=_document(reasons, key, place),
        )
        for key, flow in flows.items()
        if place in flow.draws
    ]


def _bed_series(
    territory: str,
    facility: str,
    beds: Sequence[BedDraws],
    flows: Mapping[str, TargetDraws],
    place: str,
    reasons: Mapping[str, Reasons],
) -> list[SeriesForecast]:
    return [
        summarised(
            territory,
            Target(STOCK[b.unit], b.syndrome),
            b.draws,
            horizons=DAYS,
            unit_of_measure="beds",
            models=flows[f"{FLOW[b.unit]}:{b.syndrome}"].models_of(place),
            facility=facility,
            explanation=explain_beds(_document(reasons, f"{FLOW[b.unit]}:{b.syndrome}", place), b),
        )
        for b in beds
    ]


def _beds(
    panel: Panel, place: str, flows: Mapping[str, TargetDraws], inputs: RunInputs, plan: RunPlan
) -> list[BedDraws]:
    """Return the beds of each unit and syndrome that can be drawn, those that colours are read from first."""
    found = []
    for unit in UNITS:
        for syndrome in SYNDROME_ORDER:
            flow = flows.get(f"{FLOW[unit]}:{syndrome}")
            if flow is None or place not in flow.draws:
                continue
            if column(panel, place, STOCK[unit], syndrome) is None and syndrome != "all":
                continue
            beds = beds_of(panel, place, unit, syndrome, flow.draws[place], inputs.beds, plan.seed)
            if beds is not None:
                found.append(beds)
    return found


def _causes(territory: str, flows: Mapping[str, TargetDraws], inputs: RunInputs) -> list[Message]:
    causes = freshness_causes(inputs.freshness.get(territory, ()), frozenset({"admissions"}))
    admissions = {k: f for k, f in flows.items() if k.startswith("admissions:")}
    if not any(territory in f.draws for f in admissions.values()):
        causes.append(Message("trust.no_data", {"signal": "admissions", "syndrome": "all"}))
    causes += [
        Message("trust.models_failed", {"target": key})
        for key, flow in flows.items()
        if flow.fallen_back.get(territory, DISTRUSTED) != DISTRUSTED and inputs.config["engine"] == "ensemble"
    ]
    return causes
