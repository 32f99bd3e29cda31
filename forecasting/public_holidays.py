"""Public holidays: of a country, and of those of its parts that have more.

Days come from the `holidays` package, by ISO 3166-1 country code (``FR``), or ISO 3166-2 code of a part (``FR-57``).
A territory of a panel that is named as a part of the country (``57``, ``BY``, ``DE-BY``, ``Bayern``) has that part's
holidays too: Good Friday and Saint Stephen's day in Moselle and Alsace, the abolition of slavery overseas, Corpus
Christi in Bavaria.

>>> days = np.array(["2024-12-20", "2024-12-31"], dtype="datetime64[D]")
>>> of_country("FR", *days).tolist()
[datetime.date(2024, 12, 25)]
>>> {t: d.tolist() for t, d in of_territories("FR", ("44", "57", "974"), *days).items()}
{'57': [datetime.date(2024, 12, 26)], '974': [datetime.date(2024, 12, 20)]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import holidays
import numpy as np
from numpy.typing import NDArray

Dates = NDArray[np.datetime64]
NAMED_OTHERWISE: Mapping[str, Mapping[str, str]] = {"FR": {"67": "6AE", "68": "6AE"}}
"""Codes of places that lie in a part of their country which the law names otherwise: Alsace is one for its holidays."""


class UnknownCountry(ValueError):
    """No calendar goes by a code."""


def of_country(code: str, first: np.datetime64, last: np.datetime64) -> Dates:
    """Return the public holidays of a country, or of a part of it, from one day to another, in order.

    Parameters
    ----------
    code : str
        ISO 3166-1 (``FR``, ``FRA``), or ISO 3166-2 of a part (``FR-57``).
    first, last : datetime64[D]
        Both included.

    Raises
    ------
    UnknownCountry
        Saying which codes are known.
    """
    country, part = _country_and_part(code)
    return _between(country, part, first, last)


def of_territories(
    code: str, territories: Sequence[str], first: np.datetime64, last: np.datetime64
) -> dict[str, Dates]:
    """Return the holidays that single territories have beside their country's, where they have any.

    Parameters
    ----------
    code : str
        As of `of_country`; of a part, there are none beside.
    territories : sequence of str
        Those named as a part of the country are found; the others have its holidays only.
    """
    country, part = _country_and_part(code)
    if part is not None:
        return {}
    common, found = _between(country, None, first, last), {}
    for territory in territories:
        name = _part_named(country, territory)
        more = () if name is None else np.setdiff1d(_between(country, name, first, last), common)
        if len(more):
            found[territory] = np.asarray(more)
    return found


def _between(country: str, part: str | None, first: np.datetime64, last: np.datetime64) -> Dates:
    days = [d for year in range(_year(first), _year(last) + 1) for d in _of_year(country, part, year)]
    found = np.array(sorted(days), dtype="datetime64[D]")
    return found[(found >= first) & (found <= last)]


def _year(day: np.datetime64) -> int:
    return int(str(day)[:4])


@lru_cache(maxsize=4096)
def _of_year(country: str, part: str | None, year: int) -> tuple[str, ...]:
    return tuple(str(d) for d in holidays.country_holidays(country, subdiv=part, years=[year]))


@lru_cache(maxsize=1)
def _parts() -> dict[str, list[str]]:
    """Parts of each country that has a calendar, by its codes of two and of three letters."""
    return holidays.list_supported_countries(include_aliases=True)


def _country_and_part(code: str) -> tuple[str, str | None]:
    country, dash, part = code.strip().partition("-")
    country = country.upper()
    if country not in _parts():
        raise UnknownCountry(f"country {code!r} has no calendar of public holidays; {_known()}")
    if not dash:
        return country, None
    name = _part_named(country, part)
    if name is None:
        raise UnknownCountry(
            f"country {code!r}: {country} has no part {part!r} with holidays of its own; known are "
            f"{', '.join(f'{country}-{p}' for p in _parts()[country]) or 'none'}"
        )
    return country, name


def _known() -> str:
    codes = sorted(code for code in _parts() if len(code) == 2)
    return f"write an ISO 3166 code, as FR for France; known are {', '.join(codes)}"


def _part_named(country: str, territory: str) -> str | None:
    """Return the part that a territory's name or code means, or None."""
    bare = territory.removeprefix(f"{country}-")
    bare = _aliases(country).get(bare, bare)
    return bare if bare in _parts()[country] else None


@lru_cache(maxsize=64)
def _aliases(country: str) -> Mapping[str, str]:
    """Return codes of the parts of a country by the other names they go by."""
    return {**holidays.country_holidays(country).subdivisions_aliases, **NAMED_OTHERWISE.get(country, {})}
