"""Validation: the bytes of a message as observations, and what is wrong with the rest.

A message holds one envelope or a list of envelopes. What fails becomes a dead letter with its reason, field
and place, beside the good ones of the same list. The fast way validates a whole list at once; only a list
with a fault is taken apart.

>>> reader = MessageReader("demo", {})
>>> batch = Batch()
>>> reader.read(Message("meteo.demo.calls", "calls", 0, 7, b'{"schema": 1'), batch)
>>> batch.dead_letters[0].reason
'not readable as JSON: unexpected end of data: line 1 column 13 (char 12)'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from infra.errors import MeteoError
from streams.envelope import Envelope
from streams.store.dead_letters import DeadLetter
from streams.store.observations import Batch, Observation, Origin, copy_line
from streams.store.partners import AgreementInForce
from streams.vocabulary.places import register
from streams.vocabulary.signals import SIGNAL_KEYS
from streams.vocabulary.syndromes import syndrome_of

_MANY: TypeAdapter[list[Envelope]] = TypeAdapter(list[Envelope])
_LARGEST_REASON = 500
GATEWAY_LETTERS = "dead-letters"


@dataclass(frozen=True)
class Message:
    """One Kafka message.

    Attributes
    ----------
    topic
        Kafka name.
    name
        Name of the topic without the world's prefix.
    """

    topic: str
    name: str
    partition: int
    offset: int
    value: bytes | None


class Refused(Exception):
    """An envelope that is well formed and cannot be taken."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class MessageReader:
    """Reads messages of one world against the agreements in force.

    Parameters
    ----------
    world
        Name of the world; envelopes of another are refused.
    agreements
        Agreements in force by partner.

    Attributes
    ----------
    misses
        Envelopes refused because their partner or its version is not among the agreements held.
    """

    def __init__(self, world: str, agreements: Mapping[str, AgreementInForce]) -> None:
        self._world = world
        self._agreements = agreements
        self.misses = 0

    def read(self, message: Message, batch: Batch) -> None:
        """Add what a message holds to a batch: observations, snapshots and dead letters."""
        batch.partitions.add((message.topic, message.partition))
        raw = message.value
        if not raw:
            batch.dead_letters.append(_letter(message, b"", "the message is empty"))
        elif message.name == GATEWAY_LETTERS:
            self._read_gateway_letter(message, raw, batch)
        elif raw[:1] == b"[":
            self._read_many(message, raw, batch)
        else:
            self._read_one(message, raw, 0, batch)

    def _read_many(self, message: Message, raw: bytes, batch: Batch) -> None:
        try:
            envelopes = _MANY.validate_json(raw)
        except ValidationError:
            self._read_apart(message, raw, batch)
            return
        for index, envelope in enumerate(envelopes):
            self._take(message, envelope, index, batch)

    def _read_apart(self, message: Message, raw: bytes, batch: Batch) -> None:
        try:
            items: list[Any] = orjson.loads(raw)
        except (orjson.JSONDecodeError, RecursionError) as error:
            batch.dead_letters.append(_letter(message, raw, f"not readable as JSON: {error}"))
            return
        for index, item in enumerate(items):
            self._read_one(message, orjson.dumps(item), index, batch, place=f"item {index + 1}")

    def _read_one(
        self, message: Message, raw: bytes, index: int, batch: Batch, place: str | None = None
    ) -> None:
        try:
            envelope = Envelope.model_validate_json(raw)
        except ValidationError as error:
            field, reason = _explain(raw, error)
            batch.dead_letters.append(_letter(message, raw, reason, field, place, _partner_in(raw)))
            return
        self._take(message, envelope, index, batch, raw, place)

    def _take(
        self,
        message: Message,
        envelope: Envelope,
        index: int,
        batch: Batch,
        raw: bytes | None = None,
        place: str | None = None,
    ) -> None:
        try:
            self._check(envelope)
            if envelope.kind == "snapshot":
                _check_snapshot(envelope)
                batch.snapshots.append(envelope)
                return
            syndrome = _syndrome(envelope)
        except Refused as refused:
            body = raw if raw is not None else envelope.model_dump_json(by_alias=True).encode()
            where = place if raw is not None else f"item {index + 1}"
            letter = _letter(message, body, str(refused), refused.field, where, envelope.partner)
            batch.dead_letters.append(letter)
            return
        origin = Origin(message.topic, message.partition, message.offset, index)
        batch.observations.append(Observation(envelope, copy_line(envelope, syndrome), origin))

    def _check(self, envelope: Envelope) -> None:
        if envelope.world != self._world:
            raise Refused("world", f"this is world {self._world!r}, the event is of world {envelope.world!r}")
        if envelope.place not in register():
            raise Refused("place", f"unknown territory {envelope.place!r}")
        if envelope.signal not in SIGNAL_KEYS:
            raise Refused("signal", f"unknown signal {envelope.signal!r}")
        known = self._agreements.get(envelope.partner)
        if known is None:
            self.misses += 1
            raise Refused("partner", f"unknown partner {envelope.partner!r}: apply its agreement, then retry")
        if envelope.agreement_version > known.version:
            self.misses += 1
            raise Refused(
                "agreement_version",
                f"partner {envelope.partner} is at version {known.version} here, not {envelope.agreement_version}",
            )
        if known.agreement.ended:
            raise Refused("partner", f"the agreement with {envelope.partner} has ended")
        if envelope.signal not in known.agreement.signals:
            raise Refused("signal", f"the agreement with {envelope.partner} does not cover {envelope.signal}")
        if known.agreement.places and envelope.place not in known.agreement.places:
            raise Refused("place", f"the agreement with {envelope.partner} does not cover {envelope.place}")

    def _read_gateway_letter(self, message: Message, raw: bytes, batch: Batch) -> None:
        """Keep what a gateway says of its quarantine; our own letters come by here too and are there already."""
        try:
            document = orjson.loads(raw)
            if document["stage"] != "gateway":
                return
            if document.get("resolved"):
                batch.resolved.append(str(document["quarantine_id"]))
                return
            letter = DeadLetter(
                stage="gateway",
                reason=str(document["reason"]),
                size_bytes=int(document["size_bytes"]),
                field=_optional(document.get("field")),
                partner=_optional(document.get("partner")),
                topic=_optional(document.get("topic")),
                place_in_input=_optional(document.get("place_in_input")),
                quarantine_id=str(document["quarantine_id"]),
                payload_digest=str(document["payload_digest"]),
            )
        except (orjson.JSONDecodeError, LookupError, TypeError, ValueError, RecursionError) as error:
            reason = f"not a gateway's letter: {type(error).__name__} {error}"
            batch.dead_letters.append(_letter(message, raw, reason))
            return
        batch.dead_letters.append(letter)


def _check_snapshot(envelope: Envelope) -> None:
    if envelope.individual:
        raise Refused(
            "reference_start", "a snapshot covers civil dates, from reference_start to reference_end"
        )
    if not envelope.value.is_integer():
        raise Refused("value", "a snapshot's value is the number of its rows")


def _syndrome(envelope: Envelope) -> str:
    try:
        syndrome = _syndrome_of(envelope.code, envelope.code_system)
    except MeteoError as error:
        raise Refused("code", str(error)) from None
    if syndrome == "all" and isinstance(envelope.reference_start, datetime):
        raise Refused("code", "an individual event is never coded 'all': name its cause, or leave it out")
    return syndrome


_syndrome_of = lru_cache(maxsize=4096)(syndrome_of)


def _envelopes(raw: bytes | None) -> list[dict[str, Any]]:
    try:
        document = orjson.loads(raw or b"null")
    except (orjson.JSONDecodeError, RecursionError):
        return []
    items = document if isinstance(document, list) else [document]
    return [item for item in items if isinstance(item, dict)]


def _partner_in(raw: bytes) -> str | None:
    found = _envelopes(raw)
    return _optional(found[0].get("partner")) if found else None


def _optional(value: object) -> str | None:
    return None if value is None else str(value)[:200]


def _explain(raw: bytes, error: ValidationError) -> tuple[str | None, str]:
    """Return the first field at fault, and every fault in one line."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    if faults[0]["type"] == "json_invalid":
        try:
            orjson.loads(raw)
        except (orjson.JSONDecodeError, RecursionError) as unreadable:
            return None, f"not readable as JSON: {unreadable}"[:_LARGEST_REASON]
    names = [".".join(map(str, f["loc"])) for f in faults]
    for fault in faults:
        if fault["type"] == "string_pattern_mismatch":
            fault["msg"] = "must not hold control characters"
    told = [
        f"{name}: {fault['msg']}" if name else fault["msg"] for name, fault in zip(names, faults, strict=True)
    ]
    return names[0] or _field_told(told[0]), "; ".join(told)[:_LARGEST_REASON]


def _field_told(reason: str) -> str | None:
    """Return the field that a fault of the whole envelope begins with."""
    words = reason.removeprefix("Value error, ").split()
    return words[0] if words and words[0] in Envelope.model_fields else None


def _letter(
    message: Message,
    payload: bytes,
    reason: str,
    field: str | None = None,
    place: str | None = None,
    partner: str | None = None,
) -> DeadLetter:
    return DeadLetter(
        stage="stream",
        reason=reason,
        size_bytes=len(payload),
        payload=payload,
        field=field,
        partner=partner,
        topic=message.name,
        partition=message.partition,
        offset=message.offset,
        place_in_input=place,
    )
