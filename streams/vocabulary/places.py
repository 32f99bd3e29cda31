"""The register of places: the country, its regions, départements and collectivities, and what lies in what.

Codes are INSEE's official geographic code (regions since 2016, written `R52`), populations INSEE's 2020
estimates by département. Facilities are registered by their agreements (geographic FINESS), not here.

>>> place("44").name, place("44").parent, zone_of("974")
('Loire-Atlantique', 'R52', 'Indian/Reunion')
>>> place("R52").french, place("01").french, place("75").french
('les Pays de la Loire', 'l’Ain', 'Paris')
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from infra.clock import PARIS
from infra.errors import MeteoError

PlaceKind = Literal["country", "region", "departement", "collectivity"]


@dataclass(frozen=True)
class Place:
    """One territory.

    Attributes
    ----------
    code
        `FR`, `R52`, `44`.
    parent
        Code of the place it lies in, None for the country.
    zone
        Civil time zone.
    population
        Inhabitants.
    valid_from
        First day on which the code means this place.
    article
        French definite article before its name, empty where French puts none.
    """

    code: str
    kind: PlaceKind
    name: str
    parent: str | None
    zone: str
    population: int
    valid_from: date
    article: str = ""

    @property
    def french(self) -> str:
        """Name inside a French sentence: `les Pays de la Loire`, `l’Ain`, `Paris`."""
        gap = "" if not self.article or self.article.endswith("’") else " "
        return f"{self.article}{gap}{self.name}"


@lru_cache(maxsize=1)
def register() -> dict[str, Place]:
    """Return every place by its code, parents before children."""
    text = files("streams.vocabulary").joinpath("places.csv").read_text(encoding="utf-8")
    return {
        row["code"]: Place(
            code=row["code"],
            kind=row["kind"],  # type: ignore[arg-type]  # the file is ours and tested against PlaceKind
            name=row["name"],
            parent=row["parent"] or None,
            zone=row["zone"],
            population=int(row["population"]),
            valid_from=date.fromisoformat(row["valid_from"]),
            article=row["article"],
        )
        for row in csv.DictReader(text.splitlines())
    }


def place(code: str) -> Place:
    """Return the place of that code.

    Raises
    ------
    MeteoError
        When the register does not hold the code.
    """
    found = register().get(code)
    if found is None:
        raise MeteoError(
            f"unknown territory {code!r}: write a département (44, 2A, 974), a region (R52) or FR"
        )
    return found


def zone_of(code: str) -> str:
    """Return the civil time zone of a place; Paris for a code the register does not hold."""
    found = register().get(code)
    return found.zone if found else PARIS


def departements() -> tuple[Place, ...]:
    """Return the départements in the order of the register."""
    return tuple(p for p in register().values() if p.kind == "departement")


def descendants(code: str) -> tuple[str, ...]:
    """Return the codes of the départements that make up a place, itself when it is one."""
    if place(code).kind in ("departement", "collectivity"):
        return (code,)
    return tuple(c.code for c in departements() if code in ("FR", c.parent))
