"""The documentation is true: pages made from code are fresh, links lead somewhere, commands exist."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup, TyperOption

from infra.command_line import build_app

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
_LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")
_INLINE = re.compile(r"`((?:meteo|make) [a-z][^`]*)`")


def _commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of every `meteo` and `make` command a page shows, in fences or in line."""
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.M | re.S)
    for line in "\n".join(fenced).splitlines():
        words = line.split("  #")[0].strip()
        if words.startswith(("meteo ", "make ", ".venv/bin/meteo ")):
            yield shlex.split(words.removeprefix(".venv/bin/"))
    for words in _INLINE.findall(re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)):
        yield shlex.split(words)


def test_the_pages_made_from_code_are_fresh() -> None:
    generate = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    assert generate["main"](check=True) == 0, "run `make docs`"


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    targets = [t for t in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in t]
    assert [t for t in targets if not (page.parent / t).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_shown_exist_with_their_options(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    root = typer.main.get_command(build_app())
    for words in _commands(ROOT / name):
        if words[0] == "make":
            assert {w for w in words[1:] if "=" not in w} <= targets, f"{name}: {' '.join(words)}"
        else:
            _check_meteo(root, words, name)


def _check_meteo(root: Any, words: list[str], name: str) -> None:
    command, rest = root, words[1:]
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        assert rest[0].split("|")[0] in command.commands, f"{name}: {' '.join(words)}"
        command, rest = command.commands[rest[0].split("|")[0]], rest[1:]
    known = {"--help", "--version"} | {
        opt for p in command.params if isinstance(p, TyperOption) for opt in (*p.opts, *p.secondary_opts)
    }
    used = {w.split("=")[0] for w in rest if w.startswith("--")}
    assert used <= known, f"{name}: {' '.join(words)}: {used - known} unknown"


def test_the_repository_names_no_machine_and_no_registry() -> None:
    hosts = (
        "pypi.org",
        "pythonhosted",
        "repo1.maven",
        "repo.maven",
        "registry.npmjs",
        "deb.debian",
        "docker.io",
    )
    found = []
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if not path.is_file() or (parts[0].startswith(".") and parts[0] != ".ci") or path == Path(__file__):
            continue
        if (
            path.suffix in {".py", ".md", ".toml", ".lock", ".sh", ".yaml", ".in", ".json", ".html"}
            or not path.suffix
        ):
            text = path.read_text(encoding="utf-8", errors="ignore")
            found += [f"{path.relative_to(ROOT)}: {host}" for host in hosts if host in text]
    assert found == []
