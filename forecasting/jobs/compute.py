"""Computing a run from its inputs: flows, beds, what faces them, colours, words. A pure function.

What is learnt, once, from the whole panel (`forecasting.jobs.lessons`) is given; every random stream is keyed by seed,
territory and target. So any split of the territories among any number of workers gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from forecasting.jobs.bed_forecast import (
    FLOW,
    SYNDROME_ORDER,
    UNITS,
    BedDraws,
    beds_of,
    column,
)
from forecasting.jobs.bulletins import DAYS, make_bulletin, unit_days
from forecasting.jobs.drawing import Drawn, draw_all
from forecasting.jobs.forecaster import BACK_DAYS, DISTRUSTED, TargetDraws, monitored_target
from forecasting.jobs.hospitals import dealt_beds
from forecasting.jobs.inputs import RunInputs
from forecasting.jobs.judgement import freshness_causes, grey_days, not_told_yet, trust_of
from forecasting.jobs.lessons import Lessons, learn_all
from forecasting.jobs.reasons import Document, Reasons, explain_beds
from forecasting.jobs.trusting import Verdicts
from forecasting.panel import Panel
from forecasting.run import (
    STOCK,
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

OLD_STOCK_DAYS = 3
"""A count of patients present that is older is told as a reason for doubt."""


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
    drawn = draw_all(inputs, plan, territories, lessons)
    series: list[SeriesForecast] = []
    bulletins: list[TerritoryBulletin] = []
    for territory in territories:
        leads = lessons.overview.leads.get(territory, ())
        try:
            found, bulletin = _territory(territory, drawn, inputs, plan, leads)
        except Exception as error:  # one territory's failure leaves the others their forecast
            log.exception("territory_failed", territory=territory, cycle=plan.cycle)
            found, bulletin = [], _failed(territory, error, inputs, plan)
        series += found
        bulletins.append(bulletin)
    return Computed(tuple(series), tuple(bulletins), lessons.states)


def _doubts(verdicts: Mapping[str, Verdicts], territory: str) -> list[Message]:
    """Return why a territory is doubted, each cause once: of the target that all follow, then of single causes."""
    found: dict[str, Message] = {}
    for one in verdicts.values():
        for cause in one.causes(territory):
            found.setdefault(f"{cause.key}|{cause.params.get('signal')}|{cause.params.get('target')}", cause)
    return list(found.values())


def _territory(
    territory: str, drawn: Drawn, inputs: RunInputs, plan: RunPlan, leads: tuple[LeadLagRow, ...]
) -> tuple[list[SeriesForecast], TerritoryBulletin]:
    flows, reasons, verdicts = drawn.flows, drawn.reasons, drawn.verdicts
    target = monitored_target(inputs.panel)
    beds = _beds(inputs.panel, territory, flows, inputs, plan)
    causes = _causes(territory, flows, beds, inputs)
    doubts = not_told_yet(_doubts(verdicts, territory), causes)
    lost = target is not None and verdicts[target].is_broken(territory)
    trust = "broken" if lost else trust_of(causes, doubts)
    trusted = trust != "broken"
    series = _series(territory, "", flows, beds, reasons)
    driver = _driver(reasons, target, territory)
    days = unit_days(territory, "", inputs.panel, territory, beds, inputs, plan, trusted, driver)
    panel = inputs.facility_panel
    if panel is not None:
        inside = sorted(f for f, place in inputs.facility_places.items() if place == territory)
        own = {f: _beds(panel, f, drawn.facility_flows, inputs, plan) for f in inside}
        for facility, inner in dealt_beds(beds, own, territory, inputs, plan.seed).items():
            series += _series(territory, facility, drawn.facility_flows, inner, reasons)
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


def _series(
    territory: str,
    facility: str,
    flows: Mapping[str, TargetDraws],
    beds: Sequence[BedDraws],
    reasons: Mapping[str, Reasons],
) -> list[SeriesForecast]:
    """Return what is published of one place, a hospital or else the territory itself: its flows, then its beds."""
    place = facility or territory
    found = [
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
    for one in beds:
        flow_key = f"{FLOW[one.unit]}:{one.syndrome}"
        found.append(
            summarised(
                territory,
                Target(STOCK[one.unit], one.syndrome),
                one.draws,
                horizons=DAYS,
                unit_of_measure="beds",
                models=flows[flow_key].models_of(place),
                facility=facility,
                explanation=explain_beds(_document(reasons, flow_key, place), one),
            )
        )
    return found


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


def _causes(
    territory: str, flows: Mapping[str, TargetDraws], beds: Sequence[BedDraws], inputs: RunInputs
) -> list[Message]:
    """Return what is wrong with the inputs and the models of a territory."""
    causes = freshness_causes(inputs.freshness.get(territory, ()), frozenset({"admissions"}))
    admissions = {k: f for k, f in flows.items() if k.startswith("admissions:")}
    if not any(territory in f.draws for f in admissions.values()):
        causes.append(Message("trust.no_data", {"signal": "admissions", "syndrome": "all"}))
    causes += [
        Message("trust.models_failed", {"target": key})
        for key, flow in flows.items()
        if flow.fallen_back.get(territory, DISTRUSTED) != DISTRUSTED and inputs.config["engine"] == "ensemble"
    ]
    causes += [
        Message("trust.old_stock", {"unit": b.unit, "days": b.stock_age_days})
        for b in beds
        if b.stock_age_days is not None and b.stock_age_days > OLD_STOCK_DAYS
    ]
    return causes
