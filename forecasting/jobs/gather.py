"""Reading everything a run needs from the store, as it was known at the run's as-of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting import store
from forecasting.beds import StayCounts, StayTable
from forecasting.capacity import CAPACITY_TABLE, Estimated
from forecasting.jobs.capacities import read_capacities
from forecasting.jobs.completing import read_revisions
from forecasting.jobs.cycles import latest_due
from forecasting.jobs.forecaster import monitored_targets
from forecasting.jobs.inputs import BedInputs, RunInputs
from forecasting.jobs.panels import make_panel, zones_of
from forecasting.jobs.programme import read_programme
from forecasting.panel import Panel
from forecasting.run import PartnerFreshness
from forecasting.store.draft import RunPlan
from forecasting.vigilance import DEFAULT_RULES, RULES_TABLE, ColourRules
from infra.clock import civil_date
from infra.database import Connection
from streams.store.counts import read_counts
from streams.store.freshness import read_freshness
from streams.store.partners import agreements_in_force
from streams.store.stays import read_present, read_stay_lengths
from streams.vocabulary.places import register, zone_of
from streams.vocabulary.syndromes import SYNDROMES

HISTORY_DAYS = 400
STAY_DAYS = 180
RECENT_DAYS = 60
PUBLISHED_DAYS = 24
STAYS_TABLE = "stay_tables"
EVENT_KINDS = frozenset({"house_calls", "emergency_calls", "laboratory", "hospital"})
SYNDROME_KEYS = [s.key for s in SYNDROMES if s.key != "other"]
HOSPITAL_SIGNALS = [
    "admissions",
    "critical_admissions",
    "ed_visits",
    "occupied_beds",
    "occupied_critical_beds",
    "staffed_beds",
    "staffed_critical_beds",
]
DAILY_SIGNALS = [*HOSPITAL_SIGNALS, "sos_calls", "samu_calls", "lab_positives"]
# A single hospital's cases of one cause are few, but where only one cause is told it is that which counts.
HOSPITAL_SYNDROMES = ["all", "covid"]


@dataclass(frozen=True)
class Asked:
    """Settings that change what a run says.

    Attributes
    ----------
    draws
        Paths per series.
    engine
        `ensemble`, or `yardstick` for persistence only.
    cycles, zone
        Civil times of the cycles.
    coherence
        `bottom_up`: regions are the sums of what départements say alone; `mint`: départements are first made to
        agree with what is forecast of their regions.
    """

    draws: int
    cycles: tuple[str, ...]
    zone: str
    engine: str = "ensemble"
    coherence: str = "bottom_up"

    def document(self) -> dict[str, Any]:
        """Return them as the run's configuration."""
        return {
            "draws": self.draws,
            "engine": self.engine,
            "coherence": self.coherence,
            "cycles": list(self.cycles),
            "zone": self.zone,
            "history_days": HISTORY_DAYS,
        }


def gather(connection: Connection, plan: RunPlan, asked: Asked) -> RunInputs:
    """Read the inputs of a run.

    Notes
    -----
    The panel always holds every territory with data, whatever the run's scope: models learn from all, and a run
    of one territory says of it what a run of all would.
    """
    events = frozenset(
        key for key, known in agreements_in_force(connection).items() if known.agreement.kind in EVENT_KINDS
    )
    counts = _counts(connection, plan, list(register()), by_facility=False)
    panel = _panel(counts, plan, events)
    facility_panel, facility_places = _facility_panel(connection, plan, events)
    places = list(plan.scope["territories"])
    rules = store.reference_document(connection, RULES_TABLE)
    hour = plan.cycle[11:] if plan.reason in ("cycle", "catch-up") else _hour(plan, asked)
    since = plan.origin - timedelta(days=PUBLISHED_DAYS)
    return RunInputs(
        panel=panel,
        facility_panel=facility_panel,
        facility_places=facility_places,
        beds=_beds(connection, plan, places, facility_places),
        freshness={p: _freshness(connection, p, plan.as_of) for p in places},
        rules=ColourRules.from_document(rules[1], rules[0]) if rules else DEFAULT_RULES,
        previous=store.previous_colours(connection, hour, plan.as_of, plan.origin),
        config=asked.document(),
        state=store.states(connection, store.scope_key(panel.territories), plan.as_of),
        published={
            (target, *key): ahead
            for target in monitored_targets(panel)
            for key, ahead in store.published_ahead(connection, target, plan.as_of, since).items()
        },
        revisions=read_revisions(connection, counts, origin=plan.origin, as_of=plan.as_of, zone=asked.zone),
    )


def _hour(plan: RunPlan, asked: Asked) -> str:
    return latest_due(plan.as_of, asked.cycles, asked.zone).hour


def territories_with_data(connection: Connection, as_of: datetime) -> list[str]:
    """Return the territories whose admissions were known lately, in the order of the register."""
    last = civil_date(as_of)
    counts = read_counts(
        connection,
        signals=["admissions", "critical_admissions", "ed_visits"],
        syndromes=SYNDROME_KEYS,
        places=list(register()),
        start=last - timedelta(days=RECENT_DAYS),
        end=last + timedelta(days=1),
        as_of=as_of,
    )
    known = set(counts["place"].unique())
    return [code for code in register() if code in known]


def _counts(
    connection: Connection, plan: RunPlan, places: Sequence[str], *, by_facility: bool
) -> pd.DataFrame:
    return read_counts(
        connection,
        signals=HOSPITAL_SIGNALS if by_facility else DAILY_SIGNALS,
        syndromes=HOSPITAL_SYNDROMES if by_facility else SYNDROME_KEYS,
        places=list(places),
        start=plan.origin - timedelta(days=HISTORY_DAYS - 1),
        end=plan.origin + timedelta(days=1),
        as_of=plan.as_of,
        by_facility=by_facility,
    )


def _panel(counts: pd.DataFrame, plan: RunPlan, events: frozenset[str]) -> Panel:
    known = set(counts["place"].unique())
    places = [code for code in register() if code in known]
    return make_panel(
        counts,
        places,
        by="place",
        origin=plan.origin,
        days=HISTORY_DAYS,
        as_of=plan.as_of,
        event_partners=events,
        zones=zones_of(places),
    )


def _facility_panel(
    connection: Connection, plan: RunPlan, events: frozenset[str]
) -> tuple[Panel | None, dict[str, str]]:
    # Of every territory, so that a hospital is told the same whatever the run's scope.
    counts = _counts(connection, plan, list(register()), by_facility=True)
    counts = counts[counts["facility"] != ""]
    if counts.empty:
        return None, {}
    pairs = counts[["facility", "place"]].drop_duplicates().sort_values(["facility", "place"])
    inside = dict(zip(pairs["facility"], pairs["place"], strict=True))
    panel = make_panel(
        counts,
        list(inside),
        by="facility",
        origin=plan.origin,
        days=HISTORY_DAYS,
        as_of=plan.as_of,
        event_partners=events,
        zones=zones_of(list(inside), inside),
        lies_in=inside,
    )
    return panel, inside


def _freshness(connection: Connection, place: str, as_of: datetime) -> tuple[PartnerFreshness, ...]:
    return tuple(
        PartnerFreshness(f.partner, f.signal, f.newest_reference, f.newest_reported, f.state)
        for f in read_freshness(connection, place, as_of)
    )


def _beds(
    connection: Connection, plan: RunPlan, places: Sequence[str], facility_places: Mapping[str, str]
) -> BedInputs:
    stays: dict[tuple[str, str], StayCounts] = {}
    present: dict[tuple[str, str], NDArray[np.int64]] = {}
    for place in sorted(set(facility_places.values()) & set(places)):
        lengths = read_stay_lengths(connection, place, plan.origin - timedelta(days=STAY_DAYS), plan.as_of)
        there = read_present(connection, place, plan.as_of)
        for name in (place, *[f for f, inside in facility_places.items() if inside == place]):
            mine = lengths if name == place else lengths[lengths["facility"] == name]
            here = there if name == place else there[there["facility"] == name]
            stays |= _stay_counts(name, mine, plan.origin, zone_of(place))
            present |= _present(name, here, plan.origin, zone_of(place))
    # Of every territory, so that one is told the same whatever the run's scope.
    programme = read_programme(connection, list(register()), plan.origin, plan.as_of)
    capacities = store.reference_document(connection, CAPACITY_TABLE)
    tables = store.reference_document(connection, STAYS_TABLE)
    return BedInputs(
        stays=stays,
        present=present,
        programme=programme,
        tables={k: StayTable(**v) for k, v in (tables[1] if tables else {}).items()},
        # What somebody wrote down for this use stands before what is derived from statistics.
        capacities={
            **read_capacities(connection, places, plan.origin, plan.as_of),
            **{
                (row["place"], row["unit"]): Estimated.from_document(row)
                for row in (capacities[1]["rows"] if capacities else ())
            },
        },
    )


def _stay_counts(
    name: str, lengths: pd.DataFrame, origin: date, zone: str
) -> dict[tuple[str, str], StayCounts]:
    """Count stays by the civil days that beds are counted by, as they stood at the end of day -1.

    A stay that ended since is open there: of day 0 some departures are known already, but not yet who stays.
    """
    yesterday = pd.Timestamp(origin) - pd.Timedelta(days=1)
    came, left = _civil_days(lengths["entered"], zone), _civil_days(lengths["left"], zone)
    ended = left <= yesterday
    days = (left.where(ended, yesterday) - came).dt.days
    known = lengths.assign(civil=days, ended=ended)[days >= 0]
    return {
        (name, str(unit)): StayCounts.from_lengths(
            rows["civil"].to_numpy(np.int64), rows["ended"].to_numpy(bool)
        )
        for unit, rows in known.groupby("unit_kind")
    }


def _civil_days(moments: pd.Series, zone: str) -> pd.Series:
    """Return the civil day on which each moment falls, as midnights without a zone."""
    return pd.to_datetime(moments, utc=True).dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()


def _present(
    name: str, there: pd.DataFrame, origin: date, zone: str
) -> dict[tuple[str, str], NDArray[np.int64]]:
    """Count those present at the end of day -1 by the civil days since they came."""
    came = there["entered"].dt.tz_convert(zone).dt.date
    elapsed = pd.Series(
        [(origin - timedelta(days=1) - day).days for day in came], index=there.index, dtype=int
    )
    before = there[elapsed >= 0].assign(elapsed=elapsed[elapsed >= 0])
    return {
        (name, str(unit)): np.bincount(np.minimum(rows["elapsed"].to_numpy(), 120)).astype(np.int64)
        for unit, rows in before.groupby("unit_kind")
    }
