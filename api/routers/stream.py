"""The live stream: server-sent events, resumed by `Last-Event-ID`.

The id of an event is the outbox id of the news. Anybody hears of runs and alerts, and of observations a counter
in steps of a hundred; a session hears of each partner's messages.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from api.disclosure import rounded_down
from api.live import News
from api.problems import Problem, documented
from api.room import ReadingRoom, room_of
from api.scopes import PublicReader, Reader

router = APIRouter(prefix="/v1", tags=["live"])

_PING_SECONDS = 15
_RETRY_MILLISECONDS = 2000
_PUBLIC_FIELDS = (
    "run",
    "cycle",
    "origin",
    "as_of",
    "territory",
    "colour",
    "colour_before",
    "trust",
    "valid_until",
)
_EXAMPLE = 'id: 341\nevent: runs\ndata: {"run":12,"territory":"44","colour":"yellow"}\n\n'


@router.get(
    "/stream",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "Events `hello`, `observations`, `runs`, `alerts`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        **documented(400),
    },
)
async def stream(
    request: Request,
    reader: PublicReader,
    last_event_id: Annotated[str | None, Header(description="Number of the last event received.")] = None,
    after: Annotated[int | None, Query(ge=0, description="The same, where a header cannot be sent.")] = None,
) -> Response:
    """Follow the news as they happen; reconnect with `Last-Event-ID` and nothing is missed.

    After a restart of the service, some news from before that number may come a second time, under its own.
    """
    place = _place(last_event_id, after)
    room = room_of(request)
    return EventSourceResponse(
        _events(room, reader, place),
        ping=_PING_SECONDS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _place(header: str | None, after: int | None) -> int | None:
    if header is None or not header.strip():
        return after
    if not header.isdecimal():
        raise Problem("bad_moment", 400, name="Last-Event-ID", value=header)
    return int(header)


async def _events(room: ReadingRoom, reader: Reader, place: int | None) -> AsyncIterator[ServerSentEvent]:
    told = rounded_down(room.received)
    yield _event("hello", {"received": _counter(room, reader), "since": room.since.isoformat()}, None)
    async for news in room.newsroom.follow(place):
        if news.topic == "observations" and not reader.sees_facilities:
            # Single messages of a partner are counts of one: only the sum of all, in wide steps, is told.
            if rounded_down(room.received) == told:
                continue
            told = rounded_down(room.received)
            yield _event("observations", {"received": told}, news.id)
        elif reader.sees_facilities:
            yield _event(news.topic, _payload(room, reader, news), news.id)
        elif news.public and await run_in_threadpool(_is_published, room, news):
            yield _event(news.topic, _told_to_anybody(news), news.id)


def _counter(room: ReadingRoom, reader: Reader) -> int:
    return room.received if reader.sees_facilities else rounded_down(room.received)


def _is_published(room: ReadingRoom, news: News) -> bool:
    """Return whether news of a run is of one that anybody may see."""
    number = news.payload.get("run")
    return number is None or room.is_published(int(number))


def _told_to_anybody(news: News) -> dict[str, Any]:
    # The sentence's parameters hold exact figures; whoever wants them reads the protected bulletin.
    return {name: news.payload[name] for name in _PUBLIC_FIELDS if name in news.payload}


def _payload(room: ReadingRoom, reader: Reader, news: News) -> dict[str, Any]:
    if news.topic == "observations":
        return {**news.payload, "received": _counter(room, reader)}
    return news.payload


def _event(topic: str, payload: dict[str, Any], number: int | None) -> ServerSentEvent:
    return ServerSentEvent(
        orjson.dumps(payload).decode(),
        event=topic,
        id=None if number is None else str(number),
        retry=_RETRY_MILLISECONDS,
    )
