"""The lag atlas: by how many days each signal leads the admissions of a territory."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.answers import LeadLagOut
from api.asked import AskedTerritory, AsOf
from api.problems import Problem, documented
from api.rendering import lead_out, run_ref
from api.responses import answered, json_answer
from api.room import room_of, shown_bulletin
from api.scopes import PublicReader
from api.shelf import Answer

router = APIRouter(prefix="/v1/leadlag", tags=["forecasts"])


@router.get("/{territory}", response_model=LeadLagOut, responses=documented(400, 404))
def leads(request: Request, reader: PublicReader, territory: AskedTerritory, as_of: AsOf) -> Response:
    """Return the lead of each signal in days, with its 80 % interval and strength."""
    room = room_of(request)

    def make() -> Answer:
        with room.connection() as connection:
            found = shown_bulletin(room, connection, territory.code, as_of, private=reader.sees_facilities)
        if found is None:
            raise Problem("no_bulletin", 404, value=territory.code)
        record, bulletin = found
        rows = [lead_out(row) for row in bulletin.leadlag]
        return json_answer(LeadLagOut(territory=territory.code, run=run_ref(record), leads=rows))

    return answered(request, reader, make)
