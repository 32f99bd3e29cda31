"""Fetching: the current series of the publisher's living portal.

The edition of a dataset is the moment its data was processed last, told by the portal; never the moment of asking.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import httpx

from infra.errors import MeteoError
from streams.gateways.open_data.odisse import DATASETS, dataset_address, export_address
from streams.gateways.open_data.tables import Table, parse_table


class PublisherAway(MeteoError):
    """The publisher's portal cannot be reached."""


def fetch_odisse(
    portal: str, since: date, *, timeout: float, datasets: tuple[str, ...] = DATASETS
) -> Iterator[tuple[Table, datetime | None]]:
    """Return each current dataset with its edition.

    Parameters
    ----------
    portal
        Address of the API (`…/api/explore/v2.1`).
    since
        First Monday asked for.

    Raises
    ------
    PublisherAway
        When the portal cannot be reached or answers with an error.
    """
    with httpx.Client(timeout=timeout, follow_redirects=True) as client:
        for dataset in datasets:
            edition = _edition(_get(client, dataset_address(portal, dataset)))
            address = export_address(portal, dataset, since)
            yield parse_table(_get(client, address).content, address, f"{dataset}.csv"), edition


def _get(client: httpx.Client, address: str) -> httpx.Response:
    try:
        answer = client.get(address)
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        raise PublisherAway(f"{address}: the publisher answers {error.response.status_code}") from None
    except httpx.HTTPError as error:
        raise PublisherAway(f"{address}: cannot be reached ({error or type(error).__name__})") from None
    return answer


def _edition(answer: httpx.Response) -> datetime | None:
    try:
        described = answer.json()["metas"]["default"]
        written = described.get("data_processed") or described["modified"]
        moment = datetime.fromisoformat(written)
    except (ValueError, KeyError, TypeError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
