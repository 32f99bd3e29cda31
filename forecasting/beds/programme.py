r"""The elective programme: admissions announced ahead, as far as they differ from those the past would make one expect.

Forecasts of admissions are learnt from all admissions, so they hold the usual programme already: its level, its
weekdays, and that theatres are shut on days off. What hospitals have announced for an ordinary day :math:`d`,
:math:`E_d`, tells more by

.. math:: a_d = r \, (E_d - L \, w_d),

with :math:`w` the programme's weekdays and :math:`L` its level over the ordinary days of the last seven, as the level
of admissions is read. On public holidays and the days around them (`forecasting.closures`) nothing is added: what they
do to admissions is foreseen from earlier ones. The share :math:`r` of a difference that shows in admissions (some
operations are cancelled; some sources do not count them) is their regression in the past,

.. math:: r = \frac{\sum_t x_t y_t + \kappa \sigma_x^2 r_0}{\sum_t x_t^2 + \kappa \sigma_x^2},

with :math:`x_t` and :math:`y_t` the differences of programme and admissions from what they would have been expected to
be on day :math:`t`, and a prior :math:`r_0` worth :math:`\kappa` days (ridge regression, Hoerl & Kennard 1970,
doi:10.1080/00401706.1970.10488634).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecasting.closures import ORDINARY, kinds_of_day
from forecasting.transforms import trailing_mean, weekday_factors

Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]
WEEK = 7
FEWEST_DAYS = 56
LEAST_HEARD = 0.4
"""Share of a usual week that must be known for it to tell a level."""
USUAL_SHARE, USUAL_DAYS = 0.9, 14.0
"""Share of the programme that is carried out where nothing is known of it, and the days that this is worth."""


def beyond_the_usual(values: Floats, dates: Dates, known: int, holidays: Dates) -> Floats:
    """Return how far each day is from what the week before it made one expect, shape (time,).

    NaN on days off and those around them, and where too little is known.

    Parameters
    ----------
    values
        A flow, shape (time,), NaN where unknown.
    dates
        Of each day, shape (time,).
    known
        Days from the first on that are past; those after it are set against the last week of the past.
    holidays
        Public holidays, past and to come.
    """
    ordinary = np.where(kinds_of_day(dates, holidays) == ORDINARY, values, np.nan)[:, None]
    past = ordinary[:known]
    # 1 January 1970 was a Thursday; Monday is 0.
    weekday = (dates.astype("datetime64[D]").astype(np.int64) + 3) % WEEK
    usual = weekday_factors(past, dates[:known])[weekday]
    heard = trailing_mean(usual[:known, None] * np.isfinite(past), WEEK)[:, 0]
    level = trailing_mean(np.nan_to_num(past), WEEK)[:, 0]
    level = np.divide(level, heard, out=np.full(known, np.nan), where=heard > LEAST_HEARD)
    before = np.concatenate([[np.nan], level[:-1], np.full(len(values) - known, level[-1])])
    return np.asarray(ordinary[:, 0] - before * usual)


def announced(programme: Floats, admissions: Floats, dates: Dates, holidays: Dates) -> Floats:
    """Return what the programme adds to the admissions foreseen of each day to come, shape (day to come,).

    Parameters
    ----------
    programme
        Elective admissions announced, shape (past and days to come,), NaN where none was or it is not complete.
    admissions
        Admissions of the past, shape (past,), the newest NaN while they are not known.
    dates
        Of the programme's days.
    holidays
        Public holidays, past and to come.

    Returns
    -------
    ndarray
        Admissions per day, below zero where fewer than usual are announced; zero where nothing is known ahead, or
        less than eight weeks of the past.
    """
    known = len(admissions)
    nothing = np.zeros(len(programme) - known)
    if np.isfinite(programme[:known]).sum() < FEWEST_DAYS or not np.nansum(programme[:known]) > 0:
        return nothing
    told = beyond_the_usual(programme, dates, known, holidays)
    came = beyond_the_usual(admissions, dates[:known], known, holidays)
    both = np.isfinite(told[:known]) & np.isfinite(came)
    x, y = told[:known][both], came[both]
    if len(x) < FEWEST_DAYS:
        return nothing
    prior = USUAL_DAYS * float(np.mean(x**2)) + 1e-9
    share = float(np.clip((x @ y + prior * USUAL_SHARE) / (x @ x + prior), 0.0, 1.0))
    return share * np.nan_to_num(told[known:])
