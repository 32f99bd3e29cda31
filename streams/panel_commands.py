"""`meteo panel`: what was known of a territory at a moment."""

from __future__ import annotations

import sys
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.clock import parse_as_of
from infra.errors import MeteoError
from infra.settings import settings
from streams.vocabulary.places import place
from streams.vocabulary.signals import SIGNALS
from streams.vocabulary.syndromes import SYNDROMES

if TYPE_CHECKING:
    import pandas as pd


class Form(StrEnum):
    """How a table is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def panel(
    territory: Annotated[str, typer.Option(help="Territory: 44, R52, FR.")] = "",
    as_of: Annotated[str, typer.Option(help="Moment of knowledge; a bare date is the end of that day.")] = "",
    days: Annotated[int, typer.Option(min=1, help="Days shown, up to the as-of.")] = 14,
    syndrome: Annotated[str, typer.Option(help="One syndrome; every one when not given.")] = "",
    form: Annotated[Form, typer.Option("--format", help="Form of the output.")] = Form.TABLE,
) -> None:
    """Print what was known of a territory at a moment."""
    # Loaded here, so that `meteo` itself answers at once.
    from infra.database import connect
    from infra.services.embedded import database_url
    from infra.world_clock import StoredClock
    from streams.store.counts import read_counts

    chosen = settings()
    where = place(territory or chosen.territory)
    if syndrome and syndrome not in {s.key for s in SYNDROMES}:
        raise MeteoError(f"--syndrome {syndrome!r}: one of {', '.join(s.key for s in SYNDROMES)}")
    address, world = database_url(chosen), chosen.this_world
    clock = StoredClock(address, world)
    try:
        moment = parse_as_of(as_of, chosen.timezone) if as_of else clock.now()
    except ValueError as error:
        raise MeteoError(f"--as-of: {error}") from None
    finally:
        clock.close()
    last = moment.date()
    with connect(address, world) as connection:
        counts = read_counts(
            connection,
            signals=[s.key for s in SIGNALS],
            syndromes=[syndrome] if syndrome else [s.key for s in SYNDROMES],
            places=[where.code],
            start=last - timedelta(days=days),
            end=last + timedelta(days=1),
            as_of=moment,
        )
    _write(counts, f"{where.name}, as known at {moment:%Y-%m-%d %H:%M} UTC", form)


def _write(counts: pd.DataFrame, title: str, form: Form) -> None:
    if form is Form.CSV:
        counts.to_csv(sys.stdout, index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
        return
    if form is Form.JSON:
        typer.echo(counts.to_json(orient="records", date_format="iso"))
        return
    if counts.empty:
        typer.echo(f"{title}: nothing was known of these days")
        return
    import pandas as pd

    # A row a series and a column a day: a fortnight fits a terminal, a dozen series beside each other do not.
    series = counts["signal"] + " · " + counts["syndrome"]
    wide = counts.assign(series=series).pivot_table(
        index="series", columns="reference_date", values="value", aggfunc="first"
    )
    table = Table(title=title)
    table.add_column("", no_wrap=True)
    for day in wide.columns:
        table.add_column(f"{day:%m-%d}", justify="right", no_wrap=True)
    for name, row in zip(wide.index, wide.to_numpy(), strict=True):
        table.add_row(str(name), *("·" if pd.isna(value) else f"{value:g}" for value in row))
    Console().print(table)
