"""Every parameter of the simulated world, each with what it stands for; the values are in `presets.py`.

Frozen, so that a scenario is a value: the same scenario and seed give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Delay:
    """Days from infection to an event: mean, and standard deviation before discretisation."""

    mean: float
    sd: float


@dataclass(frozen=True)
class Path:
    """How one infection shows on one signal: with which probability, and after which delay."""

    probability: float
    delay: Delay


@dataclass(frozen=True)
class Disease:
    """One syndrome: how it spreads, how it shows, how long its patients stay.

    Attributes
    ----------
    pool
        Persons who can be infected in a season, in the reference population.
    reproduction
        Greatest reproduction number of the year, when everyone of the pool is susceptible.
    seasonal_amplitude, seasonal_peak
        Amplitude of its logarithm's yearly cosine, and day of the year of its greatest value.
    generation
        Generation interval in days.
    imports
        Mean infections a day from outside, in the reference population.
    waning_days
        Mean days until immunity is lost; 0 when it only wanes between two seasons (June to mid-September).
    season_spread
        Standard deviation of the log of the pool's size from one season to the next.
    noise, noise_days
        Standard deviation and memory (days) of the log reproduction number's autoregression.
    school
        Factor on transmission while schools are closed.
    paths
        By signal: sos_calls, samu_calls, lab_positives, ed_visits (not admitted), admissions.
    tests_per_positive
        Negative tests asked for per expected positive one.
    idle_tests
        Negative tests a day without any illness.
    via_ed
        Share of the admissions that come through an emergency department.
    ages
        Probability of each age band of `AGE_BANDS`.
    ward
        Specialty of the ward.
    stay_days, stay_cv
        Mean ward stay in days and its coefficient of variation.
    critical_direct, critical_later
        Probability of critical care at admission, and later in the stay.
    death
        Probability that the stay ends in death.
    """

    key: str
    pool: float
    reproduction: float
    seasonal_amplitude: float
    seasonal_peak: int
    generation: Delay
    imports: float
    waning_days: float
    season_spread: float
    noise: float
    noise_days: float
    school: float
    paths: dict[str, Path]
    tests_per_positive: float
    idle_tests: float
    via_ed: float
    ages: tuple[float, ...]
    ward: str
    stay_days: float
    stay_cv: float
    critical_direct: float
    critical_later: float
    death: float


@dataclass(frozen=True)
class Background:
    """All other causes: daily means at the reference population.

    Attributes
    ----------
    sos_calls, samu_calls
        Acts and calls a day.
    ed_home
        Emergency visits a day that go home.
    ed_admitted
        Emergency visits a day that are admitted, by ward.
    direct
        Unplanned admissions a day that do not come through an emergency department, by ward.
    elective
        Planned admissions on an average day, by ward.
    winter
        Relative amplitude of the yearly cosine that peaks in mid-January.
    drift, drift_days
        Standard deviation and memory (days) of the slow common noise, on the log scale.
    stay_days
        Mean stay by ward, unplanned; planned stays are in `elective_days`.
    """

    sos_calls: float
    samu_calls: float
    ed_home: float
    ed_admitted: dict[str, float]
    direct: dict[str, float]
    elective: dict[str, float]
    winter: float
    drift: float
    drift_days: float
    stay_days: dict[str, float]
    elective_days: dict[str, float]
    stay_cv: float
    critical_direct: float
    critical_later: float
    critical_elective: float
    death: float


@dataclass(frozen=True)
class Pathway:
    """What happens inside the hospital, for every cause.

    Attributes
    ----------
    ed_hours, ed_cv
        Hours in the emergency department before admission.
    critical_days, critical_cv
        Days in critical care.
    later_days
        Mean days on the ward before a transfer to critical care.
    geriatric_transfer
        Probability that a patient of 75 or more moves from medicine to geriatrics.
    imaging
        Probability of a passage through radiology in a stay without other transfers.
    weekend_hold
        Probability that a discharge due on Saturday or Sunday waits for Monday.
    longest_days
        No segment of a stay is longer.
    """

    ed_hours: float
    ed_cv: float
    critical_days: float
    critical_cv: float
    later_days: float
    geriatric_transfer: float
    imaging: float
    weekend_hold: float
    longest_days: float


@dataclass(frozen=True)
class News:
    """A story that makes people call without being ill.

    Attributes
    ----------
    day
        First day.
    syndrome
        How the calls are coded.
    calls
        Extra calls on the first day, as a share of the usual calls of all causes.
    decay_days
        Mean life of the effect.
    """

    day: date
    syndrome: str
    calls: float
    decay_days: float


@dataclass(frozen=True)
class Break:
    """The day the rules change.

    Attributes
    ----------
    day
        First day of infection under the new rules.
    syndromes
        Whom it concerns.
    severity
        Factor on the probability of admission.
    calls
        Factor on the probability of calling and of being tested.
    admission_days
        Days added to the delay of admissions (negative: sooner).
    critical
        Factor on the probability of critical care.
    """

    day: date
    syndromes: tuple[str, ...]
    severity: float
    calls: float
    admission_days: float
    critical: float


@dataclass(frozen=True)
class Outage:
    """A partner sends nothing for [start, end), then catches up within a few hours."""

    partner: str
    start: date
    end: date


@dataclass(frozen=True)
class Parameters:
    """Everything that makes a scenario's world.

    Attributes
    ----------
    weekday
        By signal, factors of Monday to Sunday with mean 1; public holidays are Sundays.
    overdispersion
        Standard deviation of the day's common factor on calls and visits, beyond Poisson.
    correction, spurious
        Probability that an event's code is corrected later, and that an event entered by error is cancelled.
    """

    diseases: tuple[Disease, ...]
    background: Background
    pathway: Pathway
    weekday: dict[str, tuple[float, ...]]
    overdispersion: float
    correction: float
    spurious: float
    news: tuple[News, ...] = ()
    breaks: tuple[Break, ...] = ()
    outages: tuple[Outage, ...] = ()
