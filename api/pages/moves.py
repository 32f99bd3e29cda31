"""What moves the forecast: a bar for each group of signals, under the headline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.answers import BulletinOut
from api.explaining import bars
from api.pages.fans import cause_shown
from api.texts import Language, say, write
from forecasting.run import STOCK, SeriesForecast, Target


@dataclass(frozen=True)
class MoveView:
    """One bar of what moves the forecast: from the middle of a hundred to the right, or to the left."""

    name: str
    amount: str
    start: float
    width: float
    is_more: bool


@dataclass(frozen=True)
class MovesView:
    """What each group of signals adds to the beds needed a week ahead."""

    lead: str
    brief: str | None
    bars: Sequence[MoveView]


def moves(bulletin: BulletinOut, series: Sequence[SeriesForecast], language: Language) -> MovesView | None:
    """Return what moves the beds of the headline's unit, None where it is not explained or not to be relied on."""
    unit = bulletin.headline_unit or str(bulletin.message.params.get("unit") or "conventional")
    wanted = Target(STOCK[unit], cause_shown(unit, series))
    told = next((s.explanation for s in series if s.target == wanted and s.explanation), None)
    if told is None or bulletin.colour == "grey":
        return None
    amounts = {name: values[0] for name, values in told["groups"].items()}
    found = bars({**amounts, "remainder": told["remainder"][0]})
    lead = say(
        "moves.lead" if found else "moves.nothing",
        language,
        days=told["days"][0],
        published=told["published"][0],
        reference=told["reference"][0],
        unit=unit,
    )
    shown = [_move(name, amount, share, language) for name, amount, share in found]
    # A screen on a wall has room for the largest only.
    brief = say("moves.brief", language, group=found[0][0], amount=shown[0].amount) if found else None
    return MovesView(lead, brief, shown)


def _move(name: str, amount: float, share: float, language: Language) -> MoveView:
    width = round(50 * abs(share), 1)
    return MoveView(
        name=write(name, "group", language),
        amount=say("moves.amount", language, amount=amount),
        start=50.0 if share > 0 else 50.0 - width,
        width=width,
        is_more=share > 0,
    )
