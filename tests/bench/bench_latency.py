"""From a partner's event to the page: latency at 100 events a second, in a real browser.

    make bench ARGS="tests/bench/bench_latency.py"

Events are published one by one to a real Kafka; the real worker stores them; the real API tells the page, open in
Chromium with an operator's session, whose counter of observations moves. The latency of the n-th event is the
moment its count first stands on the page less the moment it was published. The yardstick is a bare aiokafka
consumer of the same topic in the same run: what the broker alone takes.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer
from playwright.sync_api import Page, sync_playwright

from infra.services.ports import choose_port
from streams.gateways.publisher import Publisher
from tests.bench.bench_intake import machine
from tests.fixtures.browser import CHROMIUM_ARGUMENTS
from tests.streams.stream_world import StreamWorld
from tests.streams.week import MONDAY, call

RATE = 100
SECONDS = 20
METEO = str(Path(sys.executable).with_name("meteo"))
# Told by the page itself: its own clock is the machine's, as ours is.
_WATCH = """() => {
  window.seen = [];
  const feed = new EventSource('/v1/stream');
  feed.addEventListener('observations', (event) => {
    window.seen.push([Date.now() / 1000, JSON.parse(event.data).received]);
  });
}"""


@contextmanager
def _serving(stream: StreamWorld) -> Iterator[tuple[str, dict[str, str]]]:
    port = choose_port()
    address = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "METEO_WORLD": stream.world.name,
        "METEO_DATABASE_URL": stream.database_url,
        "METEO_KAFKA_BOOTSTRAP": stream.bootstrap,
        "METEO_DATA_DIR": str(stream.folder),
        "METEO_API_PORT": str(port),
        "METEO_PUBLIC_URL": address,
    }
    with (stream.folder / "serve.log").open("ab") as log:
        process = subprocess.Popen([METEO, "serve"], env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{address}/healthz", timeout=2).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address, environment
    finally:
        process.terminate()
        process.wait(30)


def _publish(stream: StreamWorld) -> list[float]:
    """Publish at the rate, each event acknowledged by the broker in its own time; return the moments."""
    moments = []
    began = time.monotonic()
    with Publisher(stream.bootstrap, stream.world) as publisher:
        for number in range(RATE * SECONDS):
            wait = began + number / RATE - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            moments.append(time.time())
            publisher.publish("calls", [call(stream.world.name, number, MONDAY)])
        publisher.flush()
    return moments


class _BareConsumer(threading.Thread):
    """The yardstick: the moments at which a bare consumer holds the messages."""

    def __init__(self, stream: StreamWorld) -> None:
        super().__init__(daemon=True)
        self.stream = stream
        self.ready = threading.Event()
        self.moments: list[float] = []

    def run(self) -> None:
        asyncio.run(self._consume())

    async def _consume(self) -> None:
        topic = self.stream.world.topic("calls")
        consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=self.stream.bootstrap, auto_offset_reset="latest"
        )
        await consumer.start()
        await consumer.seek_to_end()
        self.ready.set()
        while len(self.moments) < RATE * SECONDS:
            batch = await consumer.getmany(timeout_ms=1000)
            self.moments += [time.time()] * sum(map(len, batch.values()))
        await consumer.stop()


def _seen(page: Page, wanted: int) -> list[tuple[float, int]]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        seen: list[tuple[float, int]] = page.evaluate("window.seen")
        if seen and seen[-1][1] >= wanted:
            return seen
        page.wait_for_timeout(100)
    raise AssertionError(f"the page saw {seen[-1:]} of {wanted}")


def _percentiles(late: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    p50, p95 = np.percentile(late * 1000, [50, 95])
    return f"p50 {p50:6.0f} ms   p95 {p95:6.0f} ms"


@pytest.mark.bench
@pytest.mark.browser
@pytest.mark.timeout(240)
def test_latency_from_event_to_page(
    kafka_bootstrap: str, timescale_database: str, chromium_path: str, tmp_path: Path
) -> None:
    stream = StreamWorld.made(kafka_bootstrap, timescale_database, tmp_path)
    with stream.worker(), _serving(stream) as (address, environment), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page()
        link = subprocess.run(
            [METEO, "operator", "link"], env=environment, capture_output=True, text=True, check=True
        )
        page.goto(link.stdout.strip())
        page.goto(f"{address}/")
        page.evaluate(_WATCH)
        stream.publish([call(stream.world.name, 10**6, MONDAY)])
        bare = _BareConsumer(stream)
        first = _seen(page, 1)[-1][1]
        bare.start()
        bare.ready.wait(30)
        published = np.array(_publish(stream))
        seen = _seen(page, first + len(published))
        bare.join(30)
        browser.close()
    counts = np.array([count - first for _, count in seen])
    moments = np.array([moment for moment, _ in seen])
    shown = moments[np.searchsorted(counts, np.arange(1, len(published) + 1))]
    print(f"\nevent to page at {RATE} events/s for {SECONDS} s: {machine()}")  # noqa: T201 - the benchmark's result
    print(f"  engine, to the page        {_percentiles(shown - published)}")  # noqa: T201 - the benchmark's result
    print(f"  bare consumer, to memory   {_percentiles(np.array(bare.moments) - published)}")  # noqa: T201 - as above
    assert len(shown) == RATE * SECONDS
