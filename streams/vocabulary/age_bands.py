"""Age bands: the publisher's codes, before and after 2021-11-04, as ours.

>>> age_band("A"), age_band("1"), age_band("0")
('0-14', '0-14', 'all')
"""

from __future__ import annotations

from infra.errors import MeteoError

# SurSaUD's corona age codes: letters until 2021-11-03, figures since.
_PUBLISHED = {
    "0": "all",
    "A": "0-14",
    "B": "15-44",
    "C": "45-64",
    "D": "65-74",
    "E": "75+",
    "1": "0-14",
    "2": "15-44",
    "3": "45-64",
    "4": "65-74",
    "5": "75+",
    "6": "75+",
}


def age_band(code: str) -> str:
    """Return our band for a published age code.

    Raises
    ------
    MeteoError
        When neither coding has the code.
    """
    try:
        return _PUBLISHED[code.strip().upper()]
    except KeyError:
        raise MeteoError(f"unknown age code {code!r}: one of 0, A to E, or 0 to 6") from None
