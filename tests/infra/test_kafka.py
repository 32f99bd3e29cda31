"""The broker keeps what it acknowledged, says what is wrong, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from infra.errors import MeteoError
from infra.services import ports
from infra.services.kafka import KafkaBroker

TOPIC = "kept"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """Run a broker that tests may kill."""
    with KafkaBroker(tmp_path_factory.mktemp("killed")) as broker:
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        admin.create_topics([NewTopic(TOPIC, 2, 1)])
        admin.close()
        yield broker


def _send(broker: KafkaBroker, first: int, count: int) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    for number in range(first, first + count):
        producer.send(TOPIC, str(number).encode())
    producer.flush()
    producer.close()


def _read(broker: KafkaBroker, group: str | None, at_most: int) -> list[int]:
    consumer = KafkaConsumer(
        bootstrap_servers=broker.bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=3_000,
    )
    consumer.assign([TopicPartition(TOPIC, partition) for partition in (0, 1)])
    numbers = []
    for message in consumer:
        numbers.append(int(message.value))
        if len(numbers) == at_most:
            break
    if group:
        consumer.commit()
    consumer.close()
    return numbers


@pytest.mark.slow
@pytest.mark.faults
def test_messages_and_offsets_survive_a_kill(broker: KafkaBroker) -> None:
    _send(broker, 0, 500)
    before = _read(broker, "readers", 200)
    address = broker.bootstrap
    broker.kill()
    assert broker.record is None
    broker.start()
    assert broker.bootstrap == address
    _send(broker, 500, 100)
    after = _read(broker, "readers", 400)
    assert sorted(before + after) == list(range(600))
    assert sorted(_read(broker, None, 600)) == list(range(600))


def test_a_topic_is_never_made_by_a_misspelt_name(broker: KafkaBroker) -> None:
    consumer = KafkaConsumer("mispelt", bootstrap_servers=broker.bootstrap, consumer_timeout_ms=500)
    list(consumer)
    consumer.close()
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    assert "mispelt" not in admin.list_topics()
    admin.close()


def test_a_second_start_joins_the_running_broker(broker: KafkaBroker) -> None:
    second = KafkaBroker(broker.folder).start()
    assert second.bootstrap == broker.bootstrap
    assert not second.owned


def test_a_second_start_with_another_port_is_refused(broker: KafkaBroker) -> None:
    with pytest.raises(MeteoError, match=r"already runs on .* services down"):
        KafkaBroker(broker.folder, port=ports.choose_port()).start()


def test_a_busy_port_is_named_with_its_holder(broker: KafkaBroker, tmp_path: Path) -> None:
    busy = int(broker.bootstrap.rpartition(":")[2])
    with pytest.raises(MeteoError, match=rf"port {busy} on 127.0.0.1 is busy \(held by java, process \d+\)"):
        KafkaBroker(tmp_path, port=busy).start()
    assert not (tmp_path / "running.json").exists()


def test_a_half_made_folder_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(MeteoError, match=r"half-made .* delete it, then start again"):
        KafkaBroker(tmp_path).start()


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MeteoError, match="cannot be used for Kafka's data"):
        KafkaBroker(tmp_path / "file").start()


def test_no_broker_no_address(tmp_path: Path) -> None:
    with pytest.raises(MeteoError, match="no Kafka broker runs"):
        _ = KafkaBroker(tmp_path).bootstrap


@pytest.mark.slow
def test_the_broker_ends_with_its_owner_and_not_when_left_running(tmp_path: Path) -> None:
    owner = (
        "import sys; from pathlib import Path; from infra.services.kafka import KafkaBroker\n"
        "KafkaBroker(Path(sys.argv[1])).start(detached=sys.argv[2] == 'detached')\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for manner in ("detached", "owned"):
        subprocess.run([sys.executable, "-c", owner, str(tmp_path), manner], check=False, timeout=60)
        broker = KafkaBroker(tmp_path)
        record = broker.record
        if manner == "detached":
            assert record is not None
            broker.stop()
        elif record is not None:
            psutil.wait_procs([psutil.Process(record.pid)], timeout=20)
        assert broker.record is None
        assert _processes_using(tmp_path) == []


def _processes_using(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        if str(folder) in words:
            found.append(words)
    return found


def test_two_programs_that_start_the_same_broker_at_once_share_it(tmp_path: Path) -> None:
    brokers = [KafkaBroker(tmp_path), KafkaBroker(tmp_path)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda broker: broker.start(), brokers))
    assert brokers[0].bootstrap == brokers[1].bootstrap
    assert sorted(broker.owned for broker in brokers) == [False, True]
    for broker in brokers:
        broker.stop()
    assert brokers[0].record is None
