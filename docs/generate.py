"""Write the reference pages that are made from the code: settings, topics, commands, signals.

`python docs/generate.py` writes them; `python docs/generate.py --check` fails when one is out of date, which
is how the build refuses an undocumented setting, topic or command.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic_core import PydanticUndefined
from typer.core import TyperCommand, TyperGroup, TyperOption

from infra.command_line import build_app
from infra.settings import Settings
from streams.topics import TOPICS
from streams.vocabulary.signals import SIGNALS
from streams.vocabulary.syndromes import SYNDROMES

REFERENCE = Path(__file__).parent / "reference"
BACKTEST = Path(__file__).parent / "backtest"
NOTE = "<!-- Made by `make docs`; change the code, not this page. -->\n\n"


def settings_page() -> str:
    """Return the page of every setting."""
    lines = [
        "# Settings\n",
        "One object, read from the environment or a `.env` file; `meteo settings show` prints the values in"
        " force. Outside a demo world the engine refuses to start while a secret or an address is missing.\n",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, setting in Settings.model_fields.items():
        default = setting.default
        shown = "none" if default in (None, PydanticUndefined) else _plain(default)
        lines.append(f"| `METEO_{name.upper()}` | {shown} | {setting.description} |")
    return "\n".join(lines) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return "`" + str(list(value)).replace("'", '"') + "`"
    return f"`{value}`"


def topics_page() -> str:
    """Return the page of every topic."""
    lines = [
        "# Topics\n",
        "Names are prefixed by the world: `meteo.demo.calls`. A message is JSON, one envelope or a list of"
        " them (`streams/envelope.py`). Topics of individual events are kept `METEO_EVENTS_RETENTION_DAYS`.\n",
        "| topic | carries | key | kept | cleanup |",
        "|---|---|---|---|---|",
    ]
    for topic in TOPICS:
        kept = "for ever" if topic.retention_days is None else f"{topic.retention_days} days"
        lines.append(f"| `{topic.name}` | {topic.purpose} | {topic.keyed_by} | {kept} | {topic.policy} |")
    return "\n".join(lines) + "\n"


def vocabulary_page() -> str:
    """Return the page of signals and syndromes."""
    lines = [
        "# Signals and syndromes\n",
        "| signal | kind | unit | usually known after | topic | français |",
        "|---|---|---|---|---|---|",
    ]
    for s in SIGNALS:
        hours = s.usual_delay.total_seconds() / 3600
        lines.append(f"| `{s.key}` | {s.kind} | {s.unit} | {hours:g} h | `{s.topic}` | {s.label_fr} |")
    lines += ["", "| syndrome | ICD-10 prefixes | français | English |", "|---|---|---|---|"]
    for group in SYNDROMES:
        codes = ", ".join(group.icd10_prefixes) or "–"
        lines.append(f"| `{group.key}` | {codes} | {group.label_fr} | {group.label_en} |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Return the page of every command, with its arguments and options."""
    lines = ["# Commands\n", "`meteo COMMAND --help` says the same on the terminal.\n"]
    root = typer.main.get_command(build_app())
    for path, command in _walk(root, "meteo"):
        lines.append(f"## `{path}`\n")
        lines.append((command.help or "").strip().split("\n\n")[0].replace("\n", " ") + "\n")
        rows = list(_parameters(command))
        if rows:
            lines += ["| argument or option | default | meaning |", "|---|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def _walk(command: Any, path: str) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for name in sorted(command.commands):
            yield from _walk(command.commands[name], f"{path} {name}")
    else:
        yield path, command


def _parameters(command: TyperCommand) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, TyperOption):
            name = " ".join(f"`{opt}`" for opt in (*parameter.opts, *parameter.secondary_opts))
            meaning = parameter.help or ""
        else:
            name = f"`{(parameter.name or '').upper()}`"
            meaning = getattr(parameter, "help", None) or ""
        if name == "`--help`":
            continue
        default = parameter.default
        shown = "" if parameter.required or default is None or callable(default) else f"`{default}`"
        yield f"| {name} | {shown} | {' '.join(meaning.split())} |"


def backtest_page() -> str:
    """Return the summary of the back-test from the tables the report was written with."""
    lines = [
        "# How good the forecasts are\n",
        "Made from the tables beside the [full report](backtest.html) (plots, reliability, by territory and phase of"
        " the wave); [what each choice gained](backtest-choices.md) was measured before the later periods were looked"
        " at. One command makes all of it again, from the reference data named by `METEO_REFERENCE_DATA`:\n",
        "```\nmeteo backtest --ablation --report docs/backtest.html\n```\n",
        "Relative WIS is the ratio of summed weighted interval scores to those of persistence on the same tasks; lower"
        " is better and 1 is no gain. Only what was known at each origin is read.\n",
    ]
    for name, title, unit in (
        ("departments", "COVID admissions, 101 départements, daily", "days"),
        ("influenza", "Influenza in emergency departments, French regions, weekly", "weeks"),
    ):
        lines += _scores(name, title, unit)
    return "\n".join(lines).rstrip() + "\n"


def _scores(name: str, title: str, unit: str) -> list[str]:
    rows = _table(f"{name}.csv")
    lines = [
        f"## {title}\n",
        f"| period | horizon ({unit}) | relative WIS | MAE, % of the mean | cover of 50, 80, 95 % |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        if row["model"] == "ensemble":
            cover = ", ".join(f"{float(row[f'cover {level}']):.1f}" for level in (50, 80, 95))
            lines.append(
                f"| {row['period']} | {row['horizon']} | {float(row['relative WIS']):.3f}"
                f" | {float(row['MAE % of mean']):.1f} | {cover} |"
            )
    lines += [
        "",
        "Each model alone, all origins and horizons together:\n",
        "| model | relative WIS |",
        "|---|---|",
    ]
    lines += [
        f"| {row['model']} | {float(row['relative WIS']):.3f} |"
        for row in rows
        if row["period"] == "all origins" and row["horizon"] == "all"
    ]
    lines += [
        "",
        "The same ensemble without some signals:\n",
        "| signals | period | relative WIS |",
        "|---|---|---|",
    ]
    lines += [
        f"| {row['signals']} | {row['period']} | {float(row['h all']):.3f} |"
        for row in _table(f"{name}-ablation.csv")
    ]
    return [*lines, ""]


def _table(name: str) -> list[dict[str, str]]:
    with (BACKTEST / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


PAGES = {
    "../backtest.md": backtest_page,
    "settings.md": settings_page,
    "topics.md": topics_page,
    "vocabulary.md": vocabulary_page,
    "commands.md": commands_page,
}


def main(check: bool) -> int:
    """Write the pages, or name those that are out of date; return the exit code."""
    stale = []
    for name, page in PAGES.items():
        path, text = REFERENCE / name, NOTE + page()
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not check:
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.stderr.write(f"out of date: {', '.join(stale)}; run `make docs`\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
