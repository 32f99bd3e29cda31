r"""The hidden epidemics: infections a day for each syndrome, a stochastic renewal process in a finite pool.

    I_t ~ Poisson( R_t · S_t / N · Σ_k g_k I_{t-k} + imports )
    log R_t = log R_max + a (cos 2π(d_t − d*)/365.25 − 1) + school_t log c + x_t
    x_t = ρ x_{t-1} + σ √(1 − ρ²) ε_t,   ρ = exp(−1/τ)
    S_{t+1} = S_t − I_t + ω_t (N_y − S_t)

The renewal equation is Fraser's (2007, doi:10.1371/journal.pone.0000758); the pool N makes it the discrete SIR of
which it is the early phase. Immunity wanes at a constant rate, or (a season's virus) only from June to mid-September
towards the pool of the coming season, whose size is drawn once a year.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from streams.simulator.civil_days import CivilDays
from streams.simulator.delays import gamma_days
from streams.simulator.parameters import Disease
from streams.simulator.randomness import generator
from streams.simulator.scenario import Scenario

BURN_IN_DAYS = 200
_LONGEST_GENERATION = 21
_REFILL_DAYS = 25.0


@dataclass(frozen=True)
class Epidemics:
    """What nobody sees.

    Attributes
    ----------
    days
        The days, from 200 before the scenario's start.
    infections
        Infections a day, shape (days, diseases), in the order of the scenario's diseases.
    reproduction
        Reproduction number in a wholly susceptible pool, same shape.
    """

    days: CivilDays
    infections: np.ndarray
    reproduction: np.ndarray


def spread(scenario: Scenario, length: int) -> Epidemics:
    """Simulate the epidemics of a scenario from its burn-in on.

    Parameters
    ----------
    length
        Days after the scenario's start.
    """
    days = CivilDays(scenario.start - timedelta(days=BURN_IN_DAYS), length + BURN_IN_DAYS, scenario.zone)
    diseases = scenario.parameters.diseases
    base = np.stack([_seasonal(d, days) for d in diseases], axis=1)
    infections = np.zeros((days.length, len(diseases)))
    reproduction = np.zeros_like(infections)
    pools, refill = _pools(scenario, days)
    kernel = np.stack(
        [gamma_days(d.generation.mean, d.generation.sd, _LONGEST_GENERATION) for d in diseases], 1
    )
    kernel = kernel[1:] / kernel[1:].sum(axis=0)
    memory = np.exp(-1 / np.array([d.noise_days for d in diseases]))
    jump = np.array([d.noise for d in diseases]) * np.sqrt(1 - memory**2)
    imports = np.array([d.imports for d in diseases]) * scenario.scale
    susceptible, noise = pools[0] * 0.75, np.zeros(len(diseases))
    for t in range(days.length):
        rng = generator(scenario.seed, "epidemic", days.ordinal + t)
        noise = memory * noise + jump * rng.standard_normal(len(diseases))
        reproduction[t] = base[t] * np.exp(noise)
        reach = min(t, len(kernel))
        recent = infections[t - reach : t][::-1]
        pressure = (kernel[:reach] * recent).sum(axis=0)
        share = np.clip(susceptible / pools[t], 0, 1)
        infections[t] = np.minimum(rng.poisson(reproduction[t] * share * pressure + imports), susceptible)
        susceptible = susceptible - infections[t] + refill[t] * (pools[t] - susceptible).clip(min=0)
    return Epidemics(days, infections, reproduction)


def _seasonal(disease: Disease, days: CivilDays) -> np.ndarray:
    """Return the expected reproduction number of each day in a susceptible pool."""
    angle = 2 * np.pi * (days.day_of_year - disease.seasonal_peak) / 365.25
    season = np.exp(disease.seasonal_amplitude * (np.cos(angle) - 1))
    return disease.reproduction * season * np.where(days.school_holiday, disease.school, 1.0)


def _pools(scenario: Scenario, days: CivilDays) -> tuple[np.ndarray, np.ndarray]:
    """Return the pool of each day and the share of the lost immunity regained by it, (days, diseases) each."""
    diseases = scenario.parameters.diseases
    # A season is named by the year in which its summer falls; June belongs to the coming one.
    season = np.array([d.year if d.month >= 6 else d.year - 1 for d in days.dates])
    draws = {
        int(y): generator(scenario.seed, "season", int(y)).standard_normal(len(diseases))
        for y in np.unique(season)
    }
    spreads = np.array([d.season_spread for d in diseases])
    sizes = np.array([d.pool for d in diseases]) * scenario.scale
    pools = np.stack([sizes * np.exp(spreads * draws[int(y)]) for y in season])
    summer = np.array([(6, 1) <= (d.month, d.day) <= (9, 15) for d in days.dates])
    constant = np.array([1 / d.waning_days if d.waning_days else 0.0 for d in diseases])
    seasonal = np.array([0.0 if d.waning_days else 1 / _REFILL_DAYS for d in diseases])
    return pools, constant + summer[:, None] * seasonal
