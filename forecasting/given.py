"""What a forecast may be given beside its panel: the keywords that `forecast`, `learn` and `work` share.

They are written down here only. Each may be left out, and `None` is the same as leaving it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from forecasting.models.base import Model
from forecasting.panel import DateLike, FrameError, Freq, Panel, day
from forecasting.public_holidays import of_country, of_territories
from forecasting.transforms import Floats

Holidays = str | Sequence[DateLike]
FURTHEST_PERIODS, AROUND_DAYS = 60, 10
"""Periods after a panel's last one, and days around both ends, for which holidays are looked up."""


class Given(TypedDict, total=False):
    """Keywords of a forecast beside its panel.

    Attributes
    ----------
    freq : {"D", "W"}
        Of a frame; guessed when left out.
    holidays : str or sequence of date-like
        Days on which a daily flow is another: the ISO code of a country, whose public holidays hold everywhere and
        those of its parts in territories named as they are (`forecasting.public_holidays`), or dates, past and to
        come, that hold everywhere. A panel's own calendar is read when left out.
    state : mapping
        ``Forecast.state``, or ``Learned.state``, of the previous run.
    donors : sequence of Panel
        Longer series of the same nature to learn the shape of waves from (a sentinel network's winters for
        emergency visits); only what was known at ``as_of`` is read.
    nowcast_draws : ndarray, shape (draw, time_tail, territory, signal)
        Possible completed values of the newest ``time_tail`` periods; each draw of the forecast starts from one.
        Left out, they are drawn from the revisions of a frame with ``reported_at``.
    models : sequence of Model
        Those of `forecasting.models.REGISTRY` when left out.
    """

    freq: Freq | None
    holidays: Holidays | None
    state: Mapping[str, Any] | None
    donors: Sequence[Panel]
    nowcast_draws: Floats | None
    models: Sequence[Model]


def checked(given: Given) -> Given:
    """Return what is given, or say which keyword there is not.

    Raises
    ------
    TypeError
        For a keyword that is none of `Given`.
    """
    unknown = set(given) - set(Given.__annotations__)
    if unknown:
        raise TypeError(
            f"a forecast takes no {', '.join(sorted(unknown))}; beside its panel it may be given "
            f"{', '.join(Given.__annotations__)}"
        )
    return given


def panel_of(panel: Panel | pd.DataFrame, as_of: DateLike | None, given: Given) -> Panel:
    """Return the panel as it stood at a moment, with the calendar that was given.

    Raises
    ------
    FrameError
        For a frame that cannot become a panel, or holidays that are no dates.
    UnknownCountry
        For a code that has no calendar.
    """
    if isinstance(panel, Panel):
        whole = panel if as_of is None else panel.until(as_of)
    else:
        whole = Panel.from_frame(panel, as_of=as_of, freq=given.get("freq"))
    return with_holidays(whole, given.get("holidays"))


def with_holidays(panel: Panel, chosen: Holidays | None) -> Panel:
    """Return a panel with a calendar of days off; as it is when none is given.

    Parameters
    ----------
    chosen
        As of `Given`.
    """
    if chosen is None:
        return panel
    if isinstance(chosen, str):
        # A day is of a kind by the days around it, so some before the first are looked up too.
        first = panel.dates[0] - np.timedelta64(AROUND_DAYS, "D")
        last = panel.dates[-1] + np.timedelta64(AROUND_DAYS + FURTHEST_PERIODS * panel.period_days, "D")
        return replace(
            panel,
            holidays=of_country(chosen, first, last),
            local_holidays=of_territories(chosen, panel.territories, first, last),
        )
    return replace(panel, holidays=_dates(chosen), local_holidays={})


def _dates(chosen: Sequence[DateLike]) -> np.ndarray[Any, np.dtype[np.datetime64]]:
    found = []
    for place, one in enumerate(chosen):
        try:
            found.append(day(one))
        except (ValueError, TypeError) as error:
            raise FrameError(f"holidays, number {place}: {one!r} is not a date; write 2024-12-25") from error
    return np.array(sorted(set(found)), dtype="datetime64[D]")
