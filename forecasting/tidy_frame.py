"""Reading a tidy frame strictly: every column brought to its type, or an error naming the column and the row.

Nothing is guessed where two readings are possible: 03/04/2021 is April in one country and March in another. A
``date`` is a civil date and is never converted; ``reported_at`` is a moment.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from infra.errors import MeteoError

REQUIRED_COLUMNS = ("territory", "date", "signal", "value")
OPTIONAL_COLUMNS = ("reported_at", "population")
_AMBIGUOUS = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}(\D|$)")


class FrameError(MeteoError):
    """A tidy frame that cannot become a panel; the message names the column and, where there is one, the row."""


def checked_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Check a tidy frame and bring its columns to their types; a new frame, rows in the order given.

    A ``date`` is a civil date: a time of day or a zone beside it is dropped, never converted. ``reported_at`` is a
    moment, brought to UTC.

    Raises
    ------
    FrameError
        Naming the column, and the row by its index.
    """
    for column in REQUIRED_COLUMNS:
        if column not in frame.columns:
            raise FrameError(f"column {column!r} is missing; a panel needs {', '.join(REQUIRED_COLUMNS)}")
    read = [c for c in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS) if c in frame.columns]
    for column in read:
        if isinstance(frame[column], pd.DataFrame):
            raise FrameError(f"column {column!r} is there more than once")
    if frame.empty:
        raise FrameError("the frame has no row")
    rows = frame[read].copy()
    for column in ("territory", "signal"):
        rows[column] = _names(rows, column)
    rows["date"] = _civil_dates(rows, "date")
    if "reported_at" in rows.columns:
        rows["reported_at"] = _moments(rows, "reported_at")
    rows["value"] = _numbers(rows, "value")
    if "population" in rows.columns:
        rows["population"] = _numbers(rows, "population")
    refuse(rows, "value", rows["value"] < 0, "is negative: counts and rates start at zero")
    key = ["territory", "date", "signal"] + (["reported_at"] if "reported_at" in rows.columns else [])
    refuse(rows, "date", rows.duplicated(key), "repeats a territory, date and signal already given")
    return rows


def _names(rows: pd.DataFrame, column: str) -> pd.Series:
    """Codes as text: 44, 44.0 and "44" are one territory."""
    given = rows[column].astype(object)
    refuse(rows, column, given.isna(), "is empty")
    if pd.api.types.is_float_dtype(rows[column].dtype):
        given = given.map(lambda v: int(v) if float(v).is_integer() else v)
    named = given.map(str)
    refuse(rows, column, named.str.strip() == "", "is empty")
    return named.astype(object)


def _numbers(rows: pd.DataFrame, column: str) -> pd.Series:
    given = rows[column]
    plain = given if isinstance(given.dtype, np.dtype) else given.astype(object)
    numbers = pd.to_numeric(plain, errors="coerce").astype(float)
    refuse(rows, column, numbers.isna() & given.notna(), "is not a number")
    refuse(rows, column, numbers.abs() == np.inf, "is infinite")
    return numbers


def _civil_dates(rows: pd.DataFrame, column: str) -> pd.Series:
    given = rows[column]
    if pd.api.types.is_datetime64_any_dtype(given.dtype):
        refuse(rows, column, given.isna(), "is not a date")
        days: pd.Series = given.dt.tz_localize(None).astype("datetime64[ns]").dt.normalize()
        return days
    return _parsed(rows, column, _civil_date)


def _moments(rows: pd.DataFrame, column: str) -> pd.Series:
    given = rows[column]
    if pd.api.types.is_datetime64_any_dtype(given.dtype):
        refuse(rows, column, given.isna(), "is not a date")
        return pd.to_datetime(given, utc=True).dt.tz_localize(None).astype("datetime64[ns]")
    return _parsed(rows, column, utc_moment)


def _parsed(rows: pd.DataFrame, column: str, read: Callable[[object], pd.Timestamp]) -> pd.Series:
    """Read each different value once."""
    codes, different = pd.factorize(rows[column].astype(object), use_na_sentinel=True)
    found = np.full(len(different) + 1, np.datetime64("NaT"), dtype="datetime64[ns]")
    for k, value in enumerate(different):
        try:
            found[k] = read(value).to_datetime64()
        except (ValueError, TypeError, OverflowError):
            continue
    parsed = pd.Series(found[codes], index=rows.index)
    refuse(rows, column, parsed.isna(), "is not a date that can be read without doubt: write 2021-01-31")
    return parsed


def _civil_date(value: object) -> pd.Timestamp:
    return _stamp(value).replace(tzinfo=None).normalize()


def utc_moment(value: object) -> pd.Timestamp:
    """Read a moment in UTC; without a zone it is taken to be in UTC.

    Raises
    ------
    ValueError, TypeError
        For what cannot be read without doubt.
    """
    stamp = _stamp(value)
    return stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp


def _stamp(value: object) -> pd.Timestamp:
    """Read a date or moment; 20210131 is one, a bare number of anything else and 03/04/2021 are not."""
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        value = f"{value:.0f}"
    if isinstance(value, str):
        text = value.strip()
        if text.isdigit() and len(text) != 8:
            raise ValueError(text)
        if _AMBIGUOUS.match(text):
            raise ValueError(text)
        value = text
    elif isinstance(value, pd.Period):
        value = value.start_time
    elif not isinstance(value, datetime.date | np.datetime64):
        raise TypeError(type(value))
    stamp = pd.Timestamp(value)
    if pd.isna(stamp):
        raise ValueError("not a time")
    return stamp.as_unit("ns")


def refuse(rows: pd.DataFrame, column: str, wrong: pd.Series, why: str) -> None:
    """Raise a `FrameError` that names the column and the first of the wrong rows, if there is one."""
    if wrong.any():
        index = wrong.idxmax()
        shown = rows[column].to_numpy()[int(np.argmax(wrong.to_numpy()))]
        if isinstance(shown, np.datetime64):
            shown = str(shown.astype("datetime64[D]"))
        shown = shown.item() if isinstance(shown, np.generic) else shown
        raise FrameError(f"column {column!r}, row {index}: {shown!r} {why} ({int(wrong.sum())} such rows)")
