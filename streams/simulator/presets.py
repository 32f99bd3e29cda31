"""The values of the reference world (Loire-Atlantique) and of its variants for training and tests.

Volumes: 532 emergency visits and 589 SOS Médecins acts a day in dép. 44, the usual volume of Santé publique France's
daily files before the epidemic of 2020. Weekday factors of acts and visits are those of the same files, 2020-02 to
2021-03, rounded. Leads before admissions follow what those files show for COVID-19: tests about 8 days, calls 6,
emergency visits 3 to 4. Generation intervals are of the order of the literature (covid: Ferretti 2020; influenza:
Cowling 2009; RSV: Otomaru 2019). All else is set so that volumes, peaks and occupancy are plausible, and says no more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from streams.simulator.parameters import (
    Background,
    Break,
    Delay,
    Disease,
    News,
    Outage,
    Parameters,
    Path,
    Pathway,
)

REFERENCE_POPULATION = 1_437_137
AGE_BANDS = ("0-14", "15-44", "45-64", "65-74", "75+")


def _paths(
    sos: tuple[float, float],
    samu: tuple[float, float],
    positives: tuple[float, float],
    ed_home: tuple[float, float],
    admissions: tuple[float, float],
    sd: float,
) -> dict[str, Path]:
    given = {
        "sos_calls": sos,
        "samu_calls": samu,
        "lab_positives": positives,
        "ed_visits": ed_home,
        "admissions": admissions,
    }
    return {key: Path(p, Delay(mean, sd)) for key, (p, mean) in given.items()}


COVID = Disease(
    key="covid",
    pool=330_000,
    reproduction=1.50,
    seasonal_amplitude=0.08,
    seasonal_peak=330,
    generation=Delay(5.0, 2.0),
    imports=25.0,
    waning_days=160.0,
    season_spread=0.0,
    noise=0.09,
    noise_days=20.0,
    school=0.96,
    paths=_paths((0.030, 7.5), (0.020, 8.5), (0.180, 5.5), (0.0105, 7.9), (0.0076, 13.3), 2.5),
    tests_per_positive=3.0,
    idle_tests=900.0,
    via_ed=0.85,
    ages=(0.03, 0.12, 0.20, 0.20, 0.45),
    ward="medecine",
    stay_days=8.5,
    stay_cv=0.8,
    critical_direct=0.06,
    critical_later=0.08,
    death=0.09,
)
INFLUENZA = Disease(
    key="influenza",
    pool=225_000,
    reproduction=1.55,
    seasonal_amplitude=0.75,
    seasonal_peak=360,
    generation=Delay(3.0, 1.3),
    imports=8.0,
    waning_days=0.0,
    season_spread=0.15,
    noise=0.04,
    noise_days=15.0,
    school=0.92,
    paths=_paths((0.050, 5.0), (0.020, 6.5), (0.050, 3.5), (0.0180, 6.5), (0.0041, 11.0), 2.0),
    tests_per_positive=4.0,
    idle_tests=320.0,
    via_ed=0.87,
    ages=(0.12, 0.12, 0.16, 0.18, 0.42),
    ward="medecine",
    stay_days=7.0,
    stay_cv=0.8,
    critical_direct=0.05,
    critical_later=0.05,
    death=0.05,
)
BRONCHIOLITIS = Disease(
    key="bronchiolitis",
    pool=36_000,
    reproduction=1.70,
    seasonal_amplitude=0.75,
    seasonal_peak=342,
    generation=Delay(5.0, 2.0),
    imports=4.0,
    waning_days=0.0,
    season_spread=0.12,
    noise=0.04,
    noise_days=15.0,
    school=0.90,
    paths=_paths((0.055, 4.0), (0.020, 5.5), (0.070, 4.5), (0.0650, 5.6), (0.0200, 8.0), 1.8),
    tests_per_positive=1.5,
    idle_tests=40.0,
    via_ed=0.92,
    ages=(1.0, 0.0, 0.0, 0.0, 0.0),
    ward="pediatrie",
    stay_days=4.0,
    stay_cv=0.6,
    critical_direct=0.04,
    critical_later=0.02,
    death=0.001,
)
GASTROENTERITIS = Disease(
    key="gastroenteritis",
    pool=500_000,
    reproduction=1.40,
    seasonal_amplitude=0.14,
    seasonal_peak=12,
    generation=Delay(2.5, 1.0),
    imports=60.0,
    waning_days=45.0,
    season_spread=0.0,
    noise=0.04,
    noise_days=15.0,
    school=0.95,
    paths=_paths((0.013, 2.0), (0.004, 2.5), (0.003, 5.0), (0.0045, 3.0), (0.0010, 4.5), 1.2),
    tests_per_positive=5.0,
    idle_tests=80.0,
    via_ed=0.90,
    ages=(0.40, 0.15, 0.10, 0.10, 0.25),
    ward="medecine",
    stay_days=3.2,
    stay_cv=0.7,
    critical_direct=0.01,
    critical_later=0.005,
    death=0.005,
)
BACKGROUND = Background(
    sos_calls=526.0,
    samu_calls=1180.0,
    ed_home=398.0,
    ed_admitted={"medecine": 62.0, "geriatrie": 15.0, "chirurgie": 20.0, "pediatrie": 6.0},
    direct={"medecine": 12.0, "geriatrie": 5.0, "chirurgie": 5.0, "pediatrie": 2.0},
    elective={"medecine": 26.0, "chirurgie": 36.0, "pediatrie": 3.0},
    winter=0.03,
    drift=0.02,
    drift_days=12.0,
    stay_days={"medecine": 4.9, "geriatrie": 7.5, "chirurgie": 5.0, "pediatrie": 3.0},
    elective_days={"medecine": 2.2, "chirurgie": 2.4, "pediatrie": 1.8},
    stay_cv=0.9,
    critical_direct=0.050,
    critical_later=0.02,
    critical_elective=0.06,
    death=0.03,
)
PATHWAY = Pathway(
    ed_hours=6.0,
    ed_cv=0.6,
    critical_days=5.0,
    critical_cv=0.9,
    later_days=1.8,
    geriatric_transfer=0.12,
    imaging=0.06,
    weekend_hold=0.18,
    longest_days=45.0,
)
WEEKDAY: dict[str, tuple[float, ...]] = {
    "sos_calls": (1.02, 0.92, 0.91, 0.91, 0.92, 1.17, 1.15),
    "samu_calls": (0.97, 0.92, 0.92, 0.93, 0.98, 1.12, 1.16),
    "lab": (1.36, 1.20, 1.14, 1.18, 1.14, 0.98, 0.0),
    "ed_visits": (1.08, 1.01, 1.00, 1.00, 1.04, 1.00, 0.87),
    "ed_admitted": (1.06, 1.02, 1.01, 1.01, 1.03, 0.96, 0.91),
    "direct": (1.25, 1.20, 1.15, 1.15, 1.10, 0.65, 0.50),
    "elective": (1.35, 1.45, 1.40, 1.35, 1.00, 0.05, 0.40),
}
WINTER = Parameters(
    diseases=(COVID, INFLUENZA, BRONCHIOLITIS, GASTROENTERITIS),
    background=BACKGROUND,
    pathway=PATHWAY,
    weekday=WEEKDAY,
    overdispersion=0.025,
    correction=0.01,
    spurious=0.004,
)


def _endemic(disease: Disease, infections: float) -> Disease:
    """Return the disease without waves: a subcritical chain fed by constant imports."""
    return replace(
        disease,
        pool=50_000_000.0,
        reproduction=0.6,
        seasonal_amplitude=0.0,
        imports=infections * 0.4,
        waning_days=30.0,
        season_spread=0.0,
        noise=0.02,
        school=1.0,
    )


def quiet() -> Parameters:
    """Return a world without waves or drift, for tests of trust."""
    levels = {"covid": 900.0, "influenza": 120.0, "bronchiolitis": 30.0, "gastroenteritis": 3000.0}
    return replace(
        WINTER,
        diseases=tuple(_endemic(d, levels[d.key]) for d in WINTER.diseases),
        background=replace(BACKGROUND, winter=0.0, drift=0.005),
    )


def variant(name: str, first_day: date, territory: str) -> Parameters | None:
    """Return the parameters of a named scenario whose live part starts on `first_day`, None for an unknown name."""
    key = territory.lower()

    def after(days: int) -> date:
        return first_day + timedelta(days=days)

    named = {
        "winter": WINTER,
        "quiet": quiet(),
        "break": replace(WINTER, breaks=(Break(after(10), ("influenza", "covid"), 2.2, 0.7, -4.0, 1.5),)),
        "news": replace(
            WINTER, news=(News(after(5), "covid", 0.45, 4.0), News(after(25), "gastroenteritis", 0.25, 3.0))
        ),
        "outage": replace(
            WINTER,
            outages=(
                Outage(f"sos-medecins-{key}", after(4), after(7)),
                Outage(f"chu-estuaire-{key}", after(9), after(11)),
                Outage(f"labo-atlantique-{key}", after(14), after(24)),
            ),
        ),
    }
    return named.get(name)
