"""Tidy frames from files: CSV as spreadsheets write it here or abroad, and Parquet.

The index of a frame read from CSV is the line of the file a row starts on (the header is line 1), so that an error
that names a row names the line to look at.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from infra.errors import MeteoError

if TYPE_CHECKING:
    import pandas as pd

_TEXT = {"territory": str, "signal": str, "date": str, "reported_at": str}


def read(path: Path) -> pd.DataFrame:
    """Read a tidy file; its columns are checked by `forecasting.tidy_frame`.

    A comma, a semicolon or a tabulator is between columns; the semicolon goes with a comma in decimals. Text is UTF-8,
    or Windows-1252 where it is not.

    Raises
    ------
    MeteoError
        When there is no such file, or it cannot be read.
    """
    import pandas as pd

    if not path.is_file():
        raise MeteoError(f"{path}: no such file")
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, OSError, ValueError) as error:
        raise MeteoError(f"{path}: cannot be read: {error}") from error


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    with path.open("rb") as file:
        header = file.readline()
    if not header.strip():
        raise MeteoError(f"{path}: the file is empty, or its first line is: that line names the columns")
    between = max((",", ";", "\t"), key=lambda sign: header.count(sign.encode()))
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            frame = pd.read_csv(
                path,
                dtype=_TEXT,
                sep=between,
                decimal="," if between == ";" else ".",
                skipinitialspace=True,
                encoding=encoding,
                skip_blank_lines=False,
            )
        except UnicodeDecodeError:
            continue
        if not isinstance(frame.index, pd.RangeIndex):
            raise MeteoError(
                f"{path}: line 2 holds more values than line 1 names columns; where numbers have a decimal comma, "
                "columns are to be parted by semicolons"
            )
        frame.index = pd.RangeIndex(2, len(frame) + 2)
        return frame.dropna(how="all")
    raise MeteoError(f"{path}: neither UTF-8 nor Windows-1252 text")
