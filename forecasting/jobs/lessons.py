"""What a run learns from all territories before any of them is drawn, as values that can be stored and sent.

First the overview: the newest days completed, which territories are doubted and why, how signals lead. Then one
lesson for each target of territories, of the regions above them and of hospitals, which needs the overview and
nothing of the other lessons, so different forecasters can learn different targets. With both, any territories can be
drawn anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from forecasting.jobs.coherent import learn_regions, reconciled, regions_of
from forecasting.jobs.completing import complete
from forecasting.jobs.forecaster import Lesson, able_territories, learn_target, monitored_target, relevant
from forecasting.jobs.input_doubts import input_doubts
from forecasting.jobs.inputs import RunInputs
from forecasting.jobs.leads import lead_atlas, lead_rows
from forecasting.jobs.trusting import Verdicts, judge_all, state_name
from forecasting.panel import Panel
from forecasting.run import LeadLagRow
from forecasting.store import canonical
from forecasting.store.draft import RunPlan
from forecasting.store.encoding import leadlag_document, leadlag_of
from forecasting.trust import Cause, TrustAssessment

Floats = NDArray[np.float64]
FLOWS = ("admissions", "critical_admissions", "ed_visits")
SYNDROMES = ("all", "covid", "influenza", "bronchiolitis", "gastroenteritis")
FACILITIES, REGIONS = "facilities/", "regions/"
"""Before the name of a target, when it is of hospitals or of regions."""
MINT = "mint"
"""The setting by which départements are made to agree with a forecast of their regions."""


@dataclass(frozen=True, eq=False)
class Overview:
    """What is learnt of the panel as a whole.

    Attributes
    ----------
    verdicts
        Who is doubted, by monitored target.
    leads
        Rows of the lag atlas, by territory.
    completed
        Possible values of the newest days, shape (draw, tail, territory, signal), None without revisions; of
        signals that no target reads nothing is kept.
    """

    verdicts: Mapping[str, Verdicts]
    leads: Mapping[str, tuple[LeadLagRow, ...]]
    completed: Floats | None

    @property
    def states(self) -> dict[str, bytes]:
        """State that the monitors leave to the next run, by name."""
        return {state_name(key): v.state for key, v in self.verdicts.items() if v.state is not None}

    def pack(self) -> bytes:
        """Return the overview as canonical bytes."""
        meta = {
            # The order of targets says which one heads the others.
            "verdicts": [[key, _verdict_document(v)] for key, v in self.verdicts.items()],
            "leads": {t: [leadlag_document(row) for row in rows] for t, rows in self.leads.items()},
        }
        return canonical.pack(meta, {} if self.completed is None else {"completed": self.completed})

    @classmethod
    def unpack(cls, content: bytes) -> Self:
        """Read what `pack` wrote."""
        meta, arrays = canonical.unpack(content)
        return cls(
            verdicts={key: _verdict_of(document) for key, document in meta["verdicts"]},
            leads={t: tuple(leadlag_of(row) for row in rows) for t, rows in meta["leads"].items()},
            completed=arrays.get("completed"),
        )


@dataclass(frozen=True, eq=False)
class Lessons:
    """Everything that drawing territories needs beside the inputs.

    Attributes
    ----------
    targets
        By name: a target, or one of hospitals or regions after `FACILITIES` or `REGIONS`.
    """

    overview: Overview
    targets: Mapping[str, Lesson]

    @property
    def states(self) -> dict[str, bytes]:
        """Model state that the run leaves to the next, by name."""
        found = {name: lesson.state for name, lesson in self.targets.items()}
        return {name: state for name, state in found.items() if state is not None} | self.overview.states

    def agreed(self, panel: Panel) -> Lessons:
        """Return the lessons with départements made to agree with the regions that were learnt."""
        regions = regions_of(panel)
        found = {
            name: reconciled(lesson, self.targets.get(REGIONS + name), regions)
            for name, lesson in self.targets.items()
        }
        return replace(self, targets=found)


def flow_targets(panel: Panel, *, by_cause: bool = True) -> list[str]:
    """Return the flows of a panel that are forecast: admissions by cause, critical care and emergency visits.

    Critical care and emergency visits are forecast for all causes together, or for the first single cause where
    only single causes are known; so are admissions when not `by_cause`.
    """
    found = []
    for name in FLOWS:
        keys = [f"{name}:{s}" for s in SYNDROMES if f"{name}:{s}" in panel.signals]
        found += keys if name == "admissions" and by_cause else keys[:1]
    return found


def lesson_names(inputs: RunInputs, territories: Sequence[str]) -> tuple[str, ...]:
    """Return the targets to learn: those that can be forecast for any of some territories or their hospitals."""
    known = [t for t in territories if t in inputs.panel.territories]
    names = [t for t in flow_targets(inputs.panel) if able_territories(inputs.panel, t, known)]
    if inputs.config.get("coherence") == MINT and regions_of(inputs.panel):
        names += [REGIONS + t for t in names]
    inside = inputs.facility_panel
    if inside is not None:
        hospitals = [f for f in inside.territories if inputs.facility_places[f] in set(territories)]
        # A single hospital's cases of one cause are too few to say anything of.
        targets = flow_targets(inside, by_cause=False)
        names += [FACILITIES + t for t in targets if able_territories(inside, t, hospitals)]
    return tuple(names)


def overview_of(inputs: RunInputs, plan: RunPlan) -> Overview:
    """Complete the newest days, tell how signals lead, and judge what is to be believed."""
    panel, seed = inputs.panel, plan.seed
    target = monitored_target(panel)
    atlas = lead_atlas(panel, target, seed)
    doubts = input_doubts(panel, target, inputs.revisions, seed)
    return Overview(
        verdicts=judge_all(panel, inputs.published, inputs.state, seed, doubts),
        leads=lead_rows(atlas, target, plan.scope["territories"]),
        completed=_read_by_targets(panel, complete(inputs.revisions, panel, seed)),
    )


def learn_lesson(inputs: RunInputs, overview: Overview, name: str) -> Lesson:
    """Learn one target by the name it has in `Lessons`."""
    asked = inputs.config["engine"] == "ensemble"
    if name.startswith(REGIONS):
        return learn_regions(
            inputs.panel,
            name.removeprefix(REGIONS),
            state=inputs.state.get(name),
            nowcast_draws=overview.completed,
            models=asked,
        )
    of_hospitals = name.startswith(FACILITIES)
    panel = inputs.facility_panel if of_hospitals else inputs.panel
    if panel is None:
        return Lesson(None, "no hospital sends data")
    return learn_target(
        panel,
        name.removeprefix(FACILITIES),
        state=inputs.state.get(name),
        nowcast_draws=None if of_hospitals else overview.completed,
        models=asked,
    )


def learn_all(inputs: RunInputs, plan: RunPlan) -> Lessons:
    """Learn everything here."""
    overview = overview_of(inputs, plan)
    names = lesson_names(inputs, plan.scope["territories"])
    return Lessons(overview, {name: learn_lesson(inputs, overview, name) for name in names})


def _read_by_targets(panel: Panel, completed: Floats | None) -> Floats | None:
    """Forget possible values of signals that no target reads, which are most of the bytes."""
    if completed is None:
        return None
    read = {s for target in flow_targets(panel) for s in relevant(panel, target)}
    unread = [k for k, s in enumerate(panel.signals) if s not in read]
    completed[..., unread] = np.nan
    return completed


def _verdict_document(verdicts: Verdicts) -> dict[str, Any]:
    return {
        "state": None if verdicts.state is None else verdicts.state.decode(),
        "by_territory": {
            t: [
                a.state,
                [[c.key, c.severity, dict(c.parameters)] for c in a.causes],
                float(a.widen),
                a.fallback,
            ]
            for t, a in verdicts.by_territory.items()
        },
    }


def _verdict_of(document: Mapping[str, Any]) -> Verdicts:
    return Verdicts(
        by_territory={
            t: TrustAssessment(state, tuple(Cause(*c) for c in causes), widen, fallback)
            for t, (state, causes, widen, fallback) in document["by_territory"].items()
        },
        state=None if document["state"] is None else document["state"].encode(),
    )
