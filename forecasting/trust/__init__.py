"""When not to trust a forecast, from what past forecasts said and what then came true.

- :mod:`~forecasting.trust.bets`: fair bets on the PIT that forecasts are too low, too high or too narrow;
- :mod:`~forecasting.trust.evidence`: an e-detector on the PIT and CUSUMs on standardised residuals;
- :mod:`~forecasting.trust.growth`: counts that rise faster than any seasonal epidemic;
- :mod:`~forecasting.trust.states`: ok, degraded, broken, with hysteresis;
- :mod:`~forecasting.trust.verdicts`: causes, wider intervals, falling back to the yardstick;
- :mod:`~forecasting.trust.plausibility`: forecasts no level seen so far leads to, caught before they are published.

Inputs (stale, out of range, moved lags, changed delays) are checked in :mod:`forecasting.input_checks`, which
gives causes too. Once a step the monitors are fed with forecasts of the date whose truth has just matured: the
newest one made of it (one step ahead) and one made a week before.

>>> import numpy as np
>>> state = initial_state(["44"])
>>> for _ in range(8):  # the truth comes in far above what was forecast, eight days running
...     state = advance(state, np.array([0.995]), np.array([4.0]), np.array([5.0]))
>>> verdict = assess(state)["44"]
>>> verdict.state, verdict.fallback, verdict.causes[0].key
('broken', True, 'trust.forecast_too_low')
"""

from forecasting.trust.bets import BETS, SLACK
from forecasting.trust.evidence import Evidence, followed, standardised_residual
from forecasting.trust.growth import unheard_growth
from forecasting.trust.states import Trust, TrustState, advance, initial_state
from forecasting.trust.verdicts import Cause, Parameter, TrustAssessment, assess

__all__ = [
    "BETS",
    "SLACK",
    "Cause",
    "Evidence",
    "Parameter",
    "Trust",
    "TrustAssessment",
    "TrustState",
    "advance",
    "assess",
    "followed",
    "initial_state",
    "standardised_residual",
    "unheard_growth",
]
