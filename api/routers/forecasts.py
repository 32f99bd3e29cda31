"""Forecasts: the quantiles of every target, as JSON or in the hubverse format."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.answers import ForecastsOut
from api.asked import AskedTerritory, AsOf
from api.problems import Problem, documented
from api.protection import Protection, protected_series, protection_of
from api.rendering import run_ref, series_out
from api.responses import answered, csv_answer, form_of, json_answer
from api.room import room_of, series_of_run, shown_bulletin
from api.scopes import PublicReader, Scope
from api.shelf import Answer
from forecasting import store
from forecasting.hubverse import COLUMNS
from forecasting.run import RunRecord, SeriesForecast, Target
from infra.database import Connection

router = APIRouter(prefix="/v1/forecasts", tags=["forecasts"])

AskedTarget = Annotated[
    str | None,
    Query(
        description="`signal:syndrome`; every target when absent.",
        examples=["admissions:covid"],
        max_length=80,
    ),
]


AskedFacility = Annotated[
    str,
    Query(
        description="Geographic FINESS of a hospital, for sessions that see facilities; the territory when absent.",
        examples=["440000289"],
        max_length=20,
    ),
]


@router.get("/{territory}", response_model=ForecastsOut, responses=documented(400, 401, 403, 404, 406))
def forecasts(
    request: Request,
    reader: PublicReader,
    territory: AskedTerritory,
    as_of: AsOf,
    target: AskedTarget = None,
    facility: AskedFacility = "",
) -> Response:
    """Return the newest forecast of a territory by the as-of: quantiles for days 0 (nowcast) to 14.

    As CSV the columns are those of the hubverse. To the public, figures that come from partners under agreement are
    whole numbers, coded at the threshold less one when smaller; totals (a region, the country, all causes) are rounded
    to steps as wide, tens where the threshold is eleven.
    """
    room = room_of(request)
    form = form_of(request)
    if target is not None:
        _check(target)
    if facility and not reader.sees_facilities:
        known = reader.scope is not Scope.PUBLIC
        raise Problem("forbidden" if known else "sign_in", 403 if known else 401, value=Scope.MANAGER.value)

    def make() -> Answer:
        with room.connection() as connection:
            found = shown_bulletin(room, connection, territory.code, as_of, private=reader.sees_facilities)
            if found is None:
                raise Problem("no_bulletin", 404, value=territory.code)
            record, bulletin = found
            protection = protection_of(room, connection, reader, territory.code, bulletin.freshness)
            if facility:
                _check_facility(connection, record, territory.code, facility)
            series = _series(connection, record, territory.code, target, facility)
        if form == "csv":
            return csv_answer(COLUMNS, (row for s in series for row in hub_rows(record, s, protection)))
        return json_answer(
            ForecastsOut(
                territory=territory.code,
                run=run_ref(record),
                forecasts=[series_out(record, s, protection, reader.language) for s in series],
            )
        )

    return answered(request, reader, make)


def _check(target: str) -> None:
    try:
        Target.parse(target)
    except ValueError:
        raise Problem("unknown_target", 400, value=target) from None


def _check_facility(connection: Connection, record: RunRecord, territory: str, facility: str) -> None:
    known = store.facilities(connection, territory, record.as_of)
    if facility not in known:
        raise Problem("no_facility", 404, facility=facility, value=territory, known=", ".join(known) or "–")


def _series(
    connection: Connection, record: RunRecord, territory: str, target: str | None, facility: str
) -> list[SeriesForecast]:
    known = store.targets(connection, territory, record.as_of, facility)
    if target is not None and target not in known:
        raise Problem("no_forecast", 404, target=target, value=territory, known=", ".join(known) or "–")
    wanted = [target] if target is not None else known
    found = (series_of_run(connection, record, territory, key, facility) for key in wanted)
    return [series for series in found if series is not None]


def hub_rows(
    record: RunRecord, series: SeriesForecast, protection: Protection
) -> Iterator[tuple[object, ...]]:
    """Yield a series as hubverse rows of type `quantile`."""
    shown = protected_series(series, protection)
    for place, horizon in enumerate(shown.horizons):
        end = record.origin + timedelta(days=horizon)
        for level, value in zip(shown.levels, shown.quantiles[place].tolist(), strict=True):
            yield (
                record.origin,
                shown.target.key,
                horizon,
                shown.facility or shown.territory,
                end,
                "quantile",
                f"{level:g}",
                value,
            )
