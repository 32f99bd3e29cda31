"""Ports of this machine: which are free, and which answer.

Ports are taken below the range the kernel gives to outgoing connections. Within that range, a client that
keeps asking for a stopped server can be given the server's own port for its outgoing end, connect to itself
and so keep the server from starting again.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from infra.errors import MeteoError

LOOPBACK = "127.0.0.1"
_LOWEST = 10_000
_OUTGOING_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def _first_outgoing_port() -> int:
    try:
        return int(_OUTGOING_RANGE.read_text().split()[0])
    except (OSError, ValueError):
        return 32_768


def is_free(port: int) -> bool:
    """Return whether a server could listen on `port` of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are still being forgotten counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Return whether something accepts connections on `port` of the loopback address."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def choose_port(preferred: int | None = None) -> int:
    """Return `preferred` when it is free, else a free port chosen at random below the outgoing range.

    Raises
    ------
    MeteoError
        When a hundred tries found none.
    """
    if preferred is not None and is_free(preferred):
        return preferred
    highest = max(_first_outgoing_port(), _LOWEST + 1_000)
    for _ in range(100):
        port = _LOWEST + secrets.randbelow(highest - _LOWEST)
        if is_free(port):
            return port
    raise MeteoError(f"no free port found on {LOOPBACK} between {_LOWEST} and {highest}")


def require_free(port: int, service: str, way_out: str) -> int:
    """Return `port`, or say who holds it.

    Raises
    ------
    MeteoError
        When the port is busy; the message names the holder where the system tells it.
    """
    if not is_free(port):
        raise MeteoError(f"{service}: port {port} on {LOOPBACK} is busy{_holder(port)}; {way_out}")
    return port


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            # A socket that is not bound has an empty address.
            local = connection.laddr[1] if connection.laddr else None
            if connection.status == psutil.CONN_LISTEN and local == port and connection.pid:
                return f" (held by {psutil.Process(connection.pid).name()}, process {connection.pid})"
    except psutil.Error:
        return ""  # not allowed to look at other people's processes
    return ""


def wait_until_answers(port: int, still_runs: Callable[[], bool], seconds: float) -> bool:
    """Wait until `port` accepts a connection; give up when the server ended or after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answers(port):
            return True
        if not still_runs():
            return False
        time.sleep(0.02)
    return False
