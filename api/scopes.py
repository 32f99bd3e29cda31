"""Who may read what: every route declares its scope, and a route that declares none stops the start.

`public` is for anybody and means aggregates only; `partner` sees its own data; `manager` also the figures of
facilities and units; `operator` runs the engine. Denied by default: a request without a session has `public`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts

from api.languages import language_of
from api.problems import Problem
from api.sessions import session_scope
from api.texts import Language
from infra.errors import MeteoError


class Scope(StrEnum):
    """What a route asks of its reader."""

    PUBLIC = "public"
    PARTNER = "partner"
    MANAGER = "manager"
    OPERATOR = "operator"


# A scope of a session and what it may open; nothing else is implied.
_OPENS: dict[Scope, frozenset[Scope]] = {
    Scope.PUBLIC: frozenset({Scope.PUBLIC}),
    Scope.PARTNER: frozenset({Scope.PUBLIC, Scope.PARTNER}),
    Scope.MANAGER: frozenset({Scope.PUBLIC, Scope.MANAGER}),
    Scope.OPERATOR: frozenset(Scope),
}


@dataclass(frozen=True)
class Reader:
    """Who asks, and in what language.

    Attributes
    ----------
    scope
        The session's scope; `public` without one.
    language
        From `?lang=`, else `Accept-Language`, else French.
    """

    scope: Scope
    language: Language

    @property
    def sees_facilities(self) -> bool:
        """Whether figures of facilities and exact small counts may be shown."""
        return self.scope in (Scope.MANAGER, Scope.OPERATOR)


def requires(scope: Scope) -> Callable[[Request], Awaitable[Reader]]:
    """Return the dependency by which a route declares its scope.

    Raises
    ------
    Problem
        From the dependency: 401 without a session, 403 with one that does not open the scope.
    """

    # Asynchronous although nothing is awaited: a plain function would take a thread for each request.
    async def reader(request: Request) -> Reader:
        held = Scope(session_scope(request) or Scope.PUBLIC)
        if scope not in _OPENS[held]:
            known = held is not Scope.PUBLIC
            raise Problem("forbidden" if known else "sign_in", 403 if known else 401, value=scope.value)
        return Reader(held, language_of(request))

    reader.declares_scope = scope  # type: ignore[attr-defined]  # read back by `scope_of`
    return reader


PublicReader = Annotated[Reader, Depends(requires(Scope.PUBLIC))]
OperatorReader = Annotated[Reader, Depends(requires(Scope.OPERATOR))]


def scope_of(route: Any) -> Scope | None:
    """Return the scope a route declares in its signature, or None."""
    dependant = getattr(route, "dependant", None)
    for needed in getattr(dependant, "dependencies", ()):
        scope = getattr(needed.call, "declares_scope", None)
        if scope is not None:
            return Scope(scope)
    return None


def undeclared(app: FastAPI) -> Iterable[str]:
    """Return the addresses of routes that declare no scope, or that FastAPI cannot guard."""
    for context in iter_route_contexts(app.routes):
        if not isinstance(context.original_route, APIRoute) or scope_of(context) is None:
            yield str(context.path)


def require_declared_scopes(app: FastAPI) -> None:
    """Refuse to start an application in which a route forgot its scope.

    Raises
    ------
    MeteoError
        Naming the routes.
    """
    forgotten = sorted(undeclared(app))
    if forgotten:
        raise MeteoError(
            f"these routes declare no scope: {', '.join(forgotten)}; add a parameter of type PublicReader "
            "or another of api.scopes"
        )
