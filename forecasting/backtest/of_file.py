"""The back-test of a user's own file: the same protocol, with origins and horizons chosen from its dates."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from forecasting import frame_files
from forecasting.backtest.task import Task
from forecasting.given import with_holidays
from forecasting.grid import refuse_weeks_as_days
from forecasting.panel import FrameError, Freq, Panel, day
from forecasting.public_holidays import UnknownCountry
from infra.errors import MeteoError

HORIZONS = {"D": (7, 14), "W": (1, 2, 3, 4)}
FIRST_PERIODS = {"D": 84, "W": 12}
ORIGINS_APART = {"D": 7, "W": 1}


def task_of_file(
    path: Path, target: str, freq: Freq, since: str | None = None, country: str | None = None
) -> Task:
    """Make the task of a tidy file: an origin a week from its thirteenth week on, scored up to two or four weeks ahead.

    Parameters
    ----------
    path : Path
    target : str
        One of its signals.
    freq : {"D", "W"}
    since : str, optional
        First origin.
    country : str, optional
        ISO code of the country whose public holidays are known at every origin.

    Raises
    ------
    MeteoError
        For a file that cannot become a panel, no such target, no such country, or no origin that has its truth.
    """
    frame = frame_files.read(path)
    try:
        panel = with_holidays(Panel.from_frame(frame, freq=freq), country)
        refuse_weeks_as_days(panel, target)
    except UnknownCountry as refusal:
        raise MeteoError(f"--country: {refusal}") from refusal
    except FrameError as refusal:
        raise MeteoError(f"{path}: {refusal}") from refusal
    horizons = HORIZONS[freq]
    first = panel.dates[min(len(panel.dates) - 1, FIRST_PERIODS[freq])] if since is None else day(since)
    last = panel.dates[-1] - max(horizons) * panel.period_days
    origins = panel.dates[(panel.dates >= first) & (panel.dates <= last)][:: ORIGINS_APART[freq]]
    if len(origins) == 0:
        raise MeteoError(f"{path}: no origin between {first} and {last}")
    level = float(np.nanmean(panel.series(target)))
    return Task(
        name=f"{path.stem}-{target}",
        panel=panel,
        target=target,
        origins=origins,
        horizons=horizons,
        window=7 if freq == "D" else 1,
        chosen_before=panel.dates[0],
        history_from=panel.dates[0],
        focus=panel.territories[0],
        frame=frame if "reported_at" in frame.columns else None,
        level_offset=0.05 * level if panel.kind(target) == "count" or level > 0 else 0.05,
    )
