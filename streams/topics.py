"""Topics: what travels on each, how long it is kept, and how it is keyed.

Names are prefixed by the world (`meteo.demo.calls`). The message key is the partner and the stay or event, so
every revision of one event is in one partition. A message's value is one envelope or a list of envelopes: the
number of observations per message is the lever for backfill.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Topic:
    """One topic of a world.

    Attributes
    ----------
    name
        Name without the world's prefix.
    retention_days
        Days kept; None keeps for ever. Topics of individual events take it from the settings.
    individual
        Whether it carries individual, hence personal, data.
    policy
        `delete`, or `compact` for the newest value of each key.
    keyed_by
        What the message key holds.
    purpose
        One line for the reference page.
    """

    name: str
    retention_days: int | None
    individual: bool
    keyed_by: str
    purpose: str
    policy: Literal["delete", "compact"] = "delete"


TOPICS: tuple[Topic, ...] = (
    Topic("calls", 7, True, "partner/event", "House calls and emergency calls, one by one"),
    Topic(
        "admissions",
        7,
        True,
        "partner/stay",
        "Every movement of a stay: arrival, admission, transfer, discharge",
    ),
    Topic("lab-results", 7, True, "partner/event", "Laboratory results, one by one"),
    Topic("counts", 30, False, "partner/series", "Aggregated count reports, and rates"),
    Topic("capacity", 30, False, "partner/unit", "Staffed beds per unit"),
    Topic("census", 30, False, "partner/unit", "Patients present per unit"),
    Topic("electives", 30, False, "partner/unit", "Elective admissions planned per unit and day"),
    Topic("agreements", None, False, "partner", "Agreements in force", "compact"),
    Topic("run-requests", 7, False, "world", "Requests for a forecast run, by territory"),
    Topic(
        "dead-letters",
        30,
        False,
        "partner",
        "What could not be read: reason, place, size, hash, quarantine id",
    ),
    Topic("runs", 90, False, "territory", "Forecast runs as published"),
    Topic("alerts", 90, False, "territory", "Changes of vigilance colour"),
)

# What the Faust application reads as observations.
OBSERVATION_TOPICS = ("calls", "admissions", "lab-results", "counts", "capacity", "census", "electives")
