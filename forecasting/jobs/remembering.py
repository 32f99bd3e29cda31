"""What the monitors of one run leave to the next, and what earlier runs said, as wide as models had it.

Intervals that doubt has widened are narrowed again before they are judged: what is monitored is how wide the models
are by themselves. Otherwise wider intervals would end the flag that widened them, and the flag would come and go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from forecasting.distribution import QUANTILE_LEVELS
from forecasting.store import canonical
from forecasting.trust import TrustAssessment, TrustState

log = structlog.get_logger(__name__)

Floats = NDArray[np.float64]
MEDIAN = len(QUANTILE_LEVELS) // 2
Published = Mapping[tuple[str, str, str], tuple[list[float], list[float]]]
"""Quantiles one and seven days ahead, by target, territory and origin (ISO text)."""
Widened = Mapping[str, Mapping[str, float]]
"""By how much doubt widened what was published, by origin (ISO text) and territory; 1 where nothing is said."""


@dataclass(frozen=True)
class Kept:
    """What one run leaves to the next.

    Attributes
    ----------
    monitors
        Of one target, all territories and sums.
    last
        Newest day they saw.
    widened
        How wide doubt made what was said of it.
    """

    monitors: TrustState
    last: date
    widened: Widened

    def pack(self) -> bytes:
        """Return it as canonical bytes."""
        return canonical.document(
            {"monitors": self.monitors.to_dict(), "last": self.last.isoformat(), "widened": self.widened}
        )


def kept_of(state: bytes | None) -> Kept | None:
    """Read what `Kept.pack` wrote; None without it, and where an earlier version wrote something else."""
    if not state:
        return None
    stored = canonical.read_document(state)
    try:
        monitors = TrustState.from_dict(stored["monitors"])
    except ValueError as error:
        # A state of an earlier version: watching starts again, which no forecast should wait for.
        log.warning("trust_starts_again", reason=str(error))
        return None
    return Kept(monitors, date.fromisoformat(stored["last"]), stored.get("widened", {}))


def widths(found: Mapping[str, TrustAssessment], sums: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return by how much each territory's draws are widened; a sum is as much wider as its parts are on average.

    Parameters
    ----------
    found
        Verdicts by territory and sum.
    sums
        Territories that make up each sum.
    """
    own = {t: verdict.widen for t, verdict in found.items() if t not in sums}
    whole = {parent: float(np.mean([own[part] for part in inside])) for parent, inside in sums.items()}
    return {t: round(factor, 4) for t, factor in {**own, **whole}.items() if factor != 1.0}


def said_ahead(
    territories: Sequence[str],
    target: str,
    published: Published,
    widened: Widened,
    origin: date,
    which: int,
) -> Floats:
    """Return what was forecast, as wide as it was before doubt widened it, shape (territory, level).

    Parameters
    ----------
    which
        0 for one day ahead, 1 for seven; a territory of which nothing was published is NaN.
    """
    missing = [np.nan] * len(QUANTILE_LEVELS)
    factors = widened.get(origin.isoformat(), {})
    rows: list[Any] = [
        published[key][which] if (key := (target, t, origin.isoformat())) in published else missing
        for t in territories
    ]
    said = np.array(rows, dtype=float)
    middle = said[:, MEDIAN, None]
    wide = np.array([factors.get(t, 1.0) for t in territories])[:, None]
    own: Floats = middle + (said - middle) / wide
    return own
