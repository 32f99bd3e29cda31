"""Signals: what is observed, on which topic it travels, and how late it usually becomes known.

A *flow* counts what happened in a period, a *stock* what is present, a *rate* relates a flow to a population
or to all flows. The usual delay is used when a sender does not state its reporting time (`assumed`).

>>> signal("sos_calls").topic
'calls'
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from infra.errors import MeteoError

Kind = Literal["flow", "stock", "rate"]


@dataclass(frozen=True)
class Signal:
    """One kind of observation.

    Attributes
    ----------
    key
        Its name everywhere: envelope, database, API.
    kind
        Flow, stock or rate.
    topic
        Topic of its individual events; count reports of any signal travel on `counts`.
    unit
        Unit of measure of its values.
    usual_delay
        From the end of the civil day it is about to the moment it is usually known.
    group
        One of the at most five groups by which forecasts are explained.
    label_fr, label_en
        What a reader sees.
    """

    key: str
    kind: Kind
    topic: str
    unit: str
    usual_delay: timedelta
    group: str
    label_fr: str
    label_en: str


def _hours(hours: float) -> timedelta:
    return timedelta(hours=hours)


SIGNALS: tuple[Signal, ...] = (
    Signal(
        "sos_calls",
        "flow",
        "calls",
        "acts",
        _hours(8),
        "calls",
        "Actes SOS Médecins",
        "SOS Médecins house calls",
    ),
    Signal(
        "samu_calls", "flow", "calls", "calls", _hours(2), "calls", "Appels au SAMU", "SAMU emergency calls"
    ),
    Signal(
        "ed_visits",
        "flow",
        "admissions",
        "visits",
        _hours(30),
        "emergency",
        "Passages aux urgences",
        "Emergency department visits",
    ),
    Signal(
        "ed_hospitalisations",
        "flow",
        "admissions",
        "visits",
        _hours(30),
        "emergency",
        "Hospitalisations après urgences",
        "Hospitalisations from the emergency department",
    ),
    Signal(
        "lab_tests",
        "flow",
        "lab-results",
        "tests",
        _hours(54),
        "laboratory",
        "Tests de laboratoire",
        "Laboratory tests",
    ),
    Signal(
        "lab_positives",
        "flow",
        "lab-results",
        "tests",
        _hours(54),
        "laboratory",
        "Tests positifs",
        "Positive tests",
    ),
    Signal(
        "admissions",
        "flow",
        "admissions",
        "admissions",
        _hours(20),
        "own",
        "Admissions à l’hôpital",
        "Hospital admissions",
    ),
    Signal(
        "critical_admissions",
        "flow",
        "admissions",
        "admissions",
        _hours(20),
        "own",
        "Admissions en soins critiques",
        "Critical care admissions",
    ),
    Signal("transfers", "flow", "admissions", "transfers", _hours(20), "own", "Mutations", "Transfers"),
    Signal("discharges", "flow", "admissions", "discharges", _hours(20), "own", "Sorties", "Discharges"),
    Signal(
        "deaths", "flow", "admissions", "deaths", _hours(20), "own", "Décès à l’hôpital", "Hospital deaths"
    ),
    Signal("occupied_beds", "stock", "census", "beds", _hours(20), "own", "Lits occupés", "Beds occupied"),
    Signal(
        "occupied_critical_beds",
        "stock",
        "census",
        "beds",
        _hours(20),
        "own",
        "Lits de soins critiques occupés",
        "Critical care beds occupied",
    ),
    Signal("staffed_beds", "stock", "capacity", "beds", _hours(0), "own", "Lits armés", "Staffed beds"),
    Signal(
        "staffed_critical_beds",
        "stock",
        "capacity",
        "beds",
        _hours(0),
        "own",
        "Lits de soins critiques armés",
        "Staffed critical care beds",
    ),
    Signal(
        "elective_admissions",
        "flow",
        "electives",
        "admissions",
        _hours(0),
        "calendar",
        "Admissions programmées",
        "Elective admissions",
    ),
    Signal(
        "ed_rate",
        "rate",
        "counts",
        "per 100 000 coded visits",
        _hours(60),
        "emergency",
        "Taux de passages aux urgences",
        "Emergency visit rate",
    ),
    Signal(
        "ed_hosp_rate",
        "rate",
        "counts",
        "per 100 000 coded hospitalisations",
        _hours(60),
        "emergency",
        "Taux d’hospitalisation après urgences",
        "Emergency hospitalisation rate",
    ),
    Signal(
        "sos_rate",
        "rate",
        "counts",
        "per 100 000 acts",
        _hours(60),
        "calls",
        "Taux d’actes SOS Médecins",
        "SOS Médecins act rate",
    ),
    Signal(
        "gp_incidence",
        "rate",
        "counts",
        "per 100 000 inhabitants",
        _hours(60),
        "own",
        "Incidence en médecine générale",
        "General practice incidence",
    ),
)

_BY_KEY = {s.key: s for s in SIGNALS}
SIGNAL_KEYS = frozenset(_BY_KEY)


def signal(key: str) -> Signal:
    """Return the signal of that name.

    Raises
    ------
    MeteoError
        When no signal has that name; the message lists the names.
    """
    try:
        return _BY_KEY[key]
    except KeyError:
        raise MeteoError(f"unknown signal {key!r}: one of {', '.join(sorted(_BY_KEY))}") from None
