"""Asking the models for one target, and falling back to the yardstick where they cannot answer.

A failure of the models never stops a run: each territory they leave gets the yardstick's draws, and the run
names what happened. A target is learnt once from all territories (`learn_target`); whoever holds the `Lesson` draws
any of them (`draw_target`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import orjson
import structlog
from numpy.typing import NDArray

from forecasting.attribution import Shares, shared_out
from forecasting.distribution import ForecastDistribution
from forecasting.jobs.seeds import stream
from forecasting.jobs.yardstick import LEAST_DAYS, draw_persistence, known_days
from forecasting.learned import Learned
from forecasting.learning import TooShort, Workings, work
from forecasting.models import REGISTRY
from forecasting.panel import Panel
from forecasting.run import HORIZON_DAYS
from forecasting.store import canonical
from streams.vocabulary.signals import signal as signal_of

log = structlog.get_logger(__name__)

Floats = NDArray[np.float64]
BACK_DAYS = 10
HORIZONS = tuple(range(-BACK_DAYS, HORIZON_DAYS + 1))
"""Days drawn: those to publish, and the days before on which beds may still depend."""
PARTS = "parts"
YARDSTICK = "persistence"
DISTRUSTED = "distrusted"
"""Why a territory whose monitors broke is answered by the yardstick."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What was learnt of one target, or why nothing was.

    Attributes
    ----------
    learned
        None when the models were not asked or did not answer.
    reason
        Why not.
    shares
        What each group of signals adds to what was learnt; None where nothing can be explained.
    """

    learned: Learned | None
    reason: str = ""
    shares: Shares | None = None

    @property
    def state(self) -> bytes | None:
        """Canonical bytes of the model state that the next run starts from, or None."""
        return None if self.learned is None else canonical.document(self.learned.plain_state())

    def pack(self) -> bytes:
        """Return the lesson as canonical bytes."""
        meta, arrays = ({}, {}) if self.learned is None else self.learned.arrays()
        told = self.shares
        about = None if told is None else {"models": list(told.models), "groups": list(told.groups)}
        if told is not None:
            arrays = {**arrays, PARTS: told.parts}
        return canonical.pack({"reason": self.reason, "learned": meta or None, "shares": about}, arrays)

    @classmethod
    def unpack(cls, content: bytes) -> Self:
        """Read what `pack` wrote."""
        meta, arrays = canonical.unpack(content)
        learned = None if meta["learned"] is None else Learned.of_arrays(meta["learned"], arrays)
        about = meta["shares"]
        told = about and Shares(tuple(about["models"]), tuple(about["groups"]), arrays[PARTS])
        return cls(learned, meta["reason"], told)


@dataclass(frozen=True, eq=False)
class TargetDraws:
    """One target's draws for some territories.

    Attributes
    ----------
    draws
        By territory, shape (`HORIZONS`, draw); a territory that cannot be forecast is absent.
    models
        Weights, and models left out with the reason; the same for all territories the models answered.
    fallen_back
        Territories that the yardstick answered for, with the reason.
    ahead
        What was announced for the days of `HORIZONS` beyond the usual and is in the draws, by territory.
    """

    draws: Mapping[str, Floats]
    models: Mapping[str, Any]
    fallen_back: Mapping[str, str] = field(default_factory=dict)
    ahead: Mapping[str, Floats] = field(default_factory=dict)

    def adjusted(self, change: Callable[[str, Floats], Floats]) -> TargetDraws:
        """Return the same with each territory's draws changed."""
        return replace(self, draws={t: change(t, paths) for t, paths in self.draws.items()})

    def told_ahead(self, added: Mapping[str, Floats]) -> TargetDraws:
        """Return the same, saying what was announced and added, by territory, shape (`HORIZONS`,)."""
        return replace(self, ahead=added)

    def retold(self, territories: Sequence[str], reason: str, change: Callable[[str], Floats]) -> TargetDraws:
        """Return the same with the draws of some territories replaced by the yardstick's, and why."""
        names = [t for t in territories if t in self.draws and t not in self.fallen_back]
        fallen = {**self.fallen_back, **dict.fromkeys(names, reason)}
        return replace(self, draws={**self.draws, **{t: change(t) for t in names}}, fallen_back=fallen)

    def models_of(self, territory: str) -> Mapping[str, Any]:
        """Return the weights behind one territory's draws."""
        if territory in self.fallen_back:
            return {
                "weights": {YARDSTICK: 1.0},
                "left_out": [{"model": "ensemble", "reason": self.fallen_back[territory]}],
            }
        return self.models


LEADING: Mapping[str, tuple[str, ...]] = {
    "admissions": ("ed_visits", "sos_calls", "samu_calls", "lab_positives"),
    "critical_admissions": ("admissions", "ed_visits", "sos_calls", "lab_positives"),
    "ed_visits": ("sos_calls", "samu_calls", "lab_positives"),
}
"""Signals that may lead each target; a model with every signal of every cause only learns noise, slowly."""


def relevant(panel: Panel, target: str) -> tuple[str, ...]:
    """Return the signals of a panel that may tell of a target: itself and its leads, of the same syndrome."""
    name, syndrome = target.split(":")
    wanted = (target, *(f"{lead}:{syndrome}" for lead in LEADING.get(name, ())))
    return tuple(s for s in panel.signals if s in wanted)


CAUSES = ("all", "covid", "influenza", "bronchiolitis", "gastroenteritis")


def monitored_targets(panel: Panel) -> tuple[str, ...]:
    """Return the targets by which trust is monitored.

    Admissions of all causes, and of each, in which a break shows sooner; then emergency visits, in which it shows
    days before admissions.
    """
    admissions = [key for s in CAUSES if (key := f"admissions:{s}") in panel.signals]
    visits = [key for s in CAUSES if (key := f"ed_visits:{s}") in panel.signals]
    return (*admissions, *visits[:1])


def monitored_target(panel: Panel) -> str | None:
    """Return the admissions by which a territory is trusted and leads are told: of all causes, else of one."""
    return next((key for key in monitored_targets(panel) if key.startswith("admissions:")), None)


def narrowed(panel: Panel, nowcast: Floats | None, target: str) -> tuple[Panel, Floats | None]:
    """Return a panel and its nowcast with the relevant signals of a target only."""
    keep = relevant(panel, target)
    columns = [panel.signals.index(s) for s in keep]
    completed = None if nowcast is None else nowcast[..., columns]
    if completed is not None and not np.isfinite(completed).any():
        completed = None
    return panel.without(tuple(s for s in panel.signals if s not in keep)), completed


def learn_target(
    panel: Panel,
    target: str,
    *,
    state: bytes | None,
    nowcast_draws: Floats | None = None,
    models: bool = True,
    explained: bool = True,
) -> Lesson:
    """Learn one target from all territories of a panel.

    Parameters
    ----------
    state
        What the previous run left, or None.
    models
        Whether to ask the models at all, or the yardstick only.
    explained
        Whether it will be told what each group of signals adds.
    """
    if not models:
        return Lesson(None, "not asked")
    kept, completed = narrowed(panel, nowcast_draws, target)
    try:
        before = orjson.loads(state) if state else None
        done = work(kept, target, HORIZON_DAYS, None, 0, state=before, nowcast_draws=completed)
    except TooShort as error:
        return Lesson(None, str(error))
    except Exception as error:  # a model may fail in ways its library alone knows; the run goes on
        log.exception("models_failed", target=target)
        return Lesson(None, f"{type(error).__name__}: {error}")
    return Lesson(done.learned, shares=_shares(done) if explained else None)


def _shares(done: Workings) -> Shares | None:
    """Share out what the models that are heard forecast, once for whoever draws; a failure leaves it unexplained."""
    learned = done.learned
    heard = [model for model in REGISTRY if learned.weights.get(model.name, 0.0) > 0]
    try:
        found = shared_out(done.problem, heard, learned.state["models"], _group)
    except Exception as error:  # an explanation is worth having, no forecast depends on it
        log.warning("not_explained", target=learned.target, error=f"{type(error).__name__}: {error}")
        return None
    silent = sorted({model.name for model in heard} - set(found.models))
    if silent:
        log.info("models_not_shared_out", target=learned.target, models=silent)
    return found


def _group(source: str) -> str:
    return signal_of(source.split(":")[0]).group


def draw_target(
    panel: Panel, target: str, territories: Sequence[str], lesson: Lesson, *, draws: int, seed: int
) -> TargetDraws:
    """Draw the days of `HORIZONS` of one target.

    Parameters
    ----------
    territories
        Those to draw; the numbers of each are the same whoever else is drawn.
    lesson
        What `learn_target` learnt of the same panel.
    """
    able = able_territories(panel, target, territories)
    if not able:
        return TargetDraws({}, {})
    answer, reason = _answered(lesson, target, able, draws, seed)
    found: dict[str, Floats] = {}
    fallen: dict[str, str] = {}
    for place, territory in enumerate(able):
        paths = None if answer is None else np.asarray(answer.draws[place])
        if paths is None or not np.all(np.isfinite(paths)) or _is_wild(panel, target, territory, paths):
            fallen[territory] = reason if paths is None else "not finite or wild"
            paths = draw_yardstick(panel, target, territory, draws, seed)
        found[territory] = np.maximum(paths, 0.0)
    if answer is None or lesson.learned is None:
        return TargetDraws(found, {}, fallen)
    return TargetDraws(draws=found, models=_models(lesson.learned), fallen_back=fallen)


def able_territories(panel: Panel, target: str, territories: Sequence[str]) -> list[str]:
    """Return the territories whose past of a target is long and recent enough to be forecast."""
    return [t for t in territories if _has_history(panel, target, t)]


def _has_history(panel: Panel, target: str, territory: str) -> bool:
    values = panel.series(target)[:, panel.territories.index(territory)]
    recent = values[-8 * 7 :]
    return known_days(values) >= LEAST_DAYS and known_days(recent) >= LEAST_DAYS


def _answered(
    lesson: Lesson, target: str, territories: Sequence[str], draws: int, seed: int
) -> tuple[ForecastDistribution | None, str]:
    if lesson.learned is None:
        return None, lesson.reason
    try:
        return lesson.learned.draw(territories, HORIZONS, draws, seed), ""
    except (ValueError, ArithmeticError, IndexError) as error:
        log.exception("draws_failed", target=target)
        return None, f"{type(error).__name__}: {error}"


def _models(learned: Learned) -> dict[str, Any]:
    return {
        "weights": {name: round(float(w), 4) for name, w in sorted(learned.weights.items())},
        "left_out": [{"model": m.model, "reason": m.key} for m in learned.left_out],
    }


def _is_wild(panel: Panel, target: str, territory: str, paths: Floats) -> bool:
    """Whether the median leaves by far anything the place has seen."""
    values = panel.series(target)[:, panel.territories.index(territory)]
    highest = float(np.nanmax(values))
    return bool(np.median(paths, axis=1).max() > 20.0 * (highest + 5.0))


def draw_yardstick(panel: Panel, target: str, territory: str, draws: int, seed: int) -> Floats:
    """Draw the days of `HORIZONS` of one target by the yardstick, shape (`HORIZONS`, draw)."""
    values = panel.series(target)[:, panel.territories.index(territory)]
    # 1 January 1970 was a Thursday.
    weekdays = (panel.dates.astype("datetime64[D]").astype(np.int64) + 3) % 7
    rng = stream(seed, territory, target, "yardstick")
    is_stock = signal_of(target.split(":")[0]).kind == "stock"
    return draw_persistence(values, weekdays, HORIZON_DAYS, draws, rng, back=BACK_DAYS, stock=is_stock)
