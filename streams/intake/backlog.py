"""The backlog: how many messages of a world's topics the workers have not acknowledged yet."""

from __future__ import annotations

import time

from infra.errors import MeteoError
from infra.world import World
from streams.topics import OBSERVATION_TOPICS

INTAKE_GROUP = "intake"


def unread_messages(bootstrap: str, world: World) -> int:
    """Return the messages that lie after what the world's workers have acknowledged.

    Raises
    ------
    MeteoError
        When the broker does not answer.
    """
    from kafka import KafkaAdminClient, OffsetSpec, TopicPartition
    from kafka.errors import CoordinatorNotAvailableError, KafkaError

    group = world.group(INTAKE_GROUP)
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), client_id=world.group("backlog"))
        try:
            described = admin.describe_topics([world.topic(name) for name in OBSERVATION_TOPICS])
            partitions = [
                TopicPartition(topic["name"], p["partition_index"])
                for topic in described
                for p in topic["partitions"]
            ]
            last = admin.list_partition_offsets({p: OffsetSpec.LATEST for p in partitions})
            first = admin.list_partition_offsets({p: OffsetSpec.EARLIEST for p in partitions})
            try:
                read = admin.list_group_offsets([group]).get(group, {})
            except CoordinatorNotAvailableError:
                read = {}  # no group has ever read on this broker
        finally:
            admin.close()
    except KafkaError as error:
        raise MeteoError(f"the broker at {bootstrap} does not tell its backlog: {error}") from error
    unread = 0
    for partition in partitions:
        known = read.get(partition)
        begin = known.offset if known is not None and known.offset >= 0 else first[partition].offset
        unread += max(last[partition].offset - begin, 0)
    return unread


def wait_until_read(bootstrap: str, world: World, *, timeout: float) -> None:
    """Return when every message was stored and acknowledged.

    Raises
    ------
    MeteoError
        When messages are still unread after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while (unread := unread_messages(bootstrap, world)) > 0:
        if time.monotonic() > deadline:
            raise MeteoError(f"{unread} messages are unread after {timeout:.0f} s: does `meteo worker` run?")
        time.sleep(0.3)
