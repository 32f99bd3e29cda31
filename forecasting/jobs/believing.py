"""What is published of what was drawn: as it is, wider, or the yardstick's in its place.

The verdicts on a target were reached on earlier forecasts; what the models have just drawn is looked at too, so that
an absurd forecast is not published once before it can be found out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from forecasting.jobs.forecaster import BACK_DAYS, DISTRUSTED, TargetDraws, draw_yardstick
from forecasting.jobs.trusting import Verdicts
from forecasting.panel import Panel
from forecasting.trust import Cause
from forecasting.trust.plausibility import implausible_forecast

Floats = NDArray[np.float64]


def believed(
    panel: Panel,
    drawn: Mapping[str, TargetDraws],
    verdicts: Mapping[str, Verdicts],
    headline: Verdicts,
    *,
    draws: int,
    seed: int,
) -> tuple[dict[str, TargetDraws], dict[str, Verdicts]]:
    """Return draws as far as they are to be believed, and the verdicts with what the draws themselves are doubted for.

    Parameters
    ----------
    drawn
        By target.
    verdicts
        By monitored target, the one that heads the others first.
    headline
        Verdicts that targets follow which are not monitored themselves.
    draws, seed
        Of the yardstick, where it answers instead.
    """
    judged, flows = dict(verdicts), {}
    for target, flow in drawn.items():
        own = {t: paths for t, paths in flow.draws.items() if t not in flow.fallen_back}
        absurd = implausible(panel, target, own, BACK_DAYS)
        verdict = judged.get(target, headline)
        if absurd:
            verdict = judged[target] = verdict.questioned(absurd)
        flows[target] = as_believed(panel, target, flow, verdict, draws=draws, seed=seed)
    return flows, judged


def as_believed(
    panel: Panel, target: str, flow: TargetDraws, verdicts: Verdicts, *, draws: int, seed: int
) -> TargetDraws:
    """Return the yardstick's draws where models went wrong, and wider ones where they are doubted."""
    broken = [t for t in flow.draws if verdicts.falls_back(t)]
    told = flow.retold(
        broken,
        DISTRUSTED,
        lambda t: ranked_as(flow.draws[t], draw_yardstick(panel, target, t, draws, seed)),
    )
    return told.adjusted(verdicts.widened)


def ranked_as(models: Floats, yardstick: Floats) -> Floats:
    """Order the yardstick's paths as the models' were: the same draw number is still the same future everywhere.

    Drawn for each territory by itself, yardsticks that answer for many at once would cancel out in their sum.

    Parameters
    ----------
    models, yardstick
        Draws of one territory, shape (day, draw).
    """
    rank = models.sum(axis=0).argsort(kind="stable").argsort(kind="stable")
    in_order = yardstick[:, yardstick.sum(axis=0).argsort(kind="stable")]
    found: Floats = in_order[:, rank]
    return found


def implausible(panel: Panel, target: str, draws: Mapping[str, Floats], first: int) -> dict[str, Cause]:
    """Return the territories whose draws are out of all proportion to the days known, and why.

    Parameters
    ----------
    draws
        By territory, shape (day, draw).
    first
        Position of day 0 in the draws.
    """
    found = {}
    values = panel.series(target)
    for territory, paths in draws.items():
        known = values[:, panel.territories.index(territory)]
        cause = implausible_forecast(known, paths[first:], target)
        if cause is not None:
            found[territory] = cause
    return found
