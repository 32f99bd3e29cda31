"""Stop a service when the program that started it is gone, however it ended.

Run as a program of its own (`python watcher.py PID START_TICKS SIGNAL SECONDS`), it reads its standard input,
a pipe whose other end the owner holds. The kernel closes that end when the owner ends, by kill -9 too; the
watcher then asks the service to stop, and kills it when it has not within the given seconds. It imports the
standard library only, to start in a few milliseconds.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def start_ticks(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot; None when it runs no more.

    A process number is used again by the kernel, a pair of number and start is not.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name, in parentheses, may hold spaces; fields are counted after it (proc(5)).
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def watch(pid: int, began: int, stop_signal: int, seconds: float) -> None:
    """Wait for the owner's end of the pipe to close, then end the service if it still runs."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    deadline = time.monotonic() + seconds
    for signal_number, until in ((stop_signal, deadline), (9, deadline + 5)):
        if start_ticks(pid) != began:
            return
        os.kill(pid, signal_number)
        while start_ticks(pid) == began and time.monotonic() < until:
            time.sleep(0.05)


if __name__ == "__main__":
    watch(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
