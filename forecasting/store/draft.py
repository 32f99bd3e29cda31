"""A run before it is stored: its plan, what it read, what it says, and the manifest of digests that proves it.

The manifest holds the digest of every input and output. `content` is the digest of all of them and the plan, so
two runs of the same inputs have the same content. The run's own digest is over its header, its manifest and the
previous run's digest, which makes the chain; draws can be pruned because the manifest keeps their digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from forecasting.run import Reason, RunRecord, SeriesForecast, TerritoryBulletin, Trust
from forecasting.store import canonical
from forecasting.store.encoding import (
    Document,
    bulletin_document,
    moment_text,
    series_digests,
    series_key,
)

PANEL, RULES, STATE, CONFIG = "panel", "rules", "state", "config"


@dataclass(frozen=True)
class RunPlan:
    """What a run is asked to do, before it read anything.

    Attributes
    ----------
    world
        Name of the world.
    cycle
        The cycle it answers, in civil time: `2020-11-01T05:30`.
    origin
        Civil date of day 0.
    as_of
        It reads what was known at this moment, aware.
    scope
        `{"territories": [...]}` in order.
    seed
        Seed of every random stream, together with territory and target.
    code_digest
        Digest of the source that computes it.
    """

    world: str
    cycle: str
    origin: date
    as_of: datetime
    reason: Reason
    scope: Mapping[str, Any]
    seed: int
    code_digest: str

    def document(self) -> Document:
        """Return what determines the result: all but the reason the run was started for."""
        return {
            "world": self.world,
            "cycle": self.cycle,
            "origin": self.origin.isoformat(),
            "as_of": moment_text(self.as_of),
            "scope": dict(self.scope),
            "seed": self.seed,
            "code": self.code_digest,
        }


@dataclass(frozen=True)
class RunDraft:
    """A computed run, ready to be stored.

    Attributes
    ----------
    inputs
        Canonical bytes of everything read, by name; holds at least `panel`, `rules`, `state`, `config`.
    series, bulletins
        What it publishes.
    states
        Canonical bytes of the model state it leaves, by name.
    state_scope
        What the models were fitted to: a state serves runs of the same territories only.
    """

    plan: RunPlan
    inputs: Mapping[str, bytes]
    series: tuple[SeriesForecast, ...]
    bulletins: tuple[TerritoryBulletin, ...]
    states: Mapping[str, bytes] = field(default_factory=dict)
    state_scope: str = ""

    @property
    def trust(self) -> Trust:
        """The run is as good as its best half: broken when every territory is, degraded when any is not ok."""
        states = {b.trust for b in self.bulletins}
        if not states or states == {"broken"}:
            return "broken"
        return "ok" if states == {"ok"} else "degraded"

    def manifest(self) -> Document:
        """Return the digest of every part, and `content`, the digest of them all with the plan."""
        parts: Document = {
            "inputs": {name: canonical.digest(content) for name, content in self.inputs.items()},
            "series": {series_key(s): series_digests(s) for s in self.series},
            "territories": {b.territory: bulletin_digest(b) for b in self.bulletins},
            "states": {name: canonical.digest(content) for name, content in self.states.items()},
        }
        content = canonical.digest(canonical.document({"plan": self.plan.document(), "parts": parts}))
        return {**parts, "content": content}


def bulletin_digest(bulletin: TerritoryBulletin) -> str:
    """Return the digest of a bulletin with all its days."""
    return canonical.digest(canonical.document(bulletin_document(bulletin)))


def run_digest(record: RunRecord) -> str:
    """Return the digest a run must have: over its header, its manifest and the previous run's digest."""
    header = {
        "id": record.id,
        "cycle": record.cycle,
        "origin": record.origin.isoformat(),
        "as_of": moment_text(record.as_of),
        "created": moment_text(record.created),
        "reason": record.reason,
        "scope": dict(record.scope),
        "seed": record.seed,
        "code": record.code_digest,
        "config": record.config_digest,
        "rules": record.rules_digest,
        "panel": record.panel_digest,
        "state": record.state_digest,
        "trust": record.trust,
        "manifest": canonical.digest(canonical.document(dict(record.manifest))),
        "previous": record.previous_digest,
    }
    return canonical.digest(canonical.document(header))
