"""A service's process: started, recorded in its folder, found again by other programs, stopped.

The record is a small JSON file holding the process number, its start and its ports. Number and start
together name one process for ever, so a record left by a crash or a reboot never points at a stranger.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.errors import MeteoError
from infra.services import watcher

_STOP_SECONDS = 30.0
_left_running: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Record:
    """What is written about a running service.

    Attributes
    ----------
    pid, began
        Process number, and its start in clock ticks since boot.
    port
        Port that clients use.
    """

    pid: int
    began: int
    port: int

    @property
    def runs(self) -> bool:
        """Whether that very process still runs."""
        return watcher.start_ticks(self.pid) == self.began

    def write(self, path: Path) -> None:
        """Write the record so that a reader never sees half of it."""
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self)) + "\n")
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """Return the record at `path`, or None when there is none that can be read."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None


class ServiceProcess:
    """One process of a service, owned by this program or left running on purpose."""

    def __init__(self, record: Record, stop_signal: signal.Signals) -> None:
        self.record = record
        self._stop_signal = stop_signal
        self._child: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        port: int,
        log: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        detached: bool = False,
        user: str | None = None,
    ) -> ServiceProcess:
        """Start `command` with its output in `log`.

        Parameters
        ----------
        command
            Program and arguments.
        port
            Port the program will listen on.
        log
            File its output is added to.
        stop_signal
            Signal that asks the program to stop in good order.
        detached
            Leave it running when this program ends; otherwise a watcher ends it then.
        user
            System account to run as, when this program runs as root.

        Raises
        ------
        MeteoError
            When the program cannot be started.
        """
        try:
            with log.open("ab") as output:
                child = subprocess.Popen(  # noqa: S603 - the command is built by the services, never by input
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    # A session of its own: Ctrl-C in the terminal reaches the owner, which stops in order.
                    start_new_session=True,
                    # Another account may not be let into the folder this program was started from.
                    cwd="/" if user else None,
                    user=user,
                    group=user,
                    extra_groups=[] if user else None,
                    umask=0o077,
                )
        except OSError as error:
            raise MeteoError(f"cannot start {command[0]}: {error.strerror or error}") from error
        service = cls(Record(child.pid, watcher.start_ticks(child.pid) or 0, port), stop_signal)
        service._child = child
        if detached:
            _left_running.append(child)
        else:
            service._watch()
        return service

    @classmethod
    def found(cls, record: Record, stop_signal: signal.Signals = signal.SIGTERM) -> ServiceProcess:
        """Return the handle of a process that another program started."""
        return cls(record, stop_signal)

    def _watch(self) -> None:
        arguments = [self.record.pid, self.record.began, int(self._stop_signal), _STOP_SECONDS]
        self._watcher = subprocess.Popen(  # noqa: S603 - our own file and numbers
            [sys.executable, "-I", "-S", watcher.__file__, *map(str, arguments)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )

    def runs(self) -> bool:
        """Return whether the process still runs."""
        if self._child is not None:
            self._child.poll()
        return self.record.runs

    def stop(self, seconds: float = _STOP_SECONDS) -> None:
        """Ask the process to stop, kill it when it has not within `seconds`, and return when it is gone."""
        self._signal(self._stop_signal)
        if not self._wait(seconds):
            self._signal(signal.SIGKILL)
            self._wait(10)
        self._release()

    def kill(self) -> None:
        """End the process at once, as a power cut would."""
        self._signal(signal.SIGKILL)
        self._wait(10)
        self._release()

    def _signal(self, number: signal.Signals) -> None:
        if self.runs():
            try:
                os.kill(self.record.pid, number)
            except ProcessLookupError:
                return  # it ended between the question and the signal
            except PermissionError as error:
                raise MeteoError(
                    f"process {self.record.pid} belongs to another account: stop it there"
                ) from error

    def _wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.runs():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _release(self) -> None:
        if self._child is not None and not self.record.runs:
            # Gone, but kept by the kernel until its parent has asked how it ended.
            self._child.wait()
        if self._watcher is not None:
            if self._watcher.stdin is not None:
                self._watcher.stdin.close()
            self._watcher.wait()
            self._watcher = None


def last_lines(log: Path, count: int = 5) -> str:
    """Return the last lines of a log, for an error message."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(f"  {line}" for line in lines[-count:]) or "  (the log is empty)"
