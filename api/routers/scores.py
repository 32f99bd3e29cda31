"""How good past forecasts were: the public record."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.answers import ScoresOut
from api.asked import AskedTerritory
from api.problems import documented
from api.responses import answered, json_answer
from api.scopes import PublicReader
from api.shelf import Answer

router = APIRouter(prefix="/v1/scores", tags=["verification"])


@router.get("/{territory}", response_model=ScoresOut, responses=documented(404))
def scores(request: Request, reader: PublicReader, territory: AskedTerritory) -> Response:
    """Return the scores of past forecasts of a territory, by target, horizon and metric."""

    def make() -> Answer:
        return json_answer(ScoresOut(territory=territory.code, scores=[]))

    return answered(request, reader, make)
