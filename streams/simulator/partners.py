"""The invented partners of a territory: who sends what, how late, and the beds they staff.

Names and FINESS-like numbers are invented (`449…` is no range in use, and the ninth digit is no check digit); only
kinds of public service that exist everywhere (SAMU, SOS Médecins) carry their usual name. Bed numbers follow the order
of magnitude of the 2024 hospital survey (SAE, DREES) for Loire-Atlantique: a university hospital of about 850 staffed
beds for medicine, surgery and obstetrics and a smaller one of about 200, and 72 critical-care beds.
"""

from __future__ import annotations

from dataclasses import dataclass

BEDDED = ("medecine", "geriatrie", "chirurgie", "pediatrie", "rea")
EMERGENCY = "urgences"
RADIOLOGY = "radiologie"
CRITICAL = "rea"
UNIT_NAMES = (*BEDDED, EMERGENCY, RADIOLOGY)


@dataclass(frozen=True)
class Facility:
    """A hospital site.

    Attributes
    ----------
    finess
        Invented geographic number.
    share
        Share of the territory's hospital activity, by ward or `urgences`; the others have the rest.
    beds
        Staffed beds of an ordinary weekday, by unit.
    gravity
        Factor on the probability of critical care: ambulances take the gravest patients to the larger hospital.
    """

    finess: str
    name: str
    share: dict[str, float]
    beds: dict[str, int]
    gravity: float


@dataclass(frozen=True)
class Lateness:
    """When a partner's reports become known.

    Attributes
    ----------
    batch
        Whether events wait for a sending the next morning (06:00 to 07:00), rather than leaving one by one.
    hours, cv
        Mean and coefficient of variation of the delay of those that leave one by one, or before the batch.
    late
        Probabilities of missing 0, 1, 2, 3 … morning sendings; (1,) when none is missed.
    """

    batch: bool
    hours: float
    cv: float
    late: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Partner:
    """Who sends, which signals, and how late.

    Attributes
    ----------
    key
        Identifier used in envelopes and agreements.
    prefix
        First letters of its event numbers.
    signals
        What it sends.
    share
        Its part of a signal that several partners send.
    lateness
        Of each signal; the empty key is the default.
    facility
        The hospital, or None.
    """

    key: str
    name: str
    prefix: str
    signals: tuple[str, ...]
    share: float
    lateness: dict[str, Lateness]
    facility: Facility | None = None

    def lateness_of(self, signal: str) -> Lateness:
        """Return how late this partner's events of a signal are."""
        return self.lateness.get(signal, self.lateness[""])


_STAYS = ("ed_visits", "ed_hospitalisations", "admissions", "critical_admissions", "transfers")
_HOSPITAL = (*_STAYS, "discharges", "deaths")
# Completeness of emergency visits, dép. 44 in Santé publique France's files of 2020-21: 77 % at D+1, 81, 94, 98.
_VISITS = Lateness(batch=True, hours=0.5, cv=1.0, late=(0.77, 0.04, 0.13, 0.04, 0.02))
_MOVEMENTS = Lateness(batch=False, hours=1.2, cv=2.0)


def _hospital(key: str, name: str, prefix: str, facility: Facility) -> Partner:
    late = {"": _MOVEMENTS, "ed_visits": _VISITS, "ed_hospitalisations": _VISITS}
    return Partner(key, name, prefix, _HOSPITAL, 1.0, late, facility)


def partners_of(territory: str, scale: float) -> tuple[Partner, ...]:
    """Return the six partners of a territory.

    Parameters
    ----------
    territory
        Code of a département; other than 44 the names stay the same with its code.
    scale
        Population relative to Loire-Atlantique's, on which the beds depend.
    """
    number = "".join(c if c.isdigit() else "0" for c in territory).zfill(2)[:2]
    suffix = "" if territory == "44" else f" ({territory})"
    key = territory.lower()

    def beds(**units: int) -> dict[str, int]:
        return {unit: max(2, round(n * scale)) for unit, n in units.items()}

    university = Facility(
        f"{number}9000011",
        f"CHU de l’Estuaire{suffix}",
        {"medecine": 0.805, "geriatrie": 0.75, "chirurgie": 0.88, "pediatrie": 0.80, "urgences": 0.70},
        beds(medecine=446, geriatrie=148, chirurgie=222, pediatrie=48, rea=60),
        1.06,
    )
    smaller = Facility(
        f"{number}9000029",
        f"CH du Pays d’Ancenault{suffix}",
        {},
        beds(medecine=112, geriatrie=50, chirurgie=31, pediatrie=12, rea=12),
        0.6,
    )
    acts = Lateness(batch=True, hours=0.5, cv=1.0, late=(0.99, 0.01))
    calls = Lateness(batch=False, hours=0.4, cv=1.5)
    sos = Partner(
        f"sos-medecins-{key}", f"SOS Médecins{suffix or ' 44'}", "SOS", ("sos_calls",), 1.0, {"": acts}
    )
    samu = Partner(f"samu-{key}", f"SAMU {territory}", "SAM", ("samu_calls",), 1.0, {"": calls})
    labs = (
        Partner(
            f"labo-atlantique-{key}",
            f"Laboratoires Atlantique Biologie{suffix}",
            "LAB",
            ("lab_tests", "lab_positives"),
            0.6,
            {"": Lateness(batch=False, hours=16.0, cv=0.5)},
        ),
        Partner(
            f"labo-sillon-{key}",
            f"Biologie du Sillon{suffix}",
            "BDS",
            ("lab_tests", "lab_positives"),
            0.4,
            {"": Lateness(batch=True, hours=26.0, cv=0.4)},
        ),
    )
    return (
        sos,
        samu,
        *labs,
        _hospital(f"chu-estuaire-{key}", university.name, "CHU", university),
        _hospital(f"ch-ancenault-{key}", smaller.name, "CHA", smaller),
    )
