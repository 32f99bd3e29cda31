"""Syndrome groups, and how a sender's code becomes one.

ICD-10 prefixes follow Santé publique France's groupings of OSCOUR and SOS Médecins (influenza J09–J11,
bronchiolitis J21, acute gastro-enteritis A08–A09, COVID-19 U07.1 and B34.2). `all` is every cause together,
`other` any cause outside the groups; an individual event is never coded `all`.

>>> syndrome_of("J10.1", "icd-10")
'influenza'
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.errors import MeteoError


@dataclass(frozen=True)
class Syndrome:
    """A group of causes that is forecast together."""

    key: str
    label_fr: str
    label_en: str
    icd10_prefixes: tuple[str, ...] = ()


SYNDROMES: tuple[Syndrome, ...] = (
    Syndrome("covid", "COVID-19", "COVID-19", ("U071", "U0711", "B342", "B972")),
    Syndrome("influenza", "Grippe", "Influenza", ("J09", "J10", "J11")),
    Syndrome("bronchiolitis", "Bronchiolite", "Bronchiolitis", ("J21",)),
    Syndrome("gastroenteritis", "Gastro-entérite", "Gastro-enteritis", ("A08", "A09")),
    Syndrome("all", "Toutes causes", "All causes"),
    Syndrome("other", "Autres causes", "Other causes"),
)
SYNDROME_KEYS = frozenset(s.key for s in SYNDROMES)
OWN_CODES = "meteo"
ICD10 = "icd-10"


def syndrome_of(code: str | None, code_system: str | None) -> str:
    """Return the syndrome group of a code.

    Parameters
    ----------
    code
        A syndrome key (`meteo` system), or an ICD-10 code with or without dot, also `A00+0`; None is `other`.
    code_system
        `meteo` or `icd-10`.

    Raises
    ------
    MeteoError
        When the code system is unknown, or the code is no syndrome of ours.
    """
    if code is None:
        return "other"
    if code_system == OWN_CODES:
        if code not in SYNDROME_KEYS:
            raise MeteoError(f"unknown syndrome {code!r}: one of {', '.join(sorted(SYNDROME_KEYS))}")
        return code
    if code_system == ICD10:
        plain = code.upper().replace(".", "").replace("+", "").strip()
        for group in SYNDROMES:
            if plain.startswith(group.icd10_prefixes or ("\0",)):
                return group.key
        return "other"
    raise MeteoError(f"unknown code system {code_system!r}: one of {ICD10}, {OWN_CODES}")
