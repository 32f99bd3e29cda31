"""Whether the service lives, whether it can do its work, and its figures for Prometheus."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files

import psycopg
from alembic.script import ScriptDirectory
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg_pool import PoolTimeout

from api.answers import CheckOut, HealthOut, ReadyOut
from api.room import ReadingRoom, room_of
from api.scopes import PublicReader
from forecasting import store
from infra.errors import MeteoError
from infra.services.embedded import kafka_bootstrap

router = APIRouter(tags=["service"])

_BROKER_SECONDS = 1.0
_RUNS_LOOKED_AT = 50


@router.get("/healthz", response_model=HealthOut)
def alive(reader: PublicReader) -> HealthOut:
    """Answer that the process lives."""
    return HealthOut(status="ok")


@router.get("/readyz", response_model=ReadyOut, responses={503: {"model": ReadyOut}})
def ready(request: Request, reader: PublicReader) -> Response:
    """Say whether the service can do its work: database, schema, broker, live stream, age of the newest run.

    An old or absent run, or a stream being reconnected, is told but leaves the service ready.
    """
    room = room_of(request)
    needed = [_checked("database", lambda: _database(room)), _checked("migrations", lambda: _schema(room))]
    needed.append(_checked("broker", lambda: _broker(room)))
    told = [_checked("newest_run", lambda: _newest_run(room, private=reader.sees_facilities))]
    told.append(_checked("stream", lambda: _stream(room)))
    good = all(check.ok for check in needed)
    body = ReadyOut(ready=good, checks=[*needed, *told]).model_dump_json()
    return Response(body, 200 if good else 503, {"Cache-Control": "no-store"}, media_type="application/json")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": "# HELP …"}}}},
)
def metrics(reader: PublicReader) -> Response:
    """Figures of this process in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _checked(name: str, check: Callable[[], tuple[bool, str]]) -> CheckOut:
    try:
        ok, detail = check()
    except (psycopg.Error, PoolTimeout, MeteoError, OSError) as error:
        ok, detail = False, type(error).__name__
    return CheckOut(name=name, ok=ok, detail=detail)


def _database(room: ReadingRoom) -> tuple[bool, str]:
    with room.connection() as connection:
        connection.execute("SELECT 1")
    return True, "answers"


@lru_cache(maxsize=1)
def _newest_revision() -> str | None:
    return ScriptDirectory(str(files("infra.migrations"))).get_current_head()


def _schema(room: ReadingRoom) -> tuple[bool, str]:
    newest = _newest_revision()
    with room.connection() as connection:
        row = connection.execute("SELECT version_num FROM schema_version").fetchone()
    at = row[0] if row else "none"
    return at == newest, f"at {at}, newest {newest}: `meteo db migrate` brings it up" if at != newest else at


def _broker(room: ReadingRoom) -> tuple[bool, str]:
    addresses = kafka_bootstrap(room.settings).split(",")
    for address in addresses:
        host, _, port = address.strip().rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=_BROKER_SECONDS):
                return True, "answers"
        except OSError:
            continue
    return False, f"none of {len(addresses)} addresses answers"


def _newest_run(room: ReadingRoom, *, private: bool) -> tuple[bool, str]:
    before: int | None = None
    with room.connection() as connection:
        while found := store.runs(connection, limit=_RUNS_LOOKED_AT, before=before):
            shown = next((run for run in found if room.sees(run, private=private)), None)
            if shown is not None:
                age = room.clock.now() - shown.as_of
                return True, f"run {shown.id}, {age.total_seconds() / 3600:.1f} h old"
            before = found[-1].id
    return False, "no run yet: `meteo run now` makes one"


def _stream(room: ReadingRoom) -> tuple[bool, str]:
    return room.newsroom.listening, f"{room.newsroom.readers} readers"
