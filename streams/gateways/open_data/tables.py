"""Tables: a publisher's file as rows, whatever its compression, separator and encoding.

Seen in the wild: gzip or plain, `;` or `,`, UTF-8 with or without byte-order mark, ISO-8859-1, quoted or bare
fields. A file is UTF-8 unless no line with accents is; a line in another encoding than its file is refused
alone, and the lines beside it are read.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import httpx

from infra.errors import MeteoError
from streams.envelope import EARLIEST, LATEST
from streams.vocabulary.places import register

LONGEST_LINE = 1_000_000
_GZIP = b"\x1f\x8b"
_NOTHING = ("", "NA", "NaN", "nan", "null", "None")


class RowFault(Exception):
    """A row that cannot be read: which field, and why."""

    def __init__(self, field: str | None, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes
    ----------
    line
        Number in the file, the header being 1.
    raw
        The line as it came.
    cells
        Text of each column, by the column's name in lower case.
    """

    line: int
    raw: bytes
    cells: Mapping[str, str]

    def text(self, name: str) -> str:
        """Return the text of a column; RowFault when it is empty."""
        found = self.cells.get(name, "").strip()
        if found in _NOTHING:
            raise RowFault(name, "is empty")
        return found

    def number(self, name: str) -> float | None:
        """Return a number, None where nothing is told; RowFault for what is no number, or below zero."""
        written = self.cells.get(name, "").strip()
        if written in _NOTHING:
            return None
        try:
            value = float(written.replace(" ", "").replace("\u202f", "").replace(",", "."))
        except ValueError:
            raise RowFault(name, f"{written[:40]!r} is not a number") from None
        if not 0 <= value < 1e9:
            raise RowFault(name, f"{written[:40]} is not a count from 0 on")
        return value

    def count(self, name: str) -> float | None:
        """Return a whole number, None where nothing is told; RowFault otherwise.

        A count with a fraction is a sign read wrongly, `1,234` for one thousand say.
        """
        value = self.number(name)
        if value is not None and not value.is_integer():
            raise RowFault(name, f"{self.cells[name].strip()[:40]} is not a whole number: write 1234")
        return value

    def day(self, name: str) -> date:
        """Return a date written 2020-09-01 or 01/09/2020; RowFault otherwise, and outside the years meant."""
        written = self.text(name)
        for form in ("%Y-%m-%d", "%d/%m/%Y", "%Y-%m-%dT%H:%M:%S"):
            try:
                day = datetime.strptime(written[:19], form).date()
            except ValueError:
                continue
            if EARLIEST <= day < LATEST:
                return day
            raise RowFault(name, f"{day} is outside {EARLIEST} to {LATEST}")
        raise RowFault(name, f"{written[:40]!r} is not a date: write 2020-09-01 or 01/09/2020")

    def departement(self, name: str) -> str:
        """Return a département's code of the register, also where its zero was lost; RowFault otherwise."""
        written = self.text(name).upper()
        code = written.zfill(2)
        if code not in register() or code.startswith(("R", "FR")):
            raise RowFault(name, f"unknown département {written[:40]!r}")
        return code

    def region(self, name: str) -> str:
        """Return a region's code of the register (`R52`); RowFault otherwise."""
        written = self.text(name).upper().removeprefix("R")
        code = f"R{written.zfill(2)}"
        if code not in register():
            raise RowFault(name, f"unknown region {written[:40]!r}")
        return code


@dataclass(frozen=True)
class Refused:
    """A line that is no row."""

    line: int
    raw: bytes
    field: str | None
    reason: str


@dataclass(frozen=True)
class Table:
    """A publisher's file, in memory.

    Attributes
    ----------
    source
        Path or address.
    name
        Name of the file, which may hold its date.
    columns
        Names of the columns, in lower case.
    """

    source: str
    name: str
    columns: tuple[str, ...]
    separator: str
    encoding: str
    lines: tuple[bytes, ...]

    def __len__(self) -> int:
        return max(len(self.lines) - 1, 0)

    def rows(self) -> Iterator[Row | Refused]:
        """Return each row, and each line that is none."""
        for number, raw in enumerate(self.lines[1:], start=2):
            if raw.strip():
                yield self._row(number, raw)

    def _row(self, number: int, raw: bytes) -> Row | Refused:
        if len(raw) > LONGEST_LINE:
            return Refused(
                number, raw, None, f"a line of {len(raw)} bytes is too long: {LONGEST_LINE} at most"
            )
        try:
            text = raw.decode(self.encoding)
        except UnicodeDecodeError as error:
            return Refused(number, raw, None, f"not {self.encoding} as the rest of the file: {error.reason}")
        try:
            cells = next(csv.reader([text], delimiter=self.separator, strict=True))
        except csv.Error as error:
            return Refused(number, raw, None, f"not readable as CSV: {error}")
        if len(cells) != len(self.columns):
            reason = f"{len(cells)} fields where the header names {len(self.columns)}"
            return Refused(number, raw, None, reason)
        return Row(number, raw, dict(zip(self.columns, cells, strict=True)))


def read_table(source: str, *, timeout: float = 20.0) -> Table:
    """Read a file or an address.

    Raises
    ------
    MeteoError
        When it cannot be had, is no text, or has no header.
    """
    name = source.rstrip("/").rpartition("/")[2].partition("?")[0]
    return parse_table(_bytes_of(source, timeout), source, name)


def parse_table(content: bytes, source: str, name: str) -> Table:
    """Read a table from bytes.

    Raises
    ------
    MeteoError
        When it is no text, or has no header.
    """
    if content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise MeteoError(f"{source}: the gzip file is damaged or cut short ({error})") from None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise MeteoError(f"{source}: written in UTF-16; save it as UTF-8")
    lines = tuple(content.removeprefix(b"\xef\xbb\xbf").splitlines())
    encoding = _encoding_of(lines)
    if not lines or len(lines[0]) > LONGEST_LINE:
        raise MeteoError(f"{source}: empty, or without a header in its first line")
    header = lines[0].decode(encoding, errors="replace")
    separator = ";" if header.count(";") >= header.count(",") else ","
    columns = tuple(c.strip().lower() for c in next(csv.reader([header], delimiter=separator)))
    if len(columns) < 2:
        raise MeteoError(f"{source}: one column only; a table separated by ; or , is expected")
    twice = next((c for c in columns if c and columns.count(c) > 1), None)
    if twice is not None:
        raise MeteoError(f"{source}: two columns are named {twice!r}, so neither can be read; rename one")
    return Table(source, name, columns, separator, encoding, lines)


def _bytes_of(source: str, timeout: float) -> bytes:
    try:
        if source.startswith(("http://", "https://")):
            answer = httpx.get(source, timeout=timeout, follow_redirects=True)
            answer.raise_for_status()
            return answer.content
        return Path(source).expanduser().read_bytes()
    except httpx.HTTPStatusError as error:
        raise MeteoError(f"{source}: the publisher answers {error.response.status_code}") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise MeteoError(f"{source}: cannot be reached ({error or type(error).__name__})") from None
    except OSError as error:
        raise MeteoError(f"{source}: cannot be read ({error.strerror})") from None


def _encoding_of(lines: tuple[bytes, ...]) -> str:
    """Return the encoding of most lines with accents: UTF-8, or else ISO-8859-15."""
    as_utf8 = otherwise = 0
    for line in lines:
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            as_utf8 += 1
        except UnicodeDecodeError:
            otherwise += 1
    return "utf-8" if as_utf8 >= otherwise else "iso-8859-15"
