"""Units of a hospital: which kind of bed a unit's name means.

Every movement of a stay carries `unit` = `FINESS:name`. A name that starts with `rea` or `critical` is
critical care; any other unit is conventional. A movement without a unit is conventional.

>>> unit_kind("440000271:rea-medicale"), unit_kind("440000271:geriatrie"), unit_kind(None)
('critical', 'conventional', 'conventional')
"""

from __future__ import annotations

from typing import Final, Literal

UnitKind = Literal["conventional", "critical"]
CRITICAL_PREFIXES: Final = ("rea", "critical")


def unit_kind(unit: str | None) -> UnitKind:
    """Return the kind of bed of a unit written `FINESS:name`, or by its name alone."""
    if unit is None:
        return "conventional"
    name = unit.rpartition(":")[2].lower()
    return "critical" if name.startswith(CRITICAL_PREFIXES) else "conventional"
