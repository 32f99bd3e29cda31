"""Trust in a run: monitors of what was published before against what became true, and checks of the inputs.

The monitors move on by each day that has become known since the last run that left their state, fed with the
forecasts published one and seven days before it. Their state is part of the run's model state. Regions and the country
that earlier runs summed are monitored beside their départements, which are too small to show a break within a
week by themselves: a sum's flag is handed down.

What one run leaves to the next is in :mod:`forecasting.jobs.remembering`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from forecasting.distribution import QUANTILE_LEVELS
from forecasting.jobs.days_off import least_share
from forecasting.jobs.forecaster import monitored_targets
from forecasting.jobs.remembering import MEDIAN, Kept, Published, Widened, kept_of, said_ahead, widths
from forecasting.jobs.seeds import stream
from forecasting.panel import Panel
from forecasting.run import Message
from forecasting.scoring import pit_of_quantiles
from forecasting.trust import (
    SLACK,
    Cause,
    TrustAssessment,
    TrustState,
    advance,
    assess,
    followed,
    initial_state,
    standardised_residual,
    unheard_growth,
)
from streams.vocabulary.places import descendants

Floats = NDArray[np.float64]
STATE = "trust"
LEVELS = np.asarray(QUANTILE_LEVELS)
_REMEMBERED_DAYS = 10
_OF_A_TARGET = ("trust.forecast_", "trust.parent_", "trust.parts_", "trust.growth_")

TRUSTED = TrustAssessment("ok", (), 1.0, False)


@dataclass(frozen=True)
class Verdicts:
    """What the monitors and checks say.

    Attributes
    ----------
    by_territory
        Empty where no target is monitored.
    state
        Canonical bytes of the monitors' state, None without a target.
    """

    by_territory: Mapping[str, TrustAssessment] = field(default_factory=dict)
    state: bytes | None = None

    def causes(self, territory: str) -> list[Message]:
        """Return why a territory is not fully trusted."""
        found = self.by_territory.get(territory)
        return [Message(c.key, dict(c.parameters)) for c in found.causes] if found else []

    def is_broken(self, territory: str) -> bool:
        """Whether a territory's forecast is not to be believed."""
        found = self.by_territory.get(territory)
        return found is not None and found.state == "broken"

    def falls_back(self, territory: str) -> bool:
        """Whether the yardstick is to be published in place of the models."""
        found = self.by_territory.get(territory)
        return found is not None and found.fallback

    def questioned(self, found: Mapping[str, Cause]) -> Verdicts:
        """Return the verdicts with what the drawn forecasts themselves are doubted for; those fall back."""
        changed = {}
        for territory, cause in found.items():
            known = self.by_territory.get(territory, TRUSTED)
            state = "degraded" if known.state == "ok" else known.state
            changed[territory] = replace(known, state=state, causes=(cause, *known.causes), fallback=True)
        return replace(self, by_territory={**self.by_territory, **changed})

    def widened(self, territory: str, draws: Floats) -> Floats:
        """Return draws moved away from their median by the factor that the errors seen ask for."""
        found = self.by_territory.get(territory)
        if found is None or found.widen == 1.0:
            return draws
        middle = np.median(draws, axis=1, keepdims=True)
        return np.maximum(middle + found.widen * (draws - middle), 0.0)


def judge_all(
    panel: Panel,
    published: Published,
    states: Mapping[str, bytes],
    seed: int,
    doubts: Mapping[str, Sequence[Cause]],
) -> dict[str, Verdicts]:
    """Judge every monitored target; what is doubted of the inputs counts against the first, which all follow."""
    found: dict[str, Verdicts] = {}
    for target in monitored_targets(panel):
        causes = {} if found else doubts
        found[target] = judge(panel, target, published, states.get(state_name(target)), seed, causes)
    return found


def doubted_sums(states: Mapping[str, bytes], parents: Sequence[str]) -> dict[str, list[Message]]:
    """Return why the sums over départements are to be doubted that a run adds to what it computed, by parent.

    Parameters
    ----------
    states
        What the run leaves, the monitors of each target among it.
    """
    found: dict[str, list[Message]] = {}
    for name, state in sorted(states.items()):
        kept = kept_of(state) if name.startswith(f"{STATE}/") else None
        if kept is None:
            continue
        watched = kept.monitors.territories
        verdicts = assess(kept.monitors, sums=_parts([p for p in parents if p in watched], watched))
        for parent in parents:
            if parent in verdicts:
                told = _told_of(name.removeprefix(f"{STATE}/"), verdicts[parent])
                found.setdefault(parent, []).extend(Message(c.key, dict(c.parameters)) for c in told.causes)
    return found


def state_name(target: str) -> str:
    """Return the name under which a target's monitors are kept in a run's state."""
    return f"{STATE}/{target}"


def judge(
    panel: Panel,
    target: str,
    published: Published,
    state: bytes | None,
    seed: int,
    doubts: Mapping[str, Sequence[Cause]] | None = None,
) -> Verdicts:
    """Move the monitors of one target on and judge every territory of the panel.

    Parameters
    ----------
    doubts
        What the checks of the inputs found.
    """
    sums = _sums(panel, target, published)
    names = (*panel.territories, *sums)
    kept = kept_of(state)
    monitors = kept.monitors.for_territories(names) if kept else initial_state(names)
    truth = _truth(panel, target, sums)
    last, widened = (kept.last, dict(kept.widened)) if kept else (None, {})
    for day in _new_days(panel, target, last):
        known = truth[: int(np.searchsorted(panel.dates, np.datetime64(day))) + 1]
        monitors = _advanced(monitors, target, known, day, published, widened, seed)
        last = day
    found = {t: _told_of(target, verdict) for t, verdict in assess(monitors, doubts, sums).items()}
    if last is None:
        return Verdicts(found)
    widened[str(panel.dates[-1])] = widths(found, sums)
    oldest = str(panel.dates[-1] - _REMEMBERED_DAYS)
    left = Kept(monitors, last, {origin: f for origin, f in widened.items() if origin > oldest})
    return Verdicts(found, left.pack())


def _told_of(target: str, verdict: TrustAssessment) -> TrustAssessment:
    """Return a verdict whose causes say of what the forecasts went wrong."""
    causes = tuple(
        replace(cause, parameters={**cause.parameters, "target": target})
        if cause.key.startswith(_OF_A_TARGET)
        else cause
        for cause in verdict.causes
    )
    return replace(verdict, causes=causes)


def _sums(panel: Panel, target: str, published: Published) -> dict[str, tuple[str, ...]]:
    """Return the parents that were published though no source tells them, the smallest first, with their parts."""
    told = {t for name, t, _ in published if name == target} - set(panel.territories)
    return _parts(sorted(told), panel.territories)


def _parts(sums: Sequence[str], territories: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the territories that make up each sum, the smallest first; a sum of one is none."""
    inside = {p: tuple(d for d in descendants(p) if d in territories and d not in sums) for p in sums}
    return {p: inside[p] for p in sorted(sums, key=lambda p: (len(inside[p]), p)) if len(inside[p]) > 1}


def _truth(panel: Panel, target: str, sums: Mapping[str, Sequence[str]]) -> Floats:
    """Return what became true of every territory and sum, shape (time, territory)."""
    own = panel.series(target)
    place = {code: i for i, code in enumerate(panel.territories)}
    parts = [own[:, [place[d] for d in inside]].sum(axis=1) for inside in sums.values()]
    return np.column_stack([own, *parts])


def _new_days(panel: Panel, target: str, last: date | None) -> list[date]:
    """Return the days known of the target that the monitors have not seen; at first the newest alone."""
    known = np.flatnonzero(np.isfinite(panel.series(target)).any(axis=1))
    days: list[date] = [panel.dates[k].astype("datetime64[D]").item() for k in known[-14:]]
    return days[-1:] if last is None else [d for d in days if d > last]


def _advanced(
    monitors: TrustState,
    target: str,
    known: Floats,
    day: date,
    published: Published,
    widened: Widened,
    seed: int,
) -> TrustState:
    """Show the monitors one day; `known` is what became true up to it, shape (time, territory)."""
    truth = known[-1]
    near = said_ahead(monitors.territories, target, published, widened, day - timedelta(days=1), 0)
    far = said_ahead(monitors.territories, target, published, widened, day - timedelta(days=7), 1)
    pit = np.full(len(truth), np.nan)
    can = np.isfinite(truth) & np.isfinite(near).all(axis=1)
    if can.any():
        rng = stream(seed, "trust", day.isoformat())
        pit[can] = pit_of_quantiles(near[can], LEVELS, followed(near, LEVELS, truth, SLACK)[can], rng)
    return advance(
        monitors,
        pit,
        *(standardised_residual(said, LEVELS, followed(said, LEVELS, truth)) for said in (near, far)),
        fall_excused=_excused(near, truth, least_share(day)),
        unheard_of=unheard_growth(known),
    )


def _excused(said: Floats, truth: Floats, share: float) -> NDArray[np.bool_]:
    """Whether each truth is no lower than the calendar explains, shape (territory,)."""
    if share == 1.0:
        return np.zeros(len(truth), dtype=np.bool_)
    enough: NDArray[np.bool_] = truth >= share * said[:, MEDIAN]
    return enough
