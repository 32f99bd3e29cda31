"""Everything a run reads, as one value that can be stored and read again.

Computing sees nothing else. What is computed is always computed from the stored bytes, so that recomputing a
run from its stored inputs cannot differ by what was lost in storing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from forecasting.beds import StayCounts, StayTable
from forecasting.capacity import Estimated
from forecasting.jobs.completing import Revisions, no_revisions
from forecasting.jobs.remembering import Published
from forecasting.panel import Panel
from forecasting.run import Colour, PartnerFreshness
from forecasting.store import canonical
from forecasting.store.draft import CONFIG, PANEL, RULES, STATE
from forecasting.store.encoding import freshness_document, freshness_of
from forecasting.vigilance import ColourRules

FACILITIES, BEDS, PREVIOUS, FRESHNESS = "facilities", "beds", "previous_colours", "freshness"
LOCAL = "holidays|"
REVISIONS, PUBLISHED = "revisions", "published"
ColourKey = tuple[str, str, str, str]
"""Territory, facility, unit, civil day in ISO text."""


@dataclass(frozen=True, eq=False)
class BedInputs:
    """What is known of stays and beds.

    Attributes
    ----------
    stays
        Stays seen, by place (territory or facility) and unit.
    present
        Patients present at the end of day -1 by elapsed stay, by place and unit.
    tables
        Stay tables of versioned data, by `unit:syndrome`.
    capacities
        Beds known by the year, by place and unit.
    programme
        Elective admissions announced, by place, as `forecasting.jobs.programme.read_programme` returns them.
    """

    stays: Mapping[tuple[str, str], StayCounts] = field(default_factory=dict)
    present: Mapping[tuple[str, str], np.ndarray[Any, np.dtype[np.int64]]] = field(default_factory=dict)
    tables: Mapping[str, StayTable] = field(default_factory=dict)
    capacities: Mapping[tuple[str, str], Estimated] = field(default_factory=dict)
    programme: Mapping[str, np.ndarray[Any, np.dtype[np.float64]]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class RunInputs:
    """What a run reads.

    Attributes
    ----------
    panel
        Days × territories × `signal:syndrome`, the last day being day 0.
    facility_panel
        The same by facility, or None when none sends data.
    facility_places
        Territory of each facility.
    freshness
        Rows of every partner, by territory (`""`: those that send for all).
    previous
        What the rule said at the newest earlier cycle of the same hour.
    config
        Settings that change the result: draws, engine.
    state
        Model state to start from, by target.
    revisions
        Every value that the newest cells of the panel have had.
    published
        What earlier cycles said of the monitored targets one and seven days ahead.
    """

    panel: Panel
    facility_panel: Panel | None
    facility_places: Mapping[str, str]
    beds: BedInputs
    freshness: Mapping[str, tuple[PartnerFreshness, ...]]
    rules: ColourRules
    previous: Mapping[ColourKey, Colour]
    config: Mapping[str, Any]
    state: Mapping[str, bytes]
    revisions: Revisions = field(default_factory=no_revisions)
    published: Published = field(default_factory=dict)

    def documents(self) -> dict[str, bytes]:
        """Return the canonical bytes of every part, by name."""
        found = {
            PANEL: panel_bytes(self.panel),
            RULES: canonical.document(self.rules.document()),
            STATE: canonical.document({name: canonical.digest(c) for name, c in self.state.items()}),
            CONFIG: canonical.document({**self.config, "facility_places": dict(self.facility_places)}),
            BEDS: _beds_bytes(self.beds),
            REVISIONS: self.revisions.pack(),
            PUBLISHED: canonical.document([[*key, *ahead] for key, ahead in sorted(self.published.items())]),
            PREVIOUS: canonical.document(sorted([*key, colour] for key, colour in self.previous.items())),
            FRESHNESS: canonical.document(
                {place: [freshness_document(f) for f in rows] for place, rows in self.freshness.items()}
            ),
        }
        if self.facility_panel is not None:
            found[FACILITIES] = panel_bytes(self.facility_panel)
        return found | {f"{STATE}:{name}": content for name, content in self.state.items()}

    @classmethod
    def from_documents(cls, found: Mapping[str, bytes]) -> Self:
        """Read what `documents` wrote."""
        config = canonical.read_document(found[CONFIG])
        rules = canonical.read_document(found[RULES])
        version = rules.pop("version")
        prefix = f"{STATE}:"
        return cls(
            panel=panel_of(found[PANEL]),
            facility_panel=panel_of(found[FACILITIES]) if FACILITIES in found else None,
            facility_places=config.pop("facility_places"),
            beds=_beds_of(found[BEDS]),
            freshness={
                place: tuple(freshness_of(row) for row in rows)
                for place, rows in canonical.read_document(found[FRESHNESS]).items()
            },
            rules=ColourRules.from_document(rules, version),
            previous={tuple(row[:4]): row[4] for row in canonical.read_document(found[PREVIOUS])},
            config=config,
            state={
                name[len(prefix) :]: content for name, content in found.items() if name.startswith(prefix)
            },
            revisions=Revisions.unpack(found[REVISIONS]),
            published={
                (row[0], row[1], row[2]): (row[3], row[4])
                for row in canonical.read_document(found[PUBLISHED])
            },
        )


def panel_bytes(panel: Panel) -> bytes:
    """Return a panel as canonical bytes."""
    meta = {
        "freq": panel.freq,
        "territories": panel.territories,
        "signals": panel.signals,
        "as_of": str(panel.as_of),
        "kinds": dict(panel.kinds),
    }
    arrays: dict[str, canonical.Array] = {
        "dates": panel.dates.astype("datetime64[D]"),
        "values": panel.values,
        "exists": panel.exists,
    }
    if panel.population is not None:
        arrays["population"] = panel.population
    if len(panel.holidays):
        arrays["holidays"] = panel.holidays.astype("datetime64[D]")
    for territory, days in panel.local_holidays.items():
        arrays[f"{LOCAL}{territory}"] = days.astype("datetime64[D]")
    return canonical.pack(meta, arrays)


def panel_of(content: bytes) -> Panel:
    """Return the panel of canonical bytes."""
    meta, arrays = canonical.unpack(content)
    return Panel(
        dates=arrays["dates"],
        freq=meta["freq"],
        territories=tuple(meta["territories"]),
        signals=tuple(meta["signals"]),
        values=arrays["values"],
        exists=arrays["exists"],
        as_of=np.datetime64(meta["as_of"], "D"),
        population=arrays.get("population"),
        kinds=meta["kinds"],
        holidays=arrays.get("holidays", np.empty(0, dtype="datetime64[D]")),
        local_holidays={
            name.removeprefix(LOCAL): days for name, days in arrays.items() if name.startswith(LOCAL)
        },
    )


def _beds_bytes(beds: BedInputs) -> bytes:
    meta = {
        "tables": {k: [t.mean_days, t.variation] for k, t in beds.tables.items()},
        "capacities": [
            [*key, c.beds, c.other_share, c.share_sd, c.source] for key, c in sorted(beds.capacities.items())
        ],
    }
    arrays: dict[str, canonical.Array] = {}
    for (place, unit), counts in beds.stays.items():
        arrays[f"departures|{place}|{unit}"] = counts.departures
        arrays[f"at_risk|{place}|{unit}"] = counts.at_risk
    for (place, unit), ages in beds.present.items():
        arrays[f"present|{place}|{unit}"] = ages
    for place, announced in beds.programme.items():
        arrays[f"programme|{place}|"] = announced
    return canonical.pack(meta, arrays)


def _beds_of(content: bytes) -> BedInputs:
    meta, arrays = canonical.unpack(content)
    named = {tuple(name.split("|")): values for name, values in arrays.items()}
    return BedInputs(
        stays={
            (place, unit): StayCounts(values, named["at_risk", place, unit])
            for (kind, place, unit), values in named.items()
            if kind == "departures"
        },
        present={(place, unit): values for (kind, place, unit), values in named.items() if kind == "present"},
        tables={k: StayTable(*t) for k, t in meta["tables"].items()},
        capacities={(row[0], row[1]): Estimated(*row[2:]) for row in meta["capacities"]},
        programme={place: values for (kind, place, _), values in named.items() if kind == "programme"},
    )
