"""The page of a territory, its wall display, and its files."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import jinja2
import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup

from api.asked import AskedTerritory, AsOf
from api.pages.assets import Assets
from api.pages.view import page_view
from api.problems import Problem, documented
from api.responses import answered
from api.room import ReadingRoom, room_of, shown_bulletin, shown_bulletins
from api.scopes import PublicReader, Reader, Scope
from api.shelf import Answer
from api.texts import say, write
from infra.database import Connection
from streams.vocabulary.places import Place, place, register, zone_of

router = APIRouter(tags=["page"])

_HTML = "text/html; charset=utf-8"
Wall = Annotated[bool, Query(alias="mur", description="Big type for a screen on a wall.")]


@router.get("/", response_class=HTMLResponse)
def first_page(
    request: Request,
    reader: PublicReader,
    as_of: AsOf,
    mur: Wall = False,
    territoire: Annotated[str | None, Query(max_length=12, description="Go to this territory.")] = None,
) -> Response:
    """Show the health weather of the installation's first territory."""
    if territoire is not None:
        if territoire not in register():
            raise Problem("unknown_territory", 404, value=territoire)
        return RedirectResponse(f"/t/{territoire}?lang={reader.language}", status_code=303)
    return _page(request, reader, place(room_of(request).settings.territory), as_of, wall=mur)


@router.get("/mur", response_class=HTMLResponse)
def wall(request: Request, reader: PublicReader, as_of: AsOf) -> Response:
    """Show the first territory in big type, for a screen on a wall."""
    return _page(request, reader, place(room_of(request).settings.territory), as_of, wall=True)


@router.get("/t/{territory}", response_class=HTMLResponse, responses=documented(400, 404))
def territory_page(
    request: Request, reader: PublicReader, territory: AskedTerritory, as_of: AsOf, mur: Wall = False
) -> Response:
    """Show the health weather of a territory."""
    return _page(request, reader, territory, as_of, wall=mur)


@router.get(
    "/assets/{digest}/{name}",
    response_class=Response,
    responses={200: {"content": {"text/css": {"schema": {"type": "string"}}}}, **documented(404)},
)
def asset(
    request: Request,
    reader: PublicReader,
    digest: Annotated[str, Path(description="Hash of the content.", max_length=64)],
    name: Annotated[str, Path(description="Name of the file.", max_length=64)],
) -> Response:
    """Return a file of the page; its address holds its hash, so it never changes."""
    assets: Assets = request.app.state.assets
    found = assets.get(digest, name)
    if found is None:
        raise Problem("not_found", 404, value=request.url.path)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(found.content, headers=headers, media_type=found.media_type)


def _page(request: Request, reader: Reader, territory: Place, as_of: Any, *, wall: bool) -> Response:
    room = room_of(request)

    def make() -> Answer:
        with room.connection() as connection:
            found = shown_bulletin(room, connection, territory.code, as_of, private=reader.sees_facilities)
            context = _frame(request, room, connection, reader, territory, wall=wall)
            if found is None:
                return _rendered("empty.html", context)
            view = page_view(room, connection, reader, *found)
        return _rendered("bulletin.html", {**context, "view": view, "zone": view.zone})

    return answered(request, reader, make)


def _frame(
    request: Request,
    room: ReadingRoom,
    connection: Connection,
    reader: Reader,
    territory: Place,
    *,
    wall: bool,
) -> dict[str, Any]:
    """Return what every page needs around its content."""
    language = reader.language
    other = "en" if language == "fr" else "fr"
    known = [b.territory for _, b in shown_bulletins(room, connection, None, private=reader.sees_facilities)]
    assets: Assets = request.app.state.assets

    def t(key: str, **params: Any) -> str:
        return say(key, language, zone_of(territory.code), **params)

    def w(value: Any, kind: str) -> str:
        return write(value, kind, language, zone_of(territory.code))

    return {
        "t": t,
        "w": w,
        "language": language,
        "other_language": str(request.url.include_query_params(lang=other).replace(scheme="", netloc="")),
        "wall_address": str(request.url.include_query_params(mur="1").replace(scheme="", netloc="")),
        "plain_address": f"/t/{territory.code}?lang={language}",
        "territory": territory,
        "known": [place(code) for code in known if code in register()],
        "others": [p for p in register().values() if p.code not in known],
        "world": room.world,
        "settings": room.settings,
        "wall": wall,
        "operator": reader.scope is not Scope.PUBLIC,
        "asset": assets.address,
        "colours": ("green", "yellow", "orange", "red", "grey"),
    }


def _rendered(name: str, context: dict[str, Any]) -> Answer:
    return Answer.of(_templates().get_template(name).render(context).encode(), _HTML)


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("api.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data"] = _data
    return environment


def _data(value: Any) -> Markup:
    """Return a document for a data block of a page: no tag can end it."""
    text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028"))  # noqa: S704 - every `<` is escaped
