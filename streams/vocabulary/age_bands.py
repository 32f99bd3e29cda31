"""Age bands: the publisher's codes, before and after 2021-11-04, and its labels, as ours.

SurSaUD's COVID files coded ages by letters until 2021-11-03 and by figures since, with the youngest band cut in
two; both say 0 for every age (the publisher's table `code-tranches-dage-donnees-urgences.csv`). Odissé writes
labels; SI-DEP the last age of each ten-year band.

>>> age_band("A"), age_band("1"), age_band("0"), age_band_of_label("65 ans ou plus")
('0-14', '0-4', 'all', '65+')
"""

from __future__ import annotations

import re

from infra.errors import MeteoError

_PUBLISHED = {
    "0": "all",
    "A": "0-14",
    "B": "15-44",
    "C": "45-64",
    "D": "65-74",
    "E": "75+",
    "1": "0-4",
    "2": "5-14",
    "3": "15-44",
    "4": "45-64",
    "5": "65-74",
    "6": "75+",
}
_SIDEP = {"0": "all", "90": "90+", "09": "0-9"} | {f"{d}9": f"{d}0-{d}9" for d in range(1, 9)}


def age_band(code: str) -> str:
    """Return our band for a published age code of SurSaUD.

    Raises
    ------
    MeteoError
        When neither coding has the code.
    """
    try:
        return _PUBLISHED[code.strip().upper()]
    except KeyError:
        raise MeteoError(f"unknown age code {code!r}: one of 0, A to E, or 0 to 6") from None


def age_band_of_sidep(code: str) -> str:
    """Return our band for SI-DEP's `cl_age90`, the last age of a band.

    Raises
    ------
    MeteoError
        When it is not one of 0, 09, 19 … 89, 90.
    """
    plain = code.strip()
    found = _SIDEP.get("09" if plain == "9" else plain)
    if found is None:
        raise MeteoError(f"unknown age code {code!r}: one of 0, 09, 19 to 89, 90")
    return found


def age_band_of_label(label: str) -> str:
    """Return our band for a label of the publisher: `Tous âges`, `00-04 ans`, `65 ans ou plus`, `0 an`.

    Raises
    ------
    MeteoError
        When the label says no age.
    """
    plain = label.strip().lower()
    if plain.startswith("tous"):
        return "all"
    ages = [int(age) for age in re.findall(r"\d+", plain)]
    if len(ages) == 1:
        return f"{ages[0]}+" if "plus" in plain else f"{ages[0]}-{ages[0]}"
    if len(ages) == 2 and ages[0] <= ages[1]:
        return f"{ages[0]}-{ages[1]}"
    raise MeteoError(f"unknown age band {label!r}: write `Tous âges`, `00-04 ans` or `65 ans ou plus`")
