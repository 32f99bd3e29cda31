"""`meteo nowcast-report`: what nowcasting was worth on revisions that happened."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from infra.errors import MeteoError

if TYPE_CHECKING:
    from forecasting.nowcast.report import Vintages

console = Console()


def nowcast_report_command(
    out: Annotated[Path, typer.Option(help="Markdown page to write.")] = Path("docs/nowcast.md"),
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of reference data, or a tidy file with reported_at; METEO_REFERENCE_DATA when left out."
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(help="Signal, for a file.")] = None,
    moments: Annotated[int, typer.Option(min=2, help="Past moments at most.")] = 25,
    draws: Annotated[int, typer.Option(min=50, help="Paths of each forecast.")] = 500,
) -> None:
    """Forecast past moments from what was reported by then, with and without nowcast, and say what it was worth."""
    from forecasting.nowcast import report

    if not out.parent.is_dir():
        raise MeteoError(f"--out {out}: there is no folder {out.parent}")
    vintages = _vintages(data, target)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:

        def started(total: int) -> Callable[[], object]:
            shown = bar.add_task("moments", total=total)
            return lambda: bar.advance(shown)

        nowcasts, forecasts = report.write(vintages, out, moments, draws, started)
    console.print(nowcasts.round(2).to_string(index=False))
    console.print(forecasts.round(2).to_string(index=False))
    console.print(f"page: {out}")


def _vintages(data: Path | None, target: str | None) -> Vintages:
    from forecasting import frame_files
    from forecasting.nowcast import report

    given = data or (
        Path(os.environ["METEO_REFERENCE_DATA"]) if "METEO_REFERENCE_DATA" in os.environ else None
    )
    if given is None:
        raise MeteoError("say where the data are: --data FOLDER or FILE, or METEO_REFERENCE_DATA")
    if given.is_dir():
        return report.reference(given)
    if target is None:
        raise MeteoError("--target is needed with a file: the signal to forecast")
    return report.from_frame(frame_files.read(given), target, given.name)
