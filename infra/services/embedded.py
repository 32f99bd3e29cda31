"""The two embedded services of a laptop together: a broker and a database in one folder.

Whoever needs them asks for their addresses with `kafka_bootstrap` and `database_url`, which prefer what the
settings name and otherwise find the services running in the settings' folder.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.errors import MeteoError
from infra.services.cluster import PostgresCluster
from infra.services.jars import Say
from infra.services.kafka import KafkaBroker
from infra.services.postgres import embedded_postgres
from infra.settings import Settings


class EmbeddedServices:
    """The broker and the database of a folder.

    Parameters
    ----------
    folder
        Folder of both; each has its own below it.
    kafka_port, postgres_port
        Ports to use; when None, those used last or free ones.
    say
        Told what takes time.
    """

    def __init__(
        self,
        folder: Path,
        *,
        kafka_port: int | None = None,
        postgres_port: int | None = None,
        say: Say | None = None,
    ) -> None:
        self.broker = KafkaBroker(folder / "kafka", port=kafka_port, say=say)
        self.database: PostgresCluster = embedded_postgres(folder / "postgres", port=postgres_port)

    def start(self, *, detached: bool = False) -> Self:
        """Start both side by side; where one cannot start, the other is stopped again.

        Raises
        ------
        MeteoError
            What the first that failed said.
        """
        with ThreadPoolExecutor(max_workers=2) as pool:
            broker = pool.submit(self.broker.start, detached=detached)
            database = pool.submit(self.database.start, detached=detached)
        try:
            broker.result()
            database.result()
        except BaseException:
            self._stop_owned()
            raise
        return self

    def stop(self) -> None:
        """Stop both, whoever started them."""
        self.broker.stop()
        self.database.stop()

    def _stop_owned(self) -> None:
        if self.broker.owned:
            self.broker.stop()
        if self.database.owned:
            self.database.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_owned()


def kafka_bootstrap(settings: Settings) -> str:
    """Return the address of the broker to use.

    Raises
    ------
    MeteoError
        When none is set and no embedded broker runs.
    """
    return settings.kafka_bootstrap or KafkaBroker(settings.data_dir / "kafka").bootstrap


def database_url(settings: Settings) -> str:
    """Return the address of the database to use.

    Raises
    ------
    MeteoError
        When none is set and no embedded database runs.
    """
    if settings.database_url:
        return settings.database_url
    try:
        return embedded_postgres(settings.data_dir / "postgres").url()
    except PermissionError as error:
        raise MeteoError(
            f"the embedded database in {settings.data_dir} belongs to another account: run as that account"
        ) from error
