"""What a request asks for, read and checked: a territory, a moment, a period.

A bare date means the end of that day in Paris, as everywhere in the engine.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Depends, Path, Query

from api.problems import Problem
from infra.clock import parse_as_of
from streams.envelope import EARLIEST, LATEST
from streams.vocabulary.places import Place, register


async def _territory(
    territory: Annotated[
        str, Path(description="`44` a département, `R52` a region, `FR`.", examples=["44"], max_length=12)
    ],
) -> Place:
    found = register().get(territory)
    if found is None:
        raise Problem("unknown_territory", 404, value=territory)
    return found


async def _as_of(
    as_of: Annotated[
        str | None,
        Query(
            description="As it was known then: an instant with offset, or a date (the end of that day in Paris). "
            "The public reads the newest cycle published by then.",
            examples=["2020-11-01"],
            max_length=40,
        ),
    ] = None,
) -> datetime | None:
    return None if as_of is None else moment(as_of, "as_of")


def moment(text: str, name: str) -> datetime:
    """Return the moment a parameter means.

    Raises
    ------
    Problem
        400 when it is neither a date nor an instant with offset.
    """
    try:
        return parse_as_of(text)
    except (ValueError, OverflowError):
        raise Problem("bad_moment", 400, name=name, value=text) from None


def day(text: str | None, name: str) -> date | None:
    """Return the civil date a parameter means, None when absent.

    Raises
    ------
    Problem
        400 when it is no date that an observation may have.
    """
    if text is None:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or not EARLIEST <= found < LATEST:
        raise Problem("bad_moment", 400, name=name, value=text)
    return found


AskedTerritory = Annotated[Place, Depends(_territory)]
AsOf = Annotated[datetime | None, Depends(_as_of)]
