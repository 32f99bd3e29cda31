"""How far apart two weeks lie in the year, and what past weeks are worth for it."""

from __future__ import annotations

import numpy as np

from forecasting.transforms import Floats

YEAR = 52.1786


def season_distance(weeks: Floats) -> Floats:
    """Weeks between two parts of the year that lie ``weeks`` apart, 0 to 26."""
    return np.asarray(np.abs((weeks + YEAR / 2) % YEAR - YEAR / 2))


def memory(weeks_back: Floats, half_life: float, season: float, years: float = 4.0) -> Floats:
    """Weight of evidence by age: the last weeks, and this season in the years before.

    ``0.5^(age / half_life)`` plus, beyond half a year, a bell of width ``season`` weeks around the same
    part of the year, halved every ``years`` years.
    """
    recent = 0.5 ** (np.maximum(weeks_back, 0.0) / half_life)
    bell = np.exp(-0.5 * (season_distance(weeks_back) / season) ** 2) * 0.5 ** (weeks_back / (years * YEAR))
    return np.asarray(recent + np.where(weeks_back > YEAR / 2, bell, 0.0))
