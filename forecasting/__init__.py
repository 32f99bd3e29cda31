"""The forecasting library: panels of signals in, distributions of what is to come out.

Here live the panel, nowcast, lead and lag, models, ensemble, calibration, beds, vigilance, scoring and
back-test, as pure functions on arrays and frames. A database, a topic or a web page has no place here: only
``forecasting.jobs`` and ``forecasting.store`` touch one.

>>> from forecasting import forecast  # doctest: +SKIP
>>> run = forecast(frame, "admissions", horizons=range(15), rng=2021, holidays="FR")  # doctest: +SKIP
"""

from forecasting.distribution import QUANTILE_LEVELS, ForecastDistribution
from forecasting.forecast import Forecast, TooShort, forecast
from forecasting.panel import FrameError, Panel
from forecasting.public_holidays import UnknownCountry

__all__ = [
    "QUANTILE_LEVELS",
    "Forecast",
    "ForecastDistribution",
    "FrameError",
    "Panel",
    "TooShort",
    "UnknownCountry",
    "forecast",
]
