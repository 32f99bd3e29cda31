"""Only files with the hash of the lock are started, whoever serves them."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.errors import MeteoError
from infra.services.jars import LOCK_FILE, LockedJar, cache_folder, kafka_jars, locked_jars

SMALL = ("slf4j-simple", "jopt-simple")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    """Write a lock of two small files of the real one."""
    lines = []
    for jar in locked_jars():
        if jar.artifact in SMALL:
            lines.append(
                f'[[dependencies]]\ngroupId = "{jar.group}"\nartifactId = "{jar.artifact}"\n'
                f'version = "{jar.version}"\nsha256 = "{jar.sha256}"\n'
            )
    path = tmp_path / "jgo.lock.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def mirror(tmp_path: Path, lock_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve those files on this machine, and set jgo to that mirror."""
    kafka_jars()  # fetched by the broker's first start, if not before
    folder = tmp_path / "mirror"
    source = cache_folder() / "jars"
    for jar in locked_jars(lock_file):
        target = jar.path_under(folder)
        target.parent.mkdir(parents=True)
        shutil.copy(jar.path_under(source), target)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings = tmp_path / "jgo.conf"
    settings.write_text(f"[repositories]\nmirror = http://127.0.0.1:{server.server_port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_lock_holds_every_hash_and_no_address() -> None:
    assert len(locked_jars()) == 46
    assert all(len(jar.sha256) == 64 for jar in locked_jars())
    assert "://" not in LOCK_FILE.read_text()


def test_files_come_from_the_mirror_jgo_is_set_to_and_then_from_the_folder(
    mirror: Path, lock_file: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    paths = kafka_jars(tmp_path / "jars", said.append, lock_file)
    assert sorted(path.name for path in paths) == ["jopt-simple-5.0.4.jar", "slf4j-simple-1.7.36.jar"]
    assert said == ["fetching Apache Kafka: 2 of 2 files"]
    shutil.rmtree(mirror)
    assert kafka_jars(tmp_path / "jars", said.append, lock_file) == paths
    assert len(said) == 1


def test_a_damaged_file_is_fetched_again(mirror: Path, lock_file: Path, tmp_path: Path) -> None:
    path = kafka_jars(tmp_path / "jars", None, lock_file)[0]
    path.write_bytes(path.read_bytes()[:100])
    said: list[str] = []
    assert kafka_jars(tmp_path / "jars", said.append, lock_file)[0] == path
    assert said == ["fetching Apache Kafka: 1 of 2 files"]


def test_another_content_is_thrown_away(mirror: Path, lock_file: Path, tmp_path: Path) -> None:
    served: LockedJar = locked_jars(lock_file)[0]
    served.path_under(mirror).write_bytes(b"something else")
    with pytest.raises(MeteoError, match=r"1 of 2 files .* has not the SHA-256 of the lock"):
        kafka_jars(tmp_path / "jars", None, lock_file)
    assert not served.path_under(tmp_path / "jars").exists()


def test_without_network_the_error_says_what_to_do(mirror: Path, lock_file: Path, tmp_path: Path) -> None:
    shutil.rmtree(mirror)
    with pytest.raises(MeteoError, match=r"2 of 2 files could not be had.*needs the network"):
        kafka_jars(tmp_path / "jars", None, lock_file)


def test_a_lock_without_a_hash_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "unsafe.lock.toml"
    lock.write_text('[[dependencies]]\ngroupId = "g"\nartifactId = "a"\nversion = "1"\n')
    with pytest.raises(MeteoError, match="a has no sha256"):
        locked_jars(lock)
