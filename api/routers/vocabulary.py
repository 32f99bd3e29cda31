"""What can be asked for: territories and signals."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.answers import SignalOut, SignalsOut, TerritoriesOut, TerritoryOut
from api.asked import AsOf
from api.responses import answered, json_answer
from api.room import room_of, shown_bulletins
from api.scopes import PublicReader
from api.shelf import Answer
from streams.vocabulary.places import register
from streams.vocabulary.signals import SIGNALS

router = APIRouter(prefix="/v1", tags=["vocabulary"])


@router.get("/territories", response_model=TerritoriesOut)
def territories(request: Request, reader: PublicReader, as_of: AsOf) -> Response:
    """List every territory with its colour now: grey where no bulletin says otherwise."""
    room = room_of(request)

    def make() -> Answer:
        with room.connection() as connection:
            shown = shown_bulletins(room, connection, as_of, private=reader.sees_facilities)
        colours = {bulletin.territory: bulletin.colour for _, bulletin in shown}
        return json_answer(
            TerritoriesOut(
                territories=[
                    TerritoryOut(
                        id=p.code,
                        kind=p.kind,
                        name=p.name,
                        parent=p.parent,
                        population=p.population,
                        time_zone=p.zone,
                        colour=colours.get(p.code, "grey"),
                        has_bulletin=p.code in colours,
                    )
                    for p in register().values()
                ]
            )
        )

    return answered(request, reader, make)


@router.get("/signals", response_model=SignalsOut)
def signals(request: Request, reader: PublicReader) -> Response:
    """List every signal: what is observed, in which unit, how late it is usually known."""

    def make() -> Answer:
        return json_answer(
            SignalsOut(
                signals=[
                    SignalOut(
                        id=s.key,
                        kind=s.kind,
                        unit_of_measure=s.unit,
                        group=s.group,
                        label=s.label_fr if reader.language == "fr" else s.label_en,
                        usual_delay_hours=s.usual_delay.total_seconds() / 3600,
                    )
                    for s in SIGNALS
                ]
            )
        )

    return answered(request, reader, make)
