"""The event envelope: the one schema in which every observation travels.

An observation has three times: the period it is about (`reference_start`, `reference_end`), when it became
knowable (`reported`, stated by the sender or assumed from the signal's usual delay), and when it was recorded,
which only the database knows. Identity is what the message itself determines: (partner, event_id,
source_version); the source version (message time, extract time, file date) alone orders revisions.

A count's reference is a civil date and is never converted; an individual event's is an instant with offset.

>>> e = Envelope(event_id="44|2020-09-01|sos_calls|covid", source_version="2020-09-02T08:00:00Z", kind="insert",
...     world="demo", partner="spf", signal="sos_calls", code="covid", code_system="meteo", place="44",
...     reference_start="2020-09-01", value=12, unit_of_measure="acts", reported="2020-09-02T08:00:00Z",
...     reported_basis="assumed")
>>> e.reference_end
datetime.date(2020, 9, 2)
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from infra.clock import civil_date
from streams.vocabulary.places import zone_of

SCHEMA: Final = 1
EARLIEST = date(2000, 1, 1)
LATEST = date(2100, 1, 1)

Kind = Literal["insert", "update", "cancel", "snapshot"]
Basis = Literal["stated", "assumed"]
# No control characters: a database cannot hold some, and a log or a page would be misled by others.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$")]
Key = Annotated[Text, Field(min_length=1, max_length=200)]


class Envelope(BaseModel):
    """One observation, or the header of a snapshot, as it travels.

    Attributes
    ----------
    schema_version
        Version of this schema (`schema` on the wire). Fields are only ever added, with a default.
    event_id
        Made by the gateway from what the message holds; the same event keeps it across corrections.
    source_version
        Orders the revisions of an event: message time, extract time or file date.
    kind
        `insert` and `update` carry content, `cancel` retracts; `snapshot` says that the partner's rows for
        [reference_start, reference_end) at this source version are all there is, `value` being their number.
    stay_token
        Keyed pseudonym of the stay, never an identity; None for counts.
    code, code_system
        What was seen, in the sender's codes (`icd-10`) or ours (`meteo`).
    place
        Code of the register of places (`44`, `R52`, `FR`).
    facility, unit
        Geographic FINESS and `FINESS:unit`, or None.
    reference_start, reference_end
        A civil date and the date after the last day, for counts; instants with offset for events.
    value
        1 for an event; the count, stock or rate otherwise.
    reported, reported_basis
        When it became knowable, and whether the sender said so.
    simulated
        Whether it comes from the simulator.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    event_id: Key
    source_version: AwareDatetime
    kind: Kind
    world: Key
    partner: Key
    agreement_version: int = Field(1, ge=1)
    key_id: Text | None = Field(None, max_length=64)
    stay_token: Text | None = Field(None, min_length=16, max_length=128)
    signal: Key
    code: Text | None = Field(None, max_length=32)
    code_system: Text | None = Field(None, max_length=32)
    place: Text = Field(min_length=1, max_length=32)
    facility: Text | None = Field(None, max_length=32)
    unit: Text | None = Field(None, max_length=64)
    age_band: Text = Field("all", max_length=16)
    sex: Literal["all", "F", "M", "U"] = "all"
    reference_start: AwareDatetime | date
    reference_end: AwareDatetime | date | None = None
    value: float = Field(1.0, ge=0, le=1e9)
    unit_of_measure: Text = Field("events", max_length=64)
    reported: AwareDatetime
    reported_basis: Basis
    simulated: bool = False

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        """Hold the period together and inside the years this engine can mean."""
        start, end = self.reference_start, self.reference_end
        for name, moment in (("source_version", self.source_version), ("reported", self.reported)):
            if not EARLIEST.year <= moment.year < LATEST.year:
                raise ValueError(f"{name} {moment} is outside {EARLIEST} to {LATEST}")
        # The year decides for instants as well: both limits are the first day of a year.
        if not EARLIEST.year <= start.year < LATEST.year:
            raise ValueError(f"reference_start {start} is outside {EARLIEST} to {LATEST}")
        if isinstance(start, datetime):
            if end is not None and (not isinstance(end, datetime) or end < start):
                raise ValueError("reference_end must be an instant at or after reference_start")
            return self
        if end is None:
            object.__setattr__(self, "reference_end", start + timedelta(days=1))
        elif isinstance(end, datetime) or end <= start:
            raise ValueError("reference_end must be a civil date after reference_start")
        return self

    @property
    def individual(self) -> bool:
        """Whether this is one event of one person, rather than a count."""
        return isinstance(self.reference_start, datetime)

    @property
    def reference_date(self) -> date:
        """Civil date the observation is about, in the place's own time."""
        if isinstance(self.reference_start, datetime):
            return civil_date(self.reference_start, self.zone)
        return self.reference_start

    @property
    def zone(self) -> str:
        """Civil time zone of the place, from the register of places."""
        return zone_of(self.place)

    @property
    def message_key(self) -> bytes:
        """Kafka key: the partner and the stay, or the event."""
        return f"{self.partner}/{self.stay_token or self.event_id}".encode()
