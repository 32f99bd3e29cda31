"""`meteo forecaster`, `meteo run …`, `meteo verify`: starting runs, proving them, and saying how good they were."""

from __future__ import annotations

import signal
import sys
import threading
from datetime import datetime
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from forecasting import store
from forecasting.jobs.gather import Asked
from forecasting.run import RunRecord
from infra.clock import parse_as_of
from infra.database import connect
from infra.errors import MeteoError
from infra.services.embedded import database_url
from infra.settings import Settings, settings
from infra.telemetry import configure_logs
from infra.world_clock import StoredClock

runs = typer.Typer(help="Forecast runs: make one, list, show, prove.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of runs to `meteo`."""
    app.command()(forecaster)
    app.command()(verify)
    app.add_typer(runs, name="run")


def asked(chosen: Settings) -> Asked:
    """Return the settings that change what a run says."""
    return Asked(
        draws=chosen.run_draws,
        cycles=tuple(chosen.cycles),
        zone=chosen.timezone,
        coherence=chosen.run_coherence,
    )


def _moment(text: str, chosen: Settings) -> datetime:
    try:
        return parse_as_of(text, chosen.timezone)
    except ValueError as error:
        raise MeteoError(f"--as-of: {error}") from None


def forecaster(
    spread: Annotated[
        int, typer.Option(min=0, help="Territories per request to workers; 0 computes here.")
    ] = 0,
    parts_only: Annotated[
        bool, typer.Option("--parts-only", help="Only compute parts of runs that another forecaster starts.")
    ] = False,
) -> None:
    """Start the runs of this world: at its cycles, on request and on material new data."""
    from forecasting.jobs.process import Forecaster

    chosen = settings()
    configure_logs(chosen.log_format, chosen.log_level, "forecaster")
    process = Forecaster(chosen, asked(chosen), spread=spread, parts_only=parts_only)
    done = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: done.set())
    process.start()
    done.wait()
    process.stop()


@runs.command("now")
def run_now(
    territory: Annotated[
        list[str] | None, typer.Option(help="Territory (may be repeated); all with data when not given.")
    ] = None,
    as_of: Annotated[str, typer.Option(help="Moment of knowledge; a bare date is the end of that day.")] = "",
    yardstick: Annotated[bool, typer.Option("--yardstick", help="Persistence only, without models.")] = False,
) -> None:
    """Make a run now and print its number and digest."""
    from dataclasses import replace

    from forecasting.jobs.conduct import make_plan, make_run
    from forecasting.jobs.cycles import unscheduled

    chosen = settings()
    configure_logs(chosen.log_format, chosen.log_level, "run")
    address, world = database_url(chosen), chosen.this_world
    clock = StoredClock(address, world)
    try:
        moment = _moment(as_of, chosen) if as_of else clock.now()
        config = replace(asked(chosen), engine="yardstick") if yardstick else asked(chosen)
        cycle = unscheduled(moment, chosen.timezone)
        with connect(address, world) as connection:
            plan = make_plan(connection, world.name, cycle, "demand", config, territory or ())
            record = make_run(connection, plan, config, clock)
    finally:
        clock.close()
    typer.echo(f"run {record.id}  {record.digest}")


@runs.command("list")
def run_list(limit: Annotated[int, typer.Option(min=1, help="Runs shown, the newest first.")] = 20) -> None:
    """List the newest runs."""
    chosen = settings()
    with connect(database_url(chosen), chosen.this_world) as connection:
        found = store.runs(connection, limit)
    if not found:
        typer.echo("no run yet; `meteo run now` makes one")
        return
    table = Table()
    for name in ("run", "cycle", "reason", "as of (UTC)", "territories", "trust", "digest"):
        table.add_column(name)
    for record in found:
        table.add_row(
            str(record.id),
            record.cycle,
            record.reason,
            f"{record.as_of:%Y-%m-%d %H:%M}",
            str(len(record.scope["territories"])),
            record.trust,
            record.digest[:12],
        )
    Console().print(table)


def _known(found: RunRecord | None, number: int) -> RunRecord:
    if found is None:
        raise MeteoError(f"there is no run {number} in this world; `meteo run list` names them")
    return found


@runs.command("show")
def run_show(
    number: Annotated[int, typer.Argument(help="Number of the run.")],
    territory: Annotated[str, typer.Option(help="Show the bulletin of one territory.")] = "",
) -> None:
    """Print a run, or one of its bulletins, as JSON."""
    from forecasting.store.encoding import bulletin_document

    chosen = settings()
    with connect(database_url(chosen), chosen.this_world) as connection:
        record = _known(store.run(connection, number), number)
        if territory:
            found = store.bulletin(connection, number, territory)
            if found is None:
                raise MeteoError(f"run {number} does not speak of {territory!r}")
            document = bulletin_document(found)
        else:
            document = {
                name: value for name, value in vars(record).items() if name not in ("manifest", "scope")
            } | {
                "territories": record.scope["territories"],
                "content": record.manifest["content"],
            }
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


@runs.command("verify")
def run_verify(number: Annotated[int, typer.Argument(help="Number of the run.")]) -> None:
    """Recompute a run from its stored inputs and compare every digest."""
    from forecasting.jobs.conduct import recompute

    chosen = settings()
    with connect(database_url(chosen), chosen.this_world) as connection:
        record, again = recompute(connection, number)
    manifest = again.manifest()
    differing = [
        f"{part} {name}"
        for part in ("inputs", "series", "territories", "states")
        for name in sorted(manifest[part].keys() | record.manifest[part].keys())
        if manifest[part].get(name) != record.manifest[part].get(name)
    ]
    if differing:
        shown = "\n  ".join(differing[:20])
        raise MeteoError(
            f"run {number} does not come out the same ({len(differing)} parts differ):\n  {shown}"
        )
    typer.echo(f"run {number} comes out the same: content {record.manifest['content']}")


@runs.command("chain")
def run_chain(
    headers: Annotated[bool, typer.Option("--headers", help="Headers only, not every stored part.")] = False,
) -> None:
    """Walk the chain of runs and name whatever does not agree."""
    chosen = settings()
    with connect(database_url(chosen), chosen.this_world) as connection:
        walked, faults = store.check_chain(connection, parts=not headers)
    for fault in faults:
        typer.echo(f"run {fault.run_id}: {fault.part} does not agree", err=True)
    if faults:
        raise MeteoError(f"the chain of {walked} runs does not hold: {len(faults)} faults")
    typer.echo(f"the chain of {walked} runs holds")


@runs.command("prune")
def run_prune(
    before: Annotated[str, typer.Option(help="Drop the draws of runs whose as-of is before this date.")],
) -> None:
    """Drop the draws of old runs; quantiles, digests and proofs stay."""
    chosen = settings()
    with connect(database_url(chosen), chosen.this_world) as connection:
        pruned = store.prune_draws(connection, _moment(before, chosen))
    typer.echo(f"draws of {pruned} series dropped")


def verify(
    territory: Annotated[str, typer.Option(help="One territory; all when not given.")] = "",
) -> None:
    """Score past forecasts whose truth has matured, and print how good they were."""
    from forecasting.jobs.verification import verify_matured

    chosen = settings()
    address, world = database_url(chosen), chosen.this_world
    clock = StoredClock(address, world)
    try:
        with connect(address, world) as connection:
            recorded = verify_matured(connection, clock.now())
            connection.commit()
            found = store.skill(connection, territory or None)
    finally:
        clock.close()
    typer.echo(f"{recorded} new scores")
    if not found:
        typer.echo("nothing has matured yet: the truth of a day is taken ten days after it")
        return
    _print_skill(found)


def _print_skill(found: list[store.Skill]) -> None:
    table = Table()
    for name in ("target", "day", "forecasts", "WIS", "MAE", "against persistence", "50 %", "80 %", "95 %"):
        table.add_column(name, justify="left" if name == "target" else "right")
    for row in found:
        if row.horizon not in (0, 1, 3, 7, 10, 14):
            continue
        relative = "" if row.relative_wis is None else f"{row.relative_wis:.2f}"
        shares = [f"{100 * c:.0f}" for c in (row.coverage_50, row.coverage_80, row.coverage_95)]
        table.add_row(
            row.target,
            str(row.horizon),
            str(row.tasks),
            f"{row.wis:.2f}",
            f"{row.mean_absolute_error:.2f}",
            relative,
            *shares,
        )
    Console().print(table)
