"""Nowcasting: what the last, incomplete dates will read once everybody has reported.

Here live the reporting triangle, the delays learnt from it, the draws of final values and their score against
taking the reports at face value. Not here: how a panel is read from a store, and any forecast of a date still
to come.

- :mod:`.triangle`: values by date and delay, from vintages or revisions;
- :mod:`.delays`: completeness by delay (chain ladder), shrunk for thin territories;
- :mod:`.point`: expected finals;
- :mod:`.tuning`: the choices behind them, made on past nowcasts;
- :mod:`.dispersion`: error model and draws;
- :mod:`.past_errors`: the error model fitted to past nowcasts;
- :mod:`.nowcasting`: the nowcast, and what to do without a triangle;
- :mod:`.tail`: draws for the newest periods of a panel, from a frame with all its revisions;
- :mod:`.evaluation`: scores of nowcasts on past vintages;
- :mod:`.replay`, :mod:`.report`, :mod:`.commands`: forecasts on past vintages, and the page about them.

Method: *baselinenowcast*, Johnson et al. 2025 (doi:10.12688/wellcomeopenres.25027.2).
"""

from forecasting.nowcast.delays import Completeness, estimate_completeness
from forecasting.nowcast.evaluation import nowcast_report
from forecasting.nowcast.nowcasting import Nowcast, nowcast, nowcast_without_triangle
from forecasting.nowcast.tail import nowcast_tail
from forecasting.nowcast.triangle import ReportingTriangle, triangle_of_revisions, triangle_of_vintages

__all__ = [
    "Completeness",
    "Nowcast",
    "ReportingTriangle",
    "estimate_completeness",
    "nowcast",
    "nowcast_report",
    "nowcast_tail",
    "nowcast_without_triangle",
    "triangle_of_revisions",
    "triangle_of_vintages",
]
