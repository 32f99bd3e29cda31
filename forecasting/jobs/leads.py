"""The lag atlas of a run: by how many days each signal leads admissions, where, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.jobs.forecaster import relevant
from forecasting.jobs.seeds import stream
from forecasting.leadlag import LeadLag, atlas
from forecasting.panel import Panel
from forecasting.run import LeadLagRow

RESAMPLES = 100
LONGEST_HISTORY = 280


def lead_atlas(
    panel: Panel, target: str | None, seed: int, *, back: int = 0, days: int = LONGEST_HISTORY
) -> tuple[LeadLag, ...]:
    """Return how signals lead a target in every territory of a panel, as it looked some days ago.

    Parameters
    ----------
    back
        Days left out at the end.
    days
        Days looked at before those.
    """
    names = tuple(s for s in relevant(panel, target) if s != target) if target else ()
    if target is None or not names:
        return ()
    end = max(len(panel.dates) - back, 0)
    recent = slice(max(end - days, 0), end)
    return atlas(
        panel.series(target)[recent],
        np.stack([panel.series(s)[recent] for s in names], axis=2),
        panel.territories,
        names,
        stream(seed, target, "leads"),
        resamples=RESAMPLES,
    )


def lead_rows(
    rows: Sequence[LeadLag], target: str | None, territories: Sequence[str]
) -> dict[str, tuple[LeadLagRow, ...]]:
    """Return the rows of an atlas that are told of some territories, by territory."""
    if target is None:
        return {}
    wanted = {t: [r for r in rows if r.territory == t] for t in territories}
    return {t: tuple(_row(r, target) for r in found if r.pairs) for t, found in wanted.items()}


def _row(found: LeadLag, target: str) -> LeadLagRow:
    shown = found.state == "evidence"
    return LeadLagRow(
        # The target says the syndrome.
        signal=found.signal.split(":")[0],
        target=target,
        lag_days=_number(found.lag) if shown else None,
        low=_number(found.low) if shown else None,
        high=_number(found.high) if shown else None,
        strength=_number(found.strength),
    )


def _number(value: float) -> float | None:
    return None if not np.isfinite(value) else round(float(value), 3)
