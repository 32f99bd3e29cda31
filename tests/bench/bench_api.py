"""Requests a second of `/v1/meteo/44` against a bare FastAPI route with the same bytes, in the same run.

Both are served by uvicorn in a process of their own and asked by the same client: `wrk` where it is installed, else
keep-alive connections of one asyncio loop. Turns alternate, so a busy machine slows both. Run it with
`python -m pytest tests/bench/bench_api.py -m bench -s`.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from infra.services.cluster import PostgresCluster
from infra.services.ports import choose_port
from tests.api.conftest import Served, assets_folder, served

__all__ = ["assets_folder", "served"]

SECONDS = 3.0
CONNECTIONS = 16
TURNS = 3
_BARE = """
import sys, uvicorn
from fastapi import FastAPI, Response
body = open(sys.argv[1], "rb").read()
app = FastAPI()
@app.get("/v1/meteo/{territory}")
async def one(territory: str) -> Response:
    return Response(body, media_type="application/json")
uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
"""
_OURS = """
import sys, uvicorn
from pathlib import Path
from api.application import create_app
from infra.settings import Settings
settings = Settings(world=sys.argv[1], data_dir=Path(sys.argv[2]), database_url=sys.argv[3],
                    kafka_bootstrap="127.0.0.1:1", _env_file=None)
uvicorn.run(create_app(settings), port=int(sys.argv[4]), log_config=None, access_log=False)
"""


@contextmanager
def _running(program: str, *arguments: str, port: int) -> Iterator[str]:
    command = [sys.executable, "-c", program, *arguments, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/v1/meteo/44"
    try:
        _await(address)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _await(address: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            assert httpx.get(address, timeout=5).status_code == 200
            return
        except httpx.TransportError:
            assert time.monotonic() < deadline, f"{address} does not answer"
            time.sleep(0.1)


def requests_per_second(address: str) -> float:
    """Return the rate at which an address answers."""
    if shutil.which("wrk"):
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS:.0f}s", address]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(r"Requests/sec:\s+([\d.]+)", told)
        assert found is not None, told
        return float(found[1])
    return asyncio.run(_asked(address))


async def _asked(address: str) -> float:
    port = int(address.split(":")[2].split("/")[0])
    request = f"GET /v1/meteo/44 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    stop = time.perf_counter() + SECONDS

    async def connection() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answered = 0
        while time.perf_counter() < stop:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None, head
            await reader.readexactly(int(length[1]))
            answered += 1
        writer.close()
        return answered

    counts = await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return sum(counts) / SECONDS


@pytest.mark.bench
def test_requests_per_second(
    served: Served, embedded_server: PostgresCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served.client() as client:
        body = client.get("/v1/meteo/44").content
    kept = tmp_path / "body.json"
    kept.write_bytes(body)
    ours_at = (served.world.name, str(served.settings.data_dir), served.database_url)
    with (
        _running(_BARE, str(kept), port=choose_port()) as bare,
        _running(_OURS, *ours_at, port=choose_port()) as ours,
    ):
        rates = [(requests_per_second(ours), requests_per_second(bare)) for _ in range(TURNS)]
    mine = statistics.median(r[0] for r in rates)
    plain = statistics.median(r[1] for r in rates)
    with capsys.disabled():
        sys.stdout.write(
            f"\n/v1/meteo/44 ({len(body)} bytes): {mine:,.0f} requests/s; bare FastAPI route with the same bytes: "
            f"{plain:,.0f}; ratio {mine / plain:.2f}\n"
        )
    assert mine > 0
