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


class DatasetAway(MeteoError):
    """The portal answers, but not with this dataset: renamed, withdrawn, or out of order."""


def fetch_odisse(
    portal: str, since: date, *, timeout: float, datasets: tuple[str, ...] = DATASETS
) -> Iterator[tuple[Table, datetime | None] | DatasetAway]:
    """Return each current dataset with its edition, or why it is not there: the others go on.

    Parameters
    ----------
    portal
        Address of the API (`…/api/explore/v2.1`).
    since
        First Monday asked for.

    Raises
    ------
    PublisherAway
        When the portal cannot be reached.
    """
    with httpx.Client(timeout=timeout, follow_redirects=True) as client:
        for dataset in datasets:
            try:
                edition = _edition(_get(client, dataset_address(portal, dataset)))
                address = export_address(portal, dataset, since)
                table = parse_table(_get(client, address).content, address, f"{dataset}.csv")
            except PublisherAway:
                raise
            except MeteoError as error:
                yield DatasetAway(str(error))
            else:
                yield table, edition


def _get(client: httpx.Client, address: str) -> httpx.Response:
    try:
        answer = client.get(address)
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        raise DatasetAway(f"{address}: the publisher answers {error.response.status_code}") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
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
