"""The demonstration's patience: a slow machine is waited for, a part that fails is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import demo
from infra.errors import MeteoError
from infra.settings import Settings


def _waiting(tmp_path: Path) -> demo._Demonstration:
    return demo._Demonstration(Settings(world="demo", data_dir=tmp_path), "1440x", True)


def test_a_slow_first_forecast_is_told_once_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "_SLOW_SECONDS", 0.3)
    answers = iter([False] * 5 + [True])
    _waiting(tmp_path)._await("First forecast", lambda: (next(answers), ""))
    said = capsys.readouterr().out
    assert said.count("slower than usual") == 1
    assert "✓ First forecast" in said


def test_the_wait_ends_and_names_the_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_READY_SECONDS", 0.1)
    with pytest.raises(MeteoError, match=r"First forecast: not ready after 0 s; see .*logs"):
        _waiting(tmp_path)._await("First forecast", lambda: (False, ""))
