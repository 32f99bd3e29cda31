"""The commands of the stream: `meteo worker`, `topics`, `panel`, `partner`, `dead-letters`, and what feeds them."""

from __future__ import annotations

import typer

from streams.import_commands import fetch, import_
from streams.letter_commands import dead_letters, erase, quarantine
from streams.panel_commands import panel
from streams.partner_commands import partners
from streams.replay_commands import replay
from streams.simulator.commands import simulate_world
from streams.worker_commands import topics, worker


def register(app: typer.Typer) -> None:
    """Add the stream's commands to the command line."""
    app.command("worker")(worker)
    app.command("topics")(topics)
    app.command("import")(import_)
    app.command("fetch")(fetch)
    app.command("replay")(replay)
    app.command("simulate")(simulate_world)
    app.command("panel")(panel)
    app.add_typer(partners, name="partner")
    app.add_typer(dead_letters, name="dead-letters")
    app.add_typer(quarantine, name="quarantine")
    app.add_typer(erase, name="erase")
