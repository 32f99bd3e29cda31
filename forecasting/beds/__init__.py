"""Beds: how long patients stay, and how many beds the admissions to come and the patients present will need.

`stay_lengths` estimates the daily chance of leaving, with its uncertainty; `occupancy` turns draws of admissions
into draws of occupied beds; `discrepancy` adds what that model has missed so far. Critical care is a flow of its
own, with its own admissions and stay lengths.
"""

from forecasting.beds.discrepancy import chance_of_departures, draw_error_paths, known_at_start, past_errors
from forecasting.beds.occupancy import Occupancy, Present, occupy
from forecasting.beds.stay_lengths import (
    DEFAULT_STAYS,
    StayCounts,
    StayTable,
    discrete_hazards,
    draw_hazards,
    fit_stretch,
    inflow_factor,
    stay_table,
)

__all__ = [
    "DEFAULT_STAYS",
    "Occupancy",
    "Present",
    "StayCounts",
    "StayTable",
    "chance_of_departures",
    "discrete_hazards",
    "draw_error_paths",
    "draw_hazards",
    "fit_stretch",
    "inflow_factor",
    "known_at_start",
    "occupy",
    "past_errors",
    "stay_table",
]
