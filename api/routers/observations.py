"""Observations: what was known of a territory at a moment."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

import pandas as pd
from fastapi import APIRouter, Query, Request, Response

from api.answers import ObservationOut, ObservationsOut
from api.asked import AskedTerritory, AsOf
from api.asked import day as asked_day
from api.counts import Asked, published_moment, shown_counts
from api.problems import Problem, documented
from api.responses import answered, csv_answer, form_of, json_answer
from api.room import room_of
from api.scopes import PublicReader
from api.shelf import Answer
from infra.clock import civil_date
from streams.vocabulary.places import zone_of
from streams.vocabulary.signals import SIGNAL_KEYS
from streams.vocabulary.syndromes import SYNDROMES

router = APIRouter(prefix="/v1/observations", tags=["observations"])

_DAYS = 60
_MOST_DAYS = 400
_COLUMNS = (
    "territory",
    "facility",
    "signal",
    "syndrome",
    "age_band",
    "reference_date",
    "reference_end",
    "value",
    "hidden",
    "reported",
)
Signals = Annotated[
    list[str] | None,
    Query(description="Signals of /v1/signals; every one when absent.", examples=["sos_calls"]),
]
Start = Annotated[
    str | None, Query(alias="from", description="First civil date; 60 days before the end when absent.")
]
End = Annotated[str | None, Query(alias="to", description="Last civil date; that of the as-of when absent.")]


@router.get("/{territory}", response_model=ObservationsOut, responses=documented(400, 404, 406))
def observations(
    request: Request,
    reader: PublicReader,
    territory: AskedTerritory,
    as_of: AsOf,
    signal: Signals = None,
    start: Start = None,
    end: End = None,
) -> Response:
    """Return counts by signal, syndrome and day as they were known at the as-of; as JSON or CSV.

    The public sees aggregates as of a published cycle, without counts below the threshold of a partner's
    agreement (null and `hidden`); open data are shown as they are.
    """
    room = room_of(request)
    form = form_of(request)
    keys = _known(signal)

    def make() -> Answer:
        with room.connection() as connection:
            moment = published_moment(room, connection, reader, as_of)
            if moment is None:
                raise Problem("no_bulletin", 404, value=territory.code)
            first, last = _period(start, end, civil_date(moment, zone_of(territory.code)))
            asked = Asked(territory.code, keys, [s.key for s in SYNDROMES], first, last, moment)
            rows = shown_counts(room, connection, reader, asked)
        if form == "csv":
            return csv_answer(_COLUMNS, ([territory.code, *cells] for cells in _cells(rows)))
        found = [ObservationOut(**dict(zip(_COLUMNS[1:], cells, strict=True))) for cells in _cells(rows)]
        threshold = None if reader.sees_facilities else room.settings.small_count_threshold
        return json_answer(
            ObservationsOut(
                territory=territory.code,
                as_of=moment,
                small_count_threshold=threshold,
                observations=found,
            )
        )

    return answered(request, reader, make)


def _known(asked: list[str] | None) -> list[str]:
    for key in asked or ():
        if key not in SIGNAL_KEYS:
            raise Problem("unknown_signal", 400, value=key)
    return sorted(asked or SIGNAL_KEYS)


def _period(start: str | None, end: str | None, today: date) -> tuple[date, date]:
    last = (asked_day(end, "to") or today) + timedelta(days=1)
    first = asked_day(start, "from") or last - timedelta(days=_DAYS)
    if not timedelta(0) < last - first <= timedelta(days=_MOST_DAYS):
        raise Problem("bad_period", 400, start=first, end=last, days=_MOST_DAYS)
    return first, last


def _cells(rows: pd.DataFrame) -> list[list[object]]:
    """Return the rows as plain values in the order of `_COLUMNS` without the territory."""
    return [
        [
            row["facility"],
            row["signal"],
            row["syndrome"],
            row["age_band"],
            row["reference_date"].date(),
            row["reference_end"].date(),
            None if row["hidden"] else float(row["value"]),
            bool(row["hidden"]),
            None if pd.isna(row["reported"]) else row["reported"].to_pydatetime(),
        ]
        for row in rows.to_dict("records")
    ]
