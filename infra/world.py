"""Worlds: the operational one, the demonstration, each exercise and each replay, never mixed.

A world has its own database schema, topic prefix, consumer groups, clock and chain of runs. Only the
operational world sends anything outside.

>>> World.named("demo").topic("calls")
'meteo.demo.calls'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from infra.errors import MeteoError

Kind = Literal["operational", "demo", "exercise", "replay"]
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,30}$")


@dataclass(frozen=True)
class World:
    """One closed world.

    Attributes
    ----------
    name
        Lower-case letters, digits and underscores; at most 31 characters.
    kind
        What the world is for; told by the first word of its name.
    """

    name: str
    kind: Kind

    @classmethod
    def named(cls, name: str) -> World:
        """Return the world of that name; `demo…`, `exercise…` and `replay…` say their kind, others operate.

        Raises
        ------
        MeteoError
            When the name cannot be a schema and a topic prefix.
        """
        if not _NAME.match(name):
            raise MeteoError(
                f"world {name!r}: use lower-case letters, digits and _, a letter first, 31 at most"
            )
        kinds: tuple[Kind, ...] = ("demo", "exercise", "replay")
        return cls(name, next((kind for kind in kinds if name.startswith(kind)), "operational"))

    @property
    def schema(self) -> str:
        """Database schema of this world."""
        return f"meteo_{self.name}"

    @property
    def is_operational(self) -> bool:
        """Whether this world may speak to the outside."""
        return self.kind == "operational"

    def topic(self, name: str) -> str:
        """Return the Kafka name of one of the topics of `streams.topics`."""
        return f"meteo.{self.name}.{name}"

    def group(self, name: str) -> str:
        """Return the Kafka consumer group of a part of this world."""
        return f"meteo.{self.name}.{name}"
