"""What servers that live in a folder have in common: a record of the one that runs, and ways to stop it.

The record (`running.json`) outlives the program that started the server, so another program finds it, joins it or
stops it.
"""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from infra.services.process import Record, ServiceProcess


class FolderServer(ABC):
    """A server whose data, log and record lie in one folder.

    Attributes
    ----------
    folder
        That folder.
    """

    folder: Path
    _process: ServiceProcess | None
    _stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    @abstractmethod
    def start(self, *, detached: bool = False) -> Self:
        """Start the server and return when it answers; join the one already running on this folder."""

    @property
    def record(self) -> Record | None:
        """The record of the server that runs on this folder, whoever started it; None when none runs."""
        record = Record.read(self._record_path)
        return record if record is not None and record.runs else None

    @property
    def owned(self) -> bool:
        """Whether this object started the server."""
        return self._process is not None

    def stop(self) -> None:
        """Stop the server of this folder in good order, whoever started it."""
        process = self._running_process()
        if process is not None:
            process.stop()
        self._process = None

    def kill(self) -> None:
        """End the server as a power cut would (for tests of what survives)."""
        process = self._running_process()
        if process is not None:
            process.kill()
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.owned:
            self.stop()

    @property
    def _record_path(self) -> Path:
        return self.folder / "running.json"

    def _former_port(self) -> int | None:
        """Return the port of the server that ran here last, to be used again where it is free."""
        former = Record.read(self._record_path)
        return former.port if former else None

    def _running_process(self) -> ServiceProcess | None:
        if self._process is not None:
            return self._process
        record = self.record
        return None if record is None else ServiceProcess.found(record, self._stop_signal)
