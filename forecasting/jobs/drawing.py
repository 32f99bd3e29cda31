"""Everything a run draws of its flows: of territories, then of their hospitals, with what moves each.

Territories come first, as trust, the announced programme and whole numbers change their draws, and hospitals share
these out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.jobs.believing import believed
from forecasting.jobs.forecaster import TargetDraws, draw_target, monitored_target
from forecasting.jobs.hearing import Above
from forecasting.jobs.hospitals import dealt_flows
from forecasting.jobs.inputs import RunInputs
from forecasting.jobs.lessons import FACILITIES, REGIONS, Lessons, flow_targets
from forecasting.jobs.programme import with_programme
from forecasting.jobs.reasons import Reasons, explain
from forecasting.jobs.trusting import Verdicts
from forecasting.panel import Panel
from forecasting.store.draft import RunPlan


@dataclass(frozen=True, eq=False)
class Drawn:
    """Draws of every flow as they are published, and why they are as they are.

    Attributes
    ----------
    flows, facility_flows
        Draws by target, of territories and of hospitals.
    verdicts
        Trust by target, with what was drawn out of all proportion.
    reasons
        Explanations by target, of territories and hospitals alike.
    """

    flows: Mapping[str, TargetDraws]
    facility_flows: Mapping[str, TargetDraws]
    verdicts: Mapping[str, Verdicts]
    reasons: Mapping[str, Reasons]


def draw_all(inputs: RunInputs, plan: RunPlan, territories: Sequence[str], lessons: Lessons) -> Drawn:
    """Draw the flows of some territories and of the hospitals in them.

    Parameters
    ----------
    lessons
        What was learnt of the plan's whole scope.
    """
    panel, verdicts = inputs.panel, lessons.overview.verdicts
    target = monitored_target(panel)
    headline = verdicts[target] if target is not None else Verdicts()
    drawn = _flows(panel, territories, inputs, plan, "", lessons)
    draws = int(inputs.config["draws"])
    flows, verdicts = believed(panel, drawn, verdicts, headline, draws=draws, seed=plan.seed)
    flows = with_programme(flows, panel, inputs.beds.programme)
    flows = {key: _counted(panel, key, flow) for key, flow in flows.items()}
    reasons = {
        key: explain(
            panel,
            key,
            flow,
            lessons.targets.get(key),
            reconciled=REGIONS + key in lessons.targets,
        )
        for key, flow in flows.items()
    }
    asked = set(territories)
    facilities = sorted(f for f, place in inputs.facility_places.items() if place in asked)
    if inputs.facility_panel is None or not facilities:
        return Drawn(flows, {}, verdicts, reasons)
    own = _flows(inputs.facility_panel, facilities, inputs, plan, FACILITIES, lessons)
    own = with_programme(own, inputs.facility_panel, inputs.beds.programme)
    dealt = dealt_flows(flows, own, inputs, plan.seed)
    for key, flow in dealt.items():
        lesson = lessons.targets.get(FACILITIES + key)
        above = _above(key, flow, own, flows, inputs, lessons)
        found = explain(inputs.facility_panel, key, flow, lesson, above)
        reasons[key] = reasons[key].joined(found) if key in reasons else found
    return Drawn(flows, dealt, verdicts, reasons)


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
