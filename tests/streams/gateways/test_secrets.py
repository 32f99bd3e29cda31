"""What leaves a gateway tells nothing of whom it is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from infra.clock import FixedClock
from infra.errors import MeteoError
from streams.gateways.pseudonyms import KeyRing, PseudonymKey, read_key_ring
from streams.gateways.quarantine import Quarantine, Refusal

OLD = PseudonymKey("k1", date(2020, 1, 1), b"a" * 32)
NEW = PseudonymKey("k2", date(2020, 9, 1), b"b" * 32)


def test_a_stay_keeps_its_token_over_a_rotation() -> None:
    before, after = KeyRing((OLD,)), KeyRing((NEW, OLD))
    began = date(2020, 8, 31)
    assert before.token("chu", "IPP1/42", began) == after.token("chu", "IPP1/42", began)
    assert after.token("chu", "IPP1/42", date(2020, 9, 1)).key_id == "k2"
    assert after.token("chu", "IPP1/42", began).token != after.token("ch", "IPP1/42", began).token
    assert {p.key_id for p in after.tokens_of("chu", "IPP1/42")} == {"k1", "k2"}


def test_a_day_before_every_key_is_refused() -> None:
    with pytest.raises(MeteoError, match="no pseudonym key covers 2019-12-31"):
        KeyRing((OLD, NEW)).token("chu", "1", date(2019, 12, 31))


def test_keys_are_long_and_private_and_never_printed(tmp_path: Path) -> None:
    with pytest.raises(MeteoError, match="too short"):
        PseudonymKey("k", date(2020, 1, 1), b"short")
    assert "aaaa" not in repr(KeyRing((OLD,)))
    path = tmp_path / "keys.json"
    path.write_text('[{"key_id": "k1", "valid_from": "2020-01-01", "secret": "' + "s" * 32 + '"}]')
    path.chmod(0o644)
    with pytest.raises(MeteoError, match="chmod 600"):
        read_key_ring(path)
    path.chmod(0o600)
    assert read_key_ring(path).keys[0].key_id == "k1"


def test_quarantine_gives_back_what_it_kept_and_lets_go_in_time(tmp_path: Path) -> None:
    now = datetime(2020, 9, 1, tzinfo=UTC)
    kept = Quarantine(tmp_path / "q", None, FixedClock(now), retention=timedelta(days=30))
    entry = kept.put(b"Dupont;Jeanne", Refusal("not a date", "file.csv, line 2", "jour", "spf"))
    again = kept.put(b"Dupont;Jeanne", Refusal("not a date", "file.csv, line 2", "jour", "spf"))
    assert again.quarantine_id == entry.quarantine_id
    assert [e.quarantine_id for e in kept.entries()] == [entry.quarantine_id]
    assert kept.read(entry.quarantine_id) == (entry, b"Dupont;Jeanne")
    assert not any(b"Dupont" in path.read_bytes() for path in (tmp_path / "q").iterdir())
    later = Quarantine(
        tmp_path / "q", None, FixedClock(now + timedelta(days=31)), retention=timedelta(days=30)
    )
    assert later.purge() == 1
    with pytest.raises(MeteoError, match="was let go, or never kept here"):
        later.read(entry.quarantine_id)


def test_a_wrong_key_opens_nothing(tmp_path: Path) -> None:
    clock = FixedClock(datetime(2020, 9, 1, tzinfo=UTC))
    entry = Quarantine(tmp_path, None, clock, retention=timedelta(days=1)).put(b"x", Refusal("r", "p"))
    other = Quarantine(tmp_path, "A" * 43 + "=", clock, retention=timedelta(days=1))
    with pytest.raises(MeteoError, match="closed with another key"):
        other.read(entry.quarantine_id)
    with pytest.raises(MeteoError, match="no Fernet key"):
        Quarantine(tmp_path, "short", clock, retention=timedelta(days=1))
