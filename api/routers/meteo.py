"""The health weather: the bulletin of every territory, and of one."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.answers import BulletinOut, BulletinsOut
from api.asked import AskedTerritory, AsOf
from api.problems import Problem, documented
from api.protection import protection_of
from api.rendering import bulletin_out
from api.responses import answered, json_answer, kept_answer, respond
from api.room import room_of, shown_bulletin, shown_bulletins
from api.scopes import PublicReader, Reader
from api.shelf import Answer

router = APIRouter(prefix="/v1/meteo", tags=["meteo"])


@router.get("", response_model=BulletinsOut, responses=documented(400))
def every_bulletin(request: Request, reader: PublicReader, as_of: AsOf) -> Response:
    """Return the bulletin of every territory that has one, without its days."""
    room = room_of(request)

    def make() -> Answer:
        with room.connection() as connection:
            shown = shown_bulletins(room, connection, as_of, private=reader.sees_facilities)
            bulletins = []
            for record, bulletin in shown:
                protection = protection_of(room, connection, reader, bulletin.territory, bulletin.freshness)
                bulletins.append(bulletin_out(room, reader, record, bulletin, protection, with_days=False))
        return json_answer(BulletinsOut(bulletins=bulletins))

    return answered(request, reader, make)


@router.get("/{territory}", response_model=BulletinOut, responses=documented(400, 404))
async def one_bulletin(
    request: Request, reader: PublicReader, territory: AskedTerritory, as_of: AsOf
) -> Response:
    """Return the bulletin of one territory: its colour, 15 days by unit, trust, freshness, leads.

    Served from memory between two runs: the one address that everybody asks for.
    """
    ready = kept_answer(request, reader)
    if ready is not None:
        return respond(request, reader, ready)
    return await run_in_threadpool(_read, request, reader, territory.code, as_of)


def _read(request: Request, reader: Reader, territory: str, as_of: datetime | None) -> Response:
    room = room_of(request)

    def make() -> Answer:
        with room.connection() as connection:
            found = shown_bulletin(room, connection, territory, as_of, private=reader.sees_facilities)
            if found is None:
                raise Problem("no_bulletin", 404, value=territory)
            protection = protection_of(room, connection, reader, territory, found[1].freshness)
        return json_answer(bulletin_out(room, reader, found[0], found[1], protection))

    return answered(request, reader, make)
