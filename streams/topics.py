"""Topics: what travels on each, how long it is kept, and how it is keyed.

Names are prefixed by the world (`meteo.demo.calls`). The message key is the partner and the stay or event, so
every revision of one event is in one partition. A message's value is one envelope or a list of envelopes: the
number of observations per message is the lever for backfill.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infra.errors import MeteoError
from infra.world import World


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

_DAY_MS = 24 * 3600 * 1000


def ensure_topics(
    bootstrap: str, world: World, partitions: int, *, events_retention_days: int = 7, replication: int = -1
) -> tuple[str, ...]:
    """Make the topics of a world that are not there yet, with explicit partitions and retention.

    Parameters
    ----------
    bootstrap
        Kafka addresses, `host:port` separated by commas.
    partitions
        Partitions of each new topic; topics that exist keep theirs, since keys would move between them.
    events_retention_days
        Days that topics of individual events are kept.
    replication
        Copies of each partition; -1 for the broker's default.

    Returns
    -------
    tuple of str
        Kafka names of the topics that were made.

    Raises
    ------
    MeteoError
        When no broker answers, or it refuses a topic.
    """
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError, TopicAlreadyExistsError

    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), client_id=world.group("topics"))
    except KafkaError as error:
        raise MeteoError(f"no Kafka broker answers at {bootstrap}: {error}") from error
    try:
        present = set(admin.list_topics())
        wanted = {
            world.topic(t.name): {
                "num_partitions": partitions,
                "replication_factor": replication,
                "configs": _configs(t, events_retention_days),
            }
            for t in TOPICS
            if world.topic(t.name) not in present
        }
        if wanted:
            try:
                admin.create_topics(wanted, wait_for_metadata=True)
            except TopicAlreadyExistsError:
                admin.wait_for_topics(list(wanted))  # another process made them meanwhile
        return tuple(wanted)
    except KafkaError as error:
        raise MeteoError(
            f"the broker at {bootstrap} refuses the topics of world {world.name}: {error}"
        ) from error
    finally:
        admin.close()


def _configs(topic: Topic, events_retention_days: int) -> dict[str, str]:
    days = events_retention_days if topic.individual else topic.retention_days
    retention = -1 if days is None else days * _DAY_MS
    return {"cleanup.policy": topic.policy, "retention.ms": str(retention)}
