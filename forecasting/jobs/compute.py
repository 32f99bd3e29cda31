"""Computing a run from its inputs: flows, beds, what faces them, colours, words. A pure function.

What is learnt, once, from the whole panel (`forecasting.jobs.lessons`) is given; every random stream is keyed by seed,
territory and target. So any split of the territories among any number of workers gives the same bytes.
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
from forecasting.jobs.believing import believed
from forecasting.jobs.bulletins import DAYS, make_bulletin, unit_days
from forecasting.jobs.forecaster import (
    BACK_DAYS,
    DISTRUSTED,
    TargetDraws,
    draw_target,
    monitored_target,
)
from forecasting.jobs.hearing import Above
from forecasting.jobs.hospitals import dealt_beds, dealt_flows
from forecasting.jobs.inputs import RunInputs
from forecasting.jobs.judgement import (
    freshness_causes,
    grey_days,
    trust_of,
)
from forecasting.jobs.lessons import FACILITIES, REGIONS, Lessons, flow_targets, learn_all
from forecasting.jobs.programme import with_programme
from forecasting.jobs.reasons import Document, Reasons, explain, explain_beds
from forecasting.jobs.trusting import Verdicts
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


def compute(
    inputs: RunInputs, plan: RunPlan, territories: Sequence[str], lessons: Lessons | None = None
) -> Computed:
    """Compute the bulletins and series of some territories of a run.

    Parameters
    ----------
    lessons
        What was learnt of the plan's whole scope; learnt here when left out.
    """
    lessons = (learn_all(inputs, plan) if lessons is None else lessons).agreed(inputs.panel)
    verdicts = lessons.overview.verdicts
    target = monitored_target(inputs.panel)
    headline = verdicts[target] if target is not None else Verdicts()
    drawn = _flows(inputs.panel, territories, inputs, plan, "", lessons)
    count = int(inputs.config["draws"])
    flows, verdicts = believed(inputs.panel, drawn, verdicts, headline, draws=count, seed=plan.seed)
    flows = with_programme(flows, inputs.panel, inputs.beds.programme)
    flows = {key: _counted(inputs.panel, key, flow) for key, flow in flows.items()}
    reasons = {
        key: explain(
            inputs.panel,
            key,
            flow,
            lessons.targets.get(key),
            reconciled=REGIONS + key in lessons.targets,
        )
        for key, flow in flows.items()
    }
    facilities = sorted(f for f, place in inputs.facility_places.items() if place in set(territories))
    facility_flows: dict[str, TargetDraws] = {}
    if inputs.facility_panel is not None and facilities:
        own = _flows(inputs.facility_panel, facilities, inputs, plan, FACILITIES, lessons)
        own = with_programme(own, inputs.facility_panel, inputs.beds.programme)
        facility_flows = dealt_flows(flows, own, inputs, plan.seed)
        for key, flow in facility_flows.items():
            lesson = lessons.targets.get(FACILITIES + key)
            found_inside = explain(
                inputs.facility_panel, key, flow, lesson, _above(key, flow, own, flows, inputs, lessons)
            )
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
                lessons.overview.leads.get(territory, ()),
                reasons,
            )
        except Exception as error:  # one territory's failure leaves the others their forecast
            log.exception("territory_failed", territory=territory, cycle=plan.cycle)
            found, bulletin = [], _failed(territory, error, inputs, plan)
        series += found
        bulletins.append(bulletin)
    return Computed(tuple(series), tuple(bulletins), lessons.states)


def _flows(
    panel: Panel,
    places: Sequence[str],
    inputs: RunInputs,
    plan: RunPlan,
    prefix: str,
    lessons: Lessons,
) -> dict[str, TargetDraws]:
    known = [p for p in places if p in panel.territories]
    draws = int(inputs.config["draws"])
    return {
        target: draw_target(panel, target, known, lessons.targets[name], draws=draws, seed=plan.seed)
        for target in flow_targets(panel, by_cause=not prefix)
        if (name := prefix + target) in lessons.targets
    }


def _above(
    key: str,
    dealt: TargetDraws,
    own: Mapping[str, TargetDraws],
    flows: Mapping[str, TargetDraws],
    inputs: RunInputs,
    lessons: Lessons,
) -> Above | None:
    """Return the territories that hospitals lie in, as far as what is forecast of one target explains theirs."""
    if key not in flows or key not in lessons.targets:
        return None
    return Above(
        panel=inputs.panel,
        flow=flows[key],
        lesson=lessons.targets[key],
        places=inputs.facility_places,
        # Draws that were not shared out are the very ones that were drawn.
        dealt=frozenset(f for f, paths in dealt.draws.items() if paths is not own[key].draws[f]),
        reconciled=REGIONS + key in lessons.targets,
    )


def _counted(panel: Panel, target: str, flow: TargetDraws) -> TargetDraws:
    """Return draws of a count in whole numbers, which widening leaves it without: only they add up exactly."""
    if panel.kind(target) != "count":
        return flow
    return flow.adjusted(lambda _, paths: np.round(paths))


def _doubts(verdicts: Mapping[str, Verdicts], territory: str) -> list[Message]:
    """Return why a territory is doubted, each cause once: of the target that all follow, then of single causes."""
    found: dict[str, Message] = {}
    for one in verdicts.values():
        for cause in one.causes(territory):
            found.setdefault(f"{cause.key}|{cause.params.get('signal')}|{cause.params.get('target')}", cause)
    return list(found.values())


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
    if panel is not None:
        own = {f: _beds(panel, f, facility_flows, inputs, plan) for f in facilities}
        for facility, inner in dealt_beds(beds, own, territory, inputs, plan.seed).items():
            series += _flow_series(territory, facility, facility, facility_flows, inputs, reasons)
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
