"""How fresh each partner is, as the page shows it: those that are behind first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.answers import BulletinOut
from api.texts import Language, say, write


@dataclass(frozen=True)
class PartnerView:
    """One partner with its signals."""

    key: str
    name: str
    is_open: bool
    state: str
    state_text: str
    newest: str
    count_text: str
    signals: Sequence[Mapping[str, str]]


def partners(
    bulletin: BulletinOut, opened: frozenset[str], language: Language, zone: str
) -> list[PartnerView]:
    """Return the partners with their signals, those that worry first."""
    order = {"silent": 0, "late": 1, "fresh": 2}
    found: list[PartnerView] = []
    for key in dict.fromkeys(row.partner for row in bulletin.freshness):
        rows = [row for row in bulletin.freshness if row.partner == key]
        rows.sort(key=lambda row: order.get(row.state, 0))
        heard = [row.newest_reported for row in rows if row.newest_reported]
        found.append(
            PartnerView(
                key=key,
                name=rows[0].name,
                is_open=key in opened,
                state=rows[0].state,
                state_text=say(f"partners.{rows[0].state}", language),
                newest=_when("partners.heard", max(heard), language, zone)
                if heard
                else say("partners.never", language),
                count_text=_count_text(len(rows), sum(row.state != "fresh" for row in rows), language),
                signals=[
                    {
                        "name": write(row.signal, "signal", language),
                        "state": row.state,
                        "state_text": say(f"partners.{row.state}", language),
                        "newest": say("partners.newest", language, day=row.newest_reference)
                        if row.newest_reference
                        else say("partners.never", language),
                        "reported": _when("partners.reported", row.newest_reported, language, zone),
                    }
                    for row in rows
                ],
            )
        )
    return sorted(found, key=lambda p: (order.get(p.state, 0), p.name))


def _count_text(count: int, behind: int, language: Language) -> str:
    if not behind:
        return say("partners.signals", language, count=count)
    return say("partners.signals.behind", language, count=count, behind=behind)


def _when(key: str, moment: datetime | None, language: Language, zone: str) -> str:
    if moment is None:
        return ""
    text = f"{write(moment, 'short_day', language, zone)}, {write(moment, 'time', language, zone)}"
    return say(key, language, text=text)
