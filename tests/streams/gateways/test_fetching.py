"""The living portal, as a local server answers in its stead."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra.services.ports import choose_port
from streams.gateways.fetching import DatasetAway, PublisherAway, fetch_odisse
from streams.gateways.open_data.odisse import DATASETS

CSV = (
    "date_complet;semaine;reg;sursaud_cl_age_gene;taux_passages_grippe_sau\n"
    "2025-01-06;2025-S02;52;Tous âges;812,5\n"
)


class Portal(BaseHTTPRequestHandler):
    """Two addresses of each dataset: its description and its export."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        described = {"metas": {"default": {"data_processed": "2025-01-15T08:00:00+00:00"}}}
        export = "/exports/csv" in self.path
        body = CSV.encode() if export else json.dumps(described).encode()
        self.send_response(404 if "bronchiolite" in self.path else 200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def portal() -> Iterator[str]:
    handler = type("AskedPortal", (Portal,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api/explore/v2.1"
        server.shutdown()
        thread.join()


def test_a_dataset_comes_with_the_moment_it_was_processed(portal: str) -> None:
    (found,) = fetch_odisse(portal, date(2024, 12, 30), timeout=5, datasets=DATASETS[:1])
    assert not isinstance(found, DatasetAway)
    table, edition = found
    assert edition == datetime(2025, 1, 15, 8, tzinfo=UTC)
    assert (len(table), table.separator) == (1, ";")
    assert "where=date_complet" in table.source


def test_a_dataset_that_is_missing_is_named_and_the_others_go_on(portal: str) -> None:
    found = list(fetch_odisse(portal, date(2024, 12, 30), timeout=5))
    missing = [str(one) for one in found if isinstance(one, DatasetAway)]
    assert len(found) - len(missing) == len(DATASETS) - 1
    assert len(missing) == 1
    assert "bronchiolite" in missing[0]
    assert "answers 404" in missing[0]


def test_an_address_that_is_none_is_told_without_a_traceback() -> None:
    with pytest.raises(PublisherAway, match="cannot be reached"):
        list(fetch_odisse("http://127.0.0.1:port", date(2024, 12, 30), timeout=2))


def test_a_portal_that_is_away_is_told_apart() -> None:
    with pytest.raises(PublisherAway, match="cannot be reached"):
        list(fetch_odisse(f"http://127.0.0.1:{choose_port()}", date(2024, 12, 30), timeout=2))
