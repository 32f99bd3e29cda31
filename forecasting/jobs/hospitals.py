"""Hospitals and the territory they lie in: their draws add up, day by day and draw by draw.

A territory is forecast with signals that no single hospital has, so its draws are kept; each is shared out among its
hospitals in proportion to theirs (`forecasting.sharing.deal_out`). How that scored on simulated hospitals beside
reconciling every draw is in docs/decisions/0004-coherence.md. Beds are dealt out like admissions.

Hospitals that send data need not be all of a territory: what the newest weeks show to be elsewhere stays there as a
remainder. Where they told of more than the territory did, the two count different things, and both are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecasting.jobs.bed_forecast import BedDraws, column
from forecasting.jobs.forecaster import TargetDraws
from forecasting.jobs.inputs import RunInputs
from forecasting.jobs.seeds import stream
from forecasting.run import STOCK
from forecasting.sharing import deal_out

Floats = NDArray[np.float64]
RECENT_DAYS, LEAST_DAYS = 56, 14
MORE, NOTHING = 0.02, 0.005
"""Share by which hospitals may exceed their territory, and share of a remainder that is none."""


@dataclass(frozen=True)
class Cover:
    """How much of a territory its hospitals tell.

    Attributes
    ----------
    elsewhere
        Share of the territory that is in none of them, 0 to 1.
    """

    elsewhere: float

    @property
    def is_whole(self) -> bool:
        """Whether the hospitals are all of the territory."""
        return self.elsewhere < NOTHING


def cover_of(territory: Floats | None, hospitals: Sequence[Floats | None]) -> Cover | None:
    """Compare what hospitals told with what their territory did, on the newest days known of all.

    Parameters
    ----------
    territory, hospitals
        Daily series, shape (time,), or None where there is none.

    Returns
    -------
    Cover or None
        None when too few days are known, or when hospitals told of more than the territory.
    """
    known = [h for h in hospitals if h is not None]
    if territory is None or not known or len(known) < len(hospitals):
        return None
    inside = np.sum(known, axis=0)[-RECENT_DAYS:]
    whole = territory[-RECENT_DAYS:]
    both = np.isfinite(inside) & np.isfinite(whole)
    if both.sum() < LEAST_DAYS or inside[both].sum() > (1 + MORE) * whole[both].sum():
        return None
    total = float(whole[both].sum())
    return Cover(float(np.clip(1.0 - inside[both].sum() / total, 0.0, 1.0)) if total > 0 else 0.0)


def dealt_flows(
    flows: Mapping[str, TargetDraws],
    hospital_flows: Mapping[str, TargetDraws],
    inputs: RunInputs,
    seed: int,
) -> dict[str, TargetDraws]:
    """Return the draws of hospitals, made to add up to those of their territories."""
    panel = inputs.facility_panel
    found = dict(hospital_flows)
    for target, inner in hospital_flows.items():
        if panel is None or target not in flows:
            continue
        draws = dict(inner.draws)
        for territory, inside in _by_territory(inner.draws, inputs.facility_places).items():
            outer = flows[target].draws.get(territory)
            signal, syndrome = target.split(":")
            cover = cover_of(
                column(inputs.panel, territory, signal, syndrome),
                [column(panel, f, signal, syndrome) for f in inside],
            )
            if outer is None or cover is None:
                continue
            children = np.stack([inner.draws[f] for f in inside])
            told = outer - _elsewhere(outer, children, cover, stream(seed, territory, target, "elsewhere"))
            draws |= dict(zip(inside, deal_out(told, children), strict=True))
        found[target] = replace(inner, draws=draws)
    return found


def dealt_beds(
    outer: Sequence[BedDraws],
    inner: Mapping[str, Sequence[BedDraws]],
    territory: str,
    inputs: RunInputs,
    seed: int,
) -> dict[str, list[BedDraws]]:
    """Return the beds of hospitals, made to add up to those of their territory.

    Parameters
    ----------
    inner
        Beds of each hospital of the territory.
    """
    found = {f: list(beds) for f, beds in inner.items()}
    for whole in outer:
        signal = STOCK[whole.unit]
        mine = {
            f: k
            for f, beds in inner.items()
            for k, b in enumerate(beds)
            if (b.unit, b.syndrome) == (whole.unit, whole.syndrome)
        }
        if inputs.facility_panel is None or not mine:
            continue
        cover = cover_of(
            column(inputs.panel, territory, signal, whole.syndrome),
            [column(inputs.facility_panel, f, signal, whole.syndrome) for f in mine],
        )
        if cover is None:
            continue
        children = np.stack([inner[f][k].draws for f, k in mine.items()])
        rng = stream(seed, territory, f"{signal}:{whole.syndrome}", "elsewhere")
        dealt = deal_out(whole.draws - _elsewhere(whole.draws, children, cover, rng), children)
        for (hospital, k), draws in zip(mine.items(), dealt, strict=True):
            found[hospital][k] = replace(found[hospital][k], draws=draws)
    return found


def _by_territory(hospitals: Mapping[str, object], places: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for hospital in sorted(hospitals):
        found.setdefault(places[hospital], []).append(hospital)
    return found


def _elsewhere(outer: Floats, children: Floats, cover: Cover, rng: np.random.Generator) -> Floats:
    """Draw what is in no hospital that tells: the difference on days known, chance by their share on those to come."""
    if cover.is_whole:
        return np.zeros(outer.shape)
    to_come = rng.binomial(np.round(outer).astype(np.int64), cover.elsewhere)
    known = (np.ptp(outer, axis=1) == 0) & (np.ptp(children, axis=2) == 0).all(axis=0)
    difference = np.maximum(outer - children.sum(axis=0), 0.0)
    return np.asarray(np.where(known[:, None], difference, np.minimum(to_come, outer)))
