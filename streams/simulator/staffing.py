"""Staffed beds and the elective programme: what a hospital says ahead about its own days.

Staffed beds follow the day: fewer in surgery at weekends, fewer everywhere in mid-summer and at the New Year, and a few
closed for want of staff (drawn per facility and day). Critical care is staffed alike all year.
"""

from __future__ import annotations

import numpy as np

from streams.simulator.civil_days import CivilDays
from streams.simulator.partners import BEDDED, CRITICAL, UNIT_NAMES
from streams.simulator.randomness import generator
from streams.simulator.scenario import Scenario

_WEEKEND = {"chirurgie": 0.90, "medecine": 0.99, "geriatrie": 1.0, "pediatrie": 1.0}
_SUMMER, _NEW_YEAR = 0.93, 0.97
# Mean share of a unit's beds closed on a day for want of staff.
_CLOSED = 0.01


def staffed_beds(scenario: Scenario, days: CivilDays) -> np.ndarray:
    """Return staffed beds, shape (days, partners, units), zero for what has no beds."""
    out = np.zeros((days.length, len(scenario.partners), len(UNIT_NAMES)), np.int64)
    weekend = days.day_kind >= 5
    season = _season(days)
    closed = np.stack([_closed(scenario, days.ordinal + t) for t in range(days.length)])
    for p, partner in enumerate(scenario.partners):
        for unit, name in enumerate(BEDDED) if partner.facility else ():
            base = partner.facility.beds[name] if partner.facility else 0
            factor = season * np.where(weekend, _WEEKEND.get(name, 1.0), 1.0)
            if name == CRITICAL:
                out[:, p, UNIT_NAMES.index(name)] = base
            else:
                out[:, p, UNIT_NAMES.index(name)] = np.round(base * (factor - closed[:, p, unit]))
    return out


def _closed(scenario: Scenario, ordinal: int) -> np.ndarray:
    # Closures last: beds are closed for a week at a time.
    rng = generator(scenario.seed, "closures", ordinal // 7)
    return rng.exponential(_CLOSED, (len(scenario.partners), len(BEDDED)))


def _season(days: CivilDays) -> np.ndarray:
    keys = [(d.month, d.day) for d in days.dates]
    summer = np.array([(7, 14) <= k <= (8, 25) for k in keys])
    new_year = np.array([k >= (12, 24) or k <= (1, 1) for k in keys])
    return np.where(summer, _SUMMER, np.where(new_year, _NEW_YEAR, 1.0))
