"""Which news of observations is material: a partner's signal that reaches a new day, or a first one at all.

Events come all the time; a forecast changes when a new day of a signal is known. The stream's writer announces
each batch in the outbox with its partner, signals and newest day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg.types.json import Jsonb

from infra.database import Connection

BOOKMARK = "forecaster"
OF_INTEREST = frozenset(
    {
        "admissions",
        "critical_admissions",
        "ed_visits",
        "sos_calls",
        "lab_positives",
        "occupied_beds",
        "occupied_critical_beds",
    }
)


@dataclass(frozen=True)
class Heard:
    """How far the news had come when a run was last made.

    Attributes
    ----------
    outbox_id
        Newest news read.
    newest
        Newest day by `partner/signal`, ISO text.
    """

    outbox_id: int = 0
    newest: Mapping[str, str] = field(default_factory=dict)

    def advanced_from(self, before: Heard) -> bool:
        """Whether some signal reaches a day that it did not reach before."""
        return any(day > before.newest.get(key, "") for key, day in self.newest.items())


def read_heard(connection: Connection) -> Heard:
    """Return how far the news had come at the last run."""
    row = connection.execute("SELECT document FROM bookmark WHERE name = %s", (BOOKMARK,)).fetchone()
    return Heard(row[0]["outbox_id"], row[0]["newest"]) if row else Heard()


def keep_heard(connection: Connection, heard: Heard) -> None:
    """Remember how far the news has come; the caller commits."""
    connection.execute(
        "INSERT INTO bookmark (name, document) VALUES (%s, %s)"
        " ON CONFLICT (name) DO UPDATE SET document = excluded.document, changed = clock_timestamp()",
        (BOOKMARK, Jsonb({"outbox_id": heard.outbox_id, "newest": dict(heard.newest)})),
    )


def listen(connection: Connection, before: Heard) -> Heard:
    """Return how far the news has come now."""
    rows = connection.execute(
        "SELECT id, payload FROM outbox WHERE topic = 'observations' AND id > %s ORDER BY id",
        (before.outbox_id,),
    )
    newest, last = dict(before.newest), before.outbox_id
    for number, payload in rows:
        last = number
        for name in OF_INTEREST & payload["signals"].keys():
            key = f"{payload['partner']}/{name}"
            newest[key] = max(newest.get(key, ""), payload["newest_reference"])
    return Heard(last, newest)
