"""Completing the newest days: nowcast draws from how earlier counts grew as reports came in.

Delays are counted in whole days back from the as-of, not from midnight: at half past five, yesterday is seen
five and a half hours after its end, and so was every earlier day it is compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self

import numpy as np
import pandas as pd
import structlog
from numpy.typing import NDArray

from forecasting.jobs.seeds import stream
from forecasting.nowcast.tail import nowcast_tail
from forecasting.panel import Panel
from forecasting.store import canonical
from infra.clock import end_of_day
from infra.database import Connection
from streams.store.counts import read_triangle

log = structlog.get_logger(__name__)

Floats = NDArray[np.float64]
REVISION_DAYS = 150
NOWCAST_DRAWS = 200
COMPLETED = frozenset(
    {
        "admissions",
        "critical_admissions",
        "ed_visits",
        "sos_calls",
        "samu_calls",
        "lab_positives",
        "lab_tests",
    }
)


@dataclass(frozen=True, eq=False)
class Revisions:
    """Every value that each cell of a panel has had, as one table.

    Attributes
    ----------
    table
        Columns territory, date, signal, value, reported_at; `reported_at` is shifted so that the as-of is the
        end of the day before day 0.
    """

    table: pd.DataFrame

    def pack(self) -> bytes:
        """Return the table as canonical bytes."""
        territories, place = np.unique(self.table["territory"].to_numpy(str), return_inverse=True)
        signals, kind = np.unique(self.table["signal"].to_numpy(str), return_inverse=True)
        return canonical.pack(
            {"territories": territories.tolist(), "signals": signals.tolist()},
            {
                "place": place.astype("<i4"),
                "kind": kind.astype("<i4"),
                "date": self.table["date"].to_numpy().astype("datetime64[D]"),
                "reported_at": self.table["reported_at"].to_numpy().astype("datetime64[us]"),
                "value": self.table["value"].to_numpy(float),
            },
        )

    @classmethod
    def unpack(cls, content: bytes) -> Self:
        """Read what `pack` wrote."""
        meta, arrays = canonical.unpack(content)
        names: Mapping[str, Any] = {
            "territory": np.array(meta["territories"], dtype=object)[arrays["place"]],
            "date": arrays["date"].astype("datetime64[s]"),
            "signal": np.array(meta["signals"], dtype=object)[arrays["kind"]],
            "value": arrays["value"],
            "reported_at": arrays["reported_at"],
        }
        return cls(pd.DataFrame(names))


def no_revisions() -> Revisions:
    """Return a table without any row."""
    return Revisions(
        pd.DataFrame(
            {
                "territory": np.array([], dtype=object),
                "date": np.array([], dtype="datetime64[s]"),
                "signal": np.array([], dtype=object),
                "value": np.array([], dtype=float),
                "reported_at": np.array([], dtype="datetime64[us]"),
            }
        )
    )


def read_revisions(
    connection: Connection, counts: pd.DataFrame, *, origin: date, as_of: datetime, zone: str
) -> Revisions:
    """Read how the counts of a panel grew.

    Parameters
    ----------
    counts
        What the panel was made of; of each series, the source most used is read.
    """
    flows = counts[counts["signal"].isin(COMPLETED)]
    frames = []
    for (place, name, syndrome), rows in flows.groupby(["place", "signal", "syndrome"], sort=True):
        steps = read_triangle(
            connection,
            signal=str(name),
            syndrome=str(syndrome),
            place=str(place),
            start=origin - timedelta(days=REVISION_DAYS),
            end=origin,
            as_of=as_of,
            partner=str(rows["partner"].mode().iloc[0]),
        )
        # A series whose days were told once has nothing to teach.
        if steps["reference_date"].duplicated().any():
            frames.append(steps.assign(territory=str(place), signal=f"{name}:{syndrome}"))
    if not frames:
        return no_revisions()
    table = pd.concat(frames, ignore_index=True).rename(
        columns={"reference_date": "date", "known": "reported_at"}
    )
    shift = end_of_day(origin - timedelta(days=1), zone) - as_of
    table["reported_at"] = (table["reported_at"] + shift).dt.tz_convert(zone).dt.tz_localize(None)
    # Delays are whole days: of each day of reporting, the last step is what stood at its end.
    said = table["reported_at"].dt.normalize()
    kept = ~table.assign(said=said).duplicated(["territory", "signal", "date", "said"], keep="last")
    table["reported_at"] = said
    return Revisions(
        table.loc[kept, ["territory", "date", "signal", "value", "reported_at"]].reset_index(drop=True)
    )


def complete(revisions: Revisions, panel: Panel, seed: int) -> Floats | None:
    """Draw what the newest days of a panel will read, shape (draw, tail, territory, signal), or None.

    A failure of the nowcast leaves the days as they were reported.
    """
    if revisions.table.empty:
        return None
    yesterday = panel.dates[-1] - np.timedelta64(1, "D")
    try:
        return nowcast_tail(
            revisions.table,
            panel.dates,
            panel.territories,
            panel.signals,
            yesterday,
            stream(seed, "nowcast"),
            draws=NOWCAST_DRAWS,
        )
    except Exception as error:  # days left as reported are a worse forecast, no reason for none
        log.warning("nowcast_failed", error=f"{type(error).__name__}: {error}", exc_info=True)
        return None
