"""Settings refuse to operate unsafely, and say what to do."""

import pytest

from infra.errors import MeteoError
from infra.settings import Settings, load_settings
from infra.world import World


def test_the_demo_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METEO_WORLD", "demo")
    assert load_settings().this_world.kind == "demo"


def test_an_operational_world_refuses_to_start_without_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METEO_WORLD", "operational")
    for name in ("SECRET_KEY", "PSEUDONYM_KEY", "QUARANTINE_KEY"):
        monkeypatch.delenv(f"METEO_{name}", raising=False)
    with pytest.raises(MeteoError, match="METEO_SECRET_KEY must be set, 32 characters or more"):
        load_settings()


def test_an_operational_world_refuses_the_embedded_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METEO_WORLD", "operational")
    for name in ("SECRET_KEY", "PSEUDONYM_KEY", "QUARANTINE_KEY"):
        monkeypatch.setenv(f"METEO_{name}", "x" * 40)
    monkeypatch.delenv("METEO_DATABASE_URL", raising=False)
    with pytest.raises(MeteoError, match="METEO_DATABASE_URL"):
        load_settings()


def test_a_wrong_value_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METEO_API_PORT", "eighty")
    with pytest.raises(MeteoError, match="METEO_API_PORT"):
        load_settings()


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("name", ["", "Demo", "1demo", "demo-1", 'demo"; drop', "d" * 40])
def test_a_world_s_name_can_be_a_schema_and_a_topic(name: str) -> None:
    with pytest.raises(MeteoError, match="world"):
        World.named(name)


def test_worlds_do_not_share_a_schema_a_topic_or_a_group() -> None:
    one, two = World.named("demo"), World.named("replay2020")
    assert one.schema != two.schema
    assert one.topic("calls") != two.topic("calls")
    assert one.group("intake") != two.group("intake")
    assert [World.named(n).kind for n in ("demo", "replay2020", "exercise1", "nantes")] == [
        "demo",
        "replay",
        "exercise",
        "operational",
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CYCLES", '["25:00"]'), ("TIMEZONE", "Europe/Nantes"), ("WORLD", "Demo!"), ("RUN_DRAWS", "12")],
)
def test_a_value_that_cannot_be_meant_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(f"METEO_{variable}", value)
    with pytest.raises(MeteoError, match=f"METEO_{variable}"):
        load_settings()
