"""What is refused before any route sees it: bodies too large, JSON too deep, NaN, requests from other sites.

A parser given a hundred thousand nested brackets may exhaust the stack, so depth is counted on the bytes
before anything is parsed (RFC 8259 section 9 lets a receiver set such limits).

>>> depth_of(b'{"a": [[1, "]["]]}')
3
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import orjson
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, problem_response
from api.sessions import COOKIE

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


def depth_of(body: bytes) -> int:
    """Return how deep brackets nest outside strings."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def check_json(body: bytes) -> None:
    """Refuse a JSON body that is not safe to parse.

    Raises
    ------
    Problem
        400 with the place of the fault.
    """
    if depth_of(body) > MAX_DEPTH:
        raise Problem("bad_json", 400, reason=f"> {MAX_DEPTH}.", depth=MAX_DEPTH)
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem("bad_json", 400, reason=f"{error}.", depth=MAX_DEPTH) from None


def same_site(request: Request) -> bool:
    """Return whether the browser says that the request comes from our own pages."""
    fetch_site = request.headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


class BodyGuard:
    """ASGI middleware that reads and checks the body of unsafe requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may be passed on."""
        if scope["type"] != "http" or scope["method"] in _SAFE:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            body = await self._checked(request)
        except Problem as problem:
            await problem_response(request, problem)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _checked(self, request: Request) -> bytes:
        if COOKIE in request.cookies and not same_site(request):
            raise Problem("cross_site", 403)
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BYTES:
                raise Problem("too_large", 413, limit=MAX_BYTES)
            chunks.append(chunk)
        body = b"".join(chunks)
        if body and "json" in request.headers.get("content-type", "json"):
            check_json(body)
        return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the checked body to the application, then what the connection says next."""
    given = False

    async def next_message() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message
