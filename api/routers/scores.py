"""How good past forecasts were: the public record."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.answers import ScoreOut, ScoresOut
from api.asked import AskedTerritory
from api.problems import documented
from api.rendering import LEAST_FORECASTS
from api.responses import answered, json_answer
from api.room import room_of
from api.scopes import PublicReader
from api.shelf import Answer
from forecasting.store import Skill, skill

router = APIRouter(prefix="/v1/scores", tags=["verification"])


@router.get("/{territory}", response_model=ScoresOut, responses=documented(404))
def scores(request: Request, reader: PublicReader, territory: AskedTerritory) -> Response:
    """Return how past forecasts of a territory did, by target and horizon, against persistence."""
    room = room_of(request)

    def make() -> Answer:
        with room.connection() as connection:
            found = skill(connection, territory.code)
        shown = [score_out(s) for s in found if s.tasks >= LEAST_FORECASTS or reader.sees_facilities]
        return json_answer(ScoresOut(territory=territory.code, scores=shown))

    return answered(request, reader, make)


def score_out(found: Skill) -> ScoreOut:
    """Return one record as it is told."""
    return ScoreOut(
        target=found.target,
        horizon=found.horizon,
        forecasts=found.tasks,
        wis=round(found.wis, 3),
        mean_absolute_error=round(found.mean_absolute_error, 3),
        relative_wis=None if found.relative_wis is None else round(found.relative_wis, 3),
        coverage={"0.5": found.coverage_50, "0.8": found.coverage_80, "0.95": found.coverage_95},
    )
