"""Trust in a run: monitors of what was published before against what became true, and checks of the inputs.

The monitors move on by each day that has become known since the last run that left their state, fed with the
forecasts published one and seven days before it. Their state is part of the run's model state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.distribution import QUANTILE_LEVELS
from forecasting.input_checks import implausible_values
from forecasting.jobs.forecaster import relevant
from forecasting.jobs.seeds import stream
from forecasting.panel import Panel
from forecasting.run import Message
from forecasting.scoring import pit_of_quantiles
from forecasting.store import canonical
from forecasting.trust import (
    TrustAssessment,
    TrustState,
    advance,
    assess,
    initial_state,
    standardised_residual,
)

Floats = NDArray[np.float64]
STATE = "trust"
LEVELS = np.asarray(QUANTILE_LEVELS)
Published = Mapping[tuple[str, str], tuple[list[float], list[float]]]
"""Quantiles one and seven days ahead, by territory and origin (ISO text)."""


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

    def widened(self, territory: str, draws: Floats) -> Floats:
        """Return draws moved away from their median by the factor that the errors seen ask for."""
        found = self.by_territory.get(territory)
        if found is None or found.widen == 1.0:
            return draws
        middle = np.median(draws, axis=1, keepdims=True)
        return np.maximum(middle + found.widen * (draws - middle), 0.0)


def judge(panel: Panel, target: str | None, published: Published, state: bytes | None, seed: int) -> Verdicts:
    """Move the monitors of one target on and judge every territory of the panel."""
    if target is None:
        return Verdicts()
    kept = canonical.read_document(state) if state else None
    monitors = TrustState.from_dict(kept["monitors"]) if kept else initial_state(panel.territories)
    monitors = monitors.for_territories(panel.territories)
    last = date.fromisoformat(kept["last"]) if kept else None
    for day in _new_days(panel, target, last):
        monitors = _advanced(monitors, panel, target, day, published, seed)
        last = day
    names = relevant(panel, target)
    values = np.stack([panel.series(s) for s in names], axis=2)
    # Of one target all signals are of one syndrome: their plain names say which.
    plain = [s.split(":")[0] for s in names]
    inputs = implausible_values(values, panel.territories, plain, target=target.split(":")[0])
    left = {"monitors": monitors.to_dict(), "last": last.isoformat() if last else None}
    return Verdicts(assess(monitors, inputs), canonical.document(left) if last else None)


def _new_days(panel: Panel, target: str, last: date | None) -> list[date]:
    """Return the days known of the target that the monitors have not seen; at first the newest alone."""
    known = np.flatnonzero(np.isfinite(panel.series(target)).any(axis=1))
    days: list[date] = [panel.dates[k].astype("datetime64[D]").item() for k in known[-14:]]
    return days[-1:] if last is None else [d for d in days if d > last]


def _advanced(
    monitors: TrustState, panel: Panel, target: str, day: date, published: Published, seed: int
) -> TrustState:
    place = int(np.searchsorted(panel.dates, np.datetime64(day, "D")))
    truth = panel.series(target)[place]
    near = _quantiles(panel.territories, published, day - timedelta(days=1), 0)
    far = _quantiles(panel.territories, published, day - timedelta(days=7), 1)
    pit = np.full(len(truth), np.nan)
    can = np.isfinite(truth) & np.isfinite(near).all(axis=1)
    if can.any():
        rng = stream(seed, "trust", day.isoformat())
        pit[can] = pit_of_quantiles(near[can], LEVELS, truth[can], rng)
    return advance(
        monitors,
        pit,
        standardised_residual(near, LEVELS, truth),
        standardised_residual(far, LEVELS, truth),
    )


def _quantiles(territories: Sequence[str], published: Published, origin: date, which: int) -> Floats:
    missing = [np.nan] * len(LEVELS)
    rows: list[Any] = [
        published[key][which] if (key := (t, origin.isoformat())) in published else missing
        for t in territories
    ]
    return np.array(rows, dtype=float)
