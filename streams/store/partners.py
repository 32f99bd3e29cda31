r"""Partners and their agreements: versioned data that says who sends what, and how sources stand to each other.

An agreement is a YAML file; applying it appends a version and says so on the compacted topic `agreements`, so
that gateways know it. Applying the same content again does nothing.

>>> read_agreement('key: spf\nname: Santé publique France\nkind: open_data\nsignals: [sos_calls]').precedence
100
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

import orjson
import yaml
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from infra.database import Connection
from infra.errors import MeteoError
from streams.outbox import announce
from streams.vocabulary.places import register
from streams.vocabulary.signals import SIGNAL_KEYS

Name = Annotated[str, Field(min_length=1, max_length=200)]


class Facility(BaseModel):
    """A hospital site named by an agreement.

    Attributes
    ----------
    finess
        Geographic FINESS number.
    legal_entity
        FINESS of the legal entity it belongs to.
    place
        Territory it lies in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    finess: Annotated[str, Field(min_length=1, max_length=32)]
    name: Name
    place: Name
    legal_entity: str | None = None


class Agreement(BaseModel):
    """What one partner sends, under which conditions.

    Attributes
    ----------
    key
        The partner's name in every message.
    signals, places, facilities
        What it may send; an empty `places` means every territory.
    group
        Partners of the same group see different people: their counts are added.
    disjoint_with
        Other partners that see different people, where no group says it.
    precedence
        Where several sources tell the same count, the smallest number is read.
    open_licence
        Licence of a series that is public already; exempt from the threshold.
    threshold
        No count below it can be read from outputs.
    retention_days
        Days that individual events are kept; None keeps counts for ever and events two years.
    ended
        Whether the agreement is over: its events are erased and new ones refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
    name: Name
    kind: Literal["open_data", "house_calls", "emergency_calls", "laboratory", "hospital", "network", "other"]
    signals: tuple[str, ...] = Field(min_length=1)
    places: tuple[str, ...] = ()
    facilities: tuple[Facility, ...] = ()
    group: str | None = None
    disjoint_with: tuple[str, ...] = ()
    precedence: int = Field(100, ge=0)
    open_licence: str | None = None
    threshold: int = Field(11, ge=0)
    retention_days: int | None = Field(None, ge=1)
    contact: str | None = None
    ended: bool = False

    @model_validator(mode="after")
    def _known_words(self) -> Self:
        unknown = sorted(set(self.signals) - SIGNAL_KEYS)
        if unknown:
            raise ValueError(f"unknown signals {', '.join(unknown)}; `meteo reference signals` lists them")
        strange = sorted({*self.places, *(f.place for f in self.facilities)} - register().keys())
        if strange:
            raise ValueError(f"unknown territories {', '.join(strange)}")
        return self

    @property
    def digest(self) -> bytes:
        """Hash of the content, the same for the same content."""
        document = orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(document, digest_size=16).digest()


@dataclass(frozen=True)
class AgreementInForce:
    """The newest version of one partner's agreement."""

    version: int
    agreement: Agreement


def read_agreement(text: str, source: str = "agreement") -> Agreement:
    """Read an agreement from YAML.

    Raises
    ------
    MeteoError
        Naming the file, the field and what is wrong with it.
    """
    try:
        document = yaml.safe_load(text)
        return Agreement.model_validate(document)
    except yaml.YAMLError as error:
        raise MeteoError(f"{source}: not readable as YAML: {error}") from None
    except ValidationError as error:
        lines = [
            f"{source}: {'.'.join(map(str, e['loc'])) or 'document'}: {e['msg']}" for e in error.errors()
        ]
        raise MeteoError("\n".join(lines)) from None


def read_agreement_file(path: Path) -> Agreement:
    """Read an agreement from a YAML file.

    Raises
    ------
    MeteoError
        When the file cannot be read, or its content is wrong.
    """
    try:
        return read_agreement(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise MeteoError(f"{path}: cannot be read: {error}") from None


def apply_agreement(connection: Connection, agreement: Agreement, applied_by: str) -> AgreementInForce:
    """Append a version of an agreement and announce it, unless it is the one in force; the caller commits."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/agreement', 0))")
    row = connection.execute(
        "SELECT version, digest FROM agreement WHERE partner = %s ORDER BY version DESC LIMIT 1",
        (agreement.key,),
    ).fetchone()
    if row is not None and bytes(row[1]) == agreement.digest:
        return AgreementInForce(row[0], agreement)
    version = 1 if row is None else row[0] + 1
    document = agreement.model_dump(mode="json")
    connection.execute(
        "INSERT INTO agreement (partner, version, document, digest, applied_by) VALUES (%s, %s, %s, %s, %s)",
        (agreement.key, version, Jsonb(document), agreement.digest, applied_by),
    )
    announce(connection, "agreements", agreement.key, {"version": version, **document}, public=False)
    return AgreementInForce(version, agreement)


def agreements_in_force(connection: Connection) -> dict[str, AgreementInForce]:
    """Return the newest version of every partner's agreement, by the partner's key."""
    rows = connection.execute(
        "SELECT DISTINCT ON (partner) partner, version, document FROM agreement ORDER BY partner, version DESC"
    )
    return {
        partner: AgreementInForce(version, Agreement.model_validate(document))
        for partner, version, document in rows
    }


def open_data_agreements() -> tuple[Agreement, ...]:
    """Return the agreements of the public sources that this engine reads by itself."""
    folder = files("streams.vocabulary").joinpath("open_data")
    return tuple(
        read_agreement(entry.read_text(encoding="utf-8"), entry.name)
        for entry in sorted(folder.iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".yaml")
    )


def apply_open_data(connection: Connection) -> None:
    """Apply the agreements of public sources where the partner has none yet; the caller commits."""
    present = agreements_in_force(connection)
    for agreement in open_data_agreements():
        if agreement.key not in present:
            apply_agreement(connection, agreement, "meteo")


def source_groups(agreements: Iterable[Agreement]) -> dict[str, tuple[int, str]]:
    """Return, for each partner, the set of disjoint sources it belongs to, with the set's precedence.

    Returns
    -------
    dict
        Partner to (precedence, name of the set); partners of one set are added, and of several sets that
        tell the same count the smallest (precedence, name) is read.
    """
    known = {a.key: a for a in agreements}
    parent = {key: key for key in known}

    def root(key: str) -> str:
        while parent[key] != key:
            key = parent[key]
        return key

    first_of_group: dict[str, str] = {}
    for agreement in known.values():
        together = [k for k in agreement.disjoint_with if k in known]
        if agreement.group is not None:
            together.append(first_of_group.setdefault(agreement.group, agreement.key))
        for other in together:
            low, high = sorted((root(agreement.key), root(other)))
            parent[high] = low
    precedence: dict[str, int] = {}
    for key, agreement in known.items():
        precedence[root(key)] = min(agreement.precedence, precedence.get(root(key), agreement.precedence))
    return {key: (precedence[root(key)], root(key)) for key in known}
