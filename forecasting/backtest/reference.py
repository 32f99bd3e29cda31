"""The protocol's tasks, built from the open reference data (a folder named by ``METEO_REFERENCE_DATA`` or ``--data``).

*Departments*: COVID admissions of 101 départements; every Sunday from 2020-09-06 to 2021-02-21; the mean
over the 7 days that end 7 and 14 days later. Known at an origin: admissions of that day, SOS Médecins acts
of the day before, emergency visits and tests of two days before. Settings were chosen on origins before
2021-01-01.

*Influenza*: emergency visits coded influenza per 100 000 by mainland region, weekly, 1 to 4 weeks ahead;
every week from October to May of 2021-22 (used to choose) and 2022-23 (reported apart). The sentinel
network's regional incidence since 2005 is a donor.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from forecasting.backtest.task import Task
from forecasting.panel import Floats, Panel
from infra.errors import MeteoError

DELAYS = {
    "sos_covid": 1,
    "sos_total": 1,
    "ed_covid": 2,
    "ed_total": 2,
    "ed_covid_hosp": 2,
    "tests": 2,
    "positives": 2,
}
MAINLAND = ("11", "24", "27", "28", "32", "44", "52", "53", "75", "76", "84", "93", "94")
FILES = {
    "admissions": "sivic_admissions_departement_daily.csv.gz",
    "visits": "sursaud_departement_daily.csv.gz",
    "tests": "sidep_departement_daily.csv.gz",
    "influenza": "odisse_flu_region_weekly.csv.gz",
    "sentinels": "sentinelles_ili_region_weekly.csv.gz",
}


def departments(folder: Path) -> Task:
    """Build the daily task: COVID admissions of every département."""
    admissions = _read(folder, "admissions", {"dep": str}).rename(columns={"jour": "date"})
    visits, tests = _read(folder, "visits", {"dep": str}), _read(folder, "tests", {"dep": str})
    parts = (
        _tidy(admissions, "dep", ["incid_hosp"]),
        _tidy(visits, "dep", ["ed_covid", "ed_total", "ed_covid_hosp", "sos_covid", "sos_total"]),
        _tidy(tests, "dep", ["tests", "positives"]),
    )
    everywhere = set(visits["dep"]) & set(admissions["dep"]) & set(tests["dep"])
    frame = pd.concat([p[p["territory"].isin(everywhere)] for p in parts], ignore_index=True)
    population = {str(d): float(p) for d, p in tests.groupby("dep")["pop"].last().items()}
    return Task(
        name="departments",
        panel=Panel.from_frame(frame, freq="D", population=population),
        target="incid_hosp",
        origins=np.arange(np.datetime64("2020-09-06"), np.datetime64("2021-02-22"), 7),
        horizons=(7, 14),
        window=7,
        delays=DELAYS,
        chosen_before=np.datetime64("2021-01-01"),
        history_from=np.datetime64("2020-05-13"),
        focus="44",
    )


def influenza(folder: Path) -> Task:
    """Build the weekly task: influenza by mainland region, with the sentinel network as a donor."""
    visits = _read(folder, "influenza", {"reg": str})
    visits = visits[(visits["age"] == "Tous âges") & visits["reg"].isin(MAINLAND)]
    visits = visits.rename(columns={"week_start": "date"})
    columns = ["ed_rate_per_100k", "ed_hosp_rate_per_100k", "sos_rate_per_100k"]
    panel = Panel.from_frame(_tidy(visits, "reg", columns), freq="W")
    seasons = (("2021-10-04", "2022-06-07"), ("2022-10-03", "2023-05-23"))
    origins = np.concatenate([np.arange(np.datetime64(a), np.datetime64(b), 7) for a, b in seasons])
    return Task(
        name="influenza",
        panel=panel,
        target="ed_rate_per_100k",
        origins=origins,
        horizons=(1, 2, 3, 4),
        window=1,
        chosen_before=np.datetime64("2022-07-01"),
        history_from=panel.dates[0],
        focus="52",
        donors=(sentinels(folder),),
    )


def sentinels(folder: Path) -> Panel:
    """Read the sentinel network's weekly incidence of influenza-like illness by former region, 2005 on."""
    rows = _read(folder, "sentinels", {"geo_insee": str, "week": str})
    rows = rows[rows["geo_insee"] != "0"]
    rows = rows.assign(date=pd.to_datetime(rows["week"] + "1", format="%G%V%u"), territory=rows["geo_insee"])
    tidy = rows.assign(signal="ili", value=rows["inc100"])[["territory", "date", "signal", "value"]]
    return Panel.from_frame(tidy, freq="W", kinds={"ili": "rate"})


def first_year(folder: Path) -> Task:
    """Build the speed task: the same départements, every week of the data's year that has three months before it."""
    task = departments(folder)
    values: Floats = task.panel.values
    last = task.panel.dates[np.isfinite(values[:, :, task.panel.signal_index("incid_hosp")]).any(axis=1)][-1]
    origins = np.arange(np.datetime64("2020-05-31"), last - 13, 7)
    return Task(**{**task.__dict__, "name": "year", "origins": origins})


def _read(folder: Path, name: str, types: dict[str, type]) -> pd.DataFrame:
    path = folder / FILES[name]
    if not path.exists():
        raise MeteoError(
            f"{path} is missing: point METEO_REFERENCE_DATA or --data at the folder of reference files"
        )
    return pd.read_csv(path, dtype=types)


def _tidy(wide: pd.DataFrame, place: str, columns: list[str]) -> pd.DataFrame:
    long = wide.melt(id_vars=[place, "date"], value_vars=columns, var_name="signal")
    return long.rename(columns={place: "territory"})[["territory", "date", "signal", "value"]]
