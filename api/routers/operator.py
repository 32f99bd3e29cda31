"""An operator comes in by a link that works once, and leaves by a button."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from api.problems import Problem, documented
from api.room import room_of
from api.scopes import PublicReader, Scope
from api.sessions import COOKIE

router = APIRouter(tags=["sessions"])


@router.get("/operator/{token}", status_code=303, response_class=RedirectResponse, responses=documented(403))
def come_in(
    request: Request,
    reader: PublicReader,
    token: Annotated[str, Path(description="Made by `meteo operator link`.", max_length=400)],
) -> Response:
    """Open an operator session by a one-time link and go to the page."""
    room = room_of(request)
    with room.connection() as connection:
        good = room.sessions.use_link(connection, token)
    if not good:
        raise Problem("used_link", 403)
    response = RedirectResponse("/", status_code=303)
    room.sessions.open(response, Scope.OPERATOR.value)
    response.headers["Cache-Control"] = "no-store"
    return response


@router.post("/session/leave", status_code=303, response_class=RedirectResponse, responses=documented(403))
def leave(request: Request, reader: PublicReader) -> Response:
    """Close the session and go back to the page."""
    response = RedirectResponse("/", status_code=303)
    response.delete_cookie(COOKIE)
    return response
