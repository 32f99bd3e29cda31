"""The one settings object: read from `METEO_…` variables, refused at start when unsafe outside the demo.

Every field is documented in `docs/reference/settings.md`, which the tests hold against this file.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.errors import MeteoError
from infra.world import World


class Settings(BaseSettings):
    """What can be set, each by `METEO_` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="METEO_", env_file=".env", extra="ignore", frozen=True)

    world: str = Field(
        "demo", description="World this process lives in; demo… and replay… send nothing outside."
    )
    data_dir: Path = Field(Path(".meteo"), description="Folder of the embedded services, logs and caches.")
    database_url: str | None = Field(
        None, description="PostgreSQL address (postgresql://…); empty means the embedded one."
    )
    database_pool_size: int = Field(8, ge=1, le=200, description="Database connections per process.")
    kafka_bootstrap: str | None = Field(
        None, description="Kafka addresses, host:port separated by commas; empty means the embedded broker."
    )
    kafka_partitions: int = Field(
        4, ge=1, le=256, description="Partitions of each topic made by this engine."
    )
    api_host: str = Field("127.0.0.1", description="Address the API listens on.")
    api_port: int = Field(8000, ge=1, le=65535, description="Port the API listens on.")
    public_url: str = Field("http://127.0.0.1:8000", description="Address readers use, for links in feeds.")
    secret_key: SecretStr | None = Field(
        None, description="Signs sessions and links, 32 characters or more; required outside the demo."
    )
    pseudonym_key: SecretStr | None = Field(
        None, description="Pseudonymises stays at gateways, 32 characters or more; required outside the demo."
    )
    quarantine_key: SecretStr | None = Field(
        None, description="Encrypts what a gateway could not read (Fernet key); required outside the demo."
    )
    territory: str = Field("44", description="Territory shown first.")
    issuer: str = Field("Météo santé (démonstration)", description="Who issues the bulletins, as shown.")
    timezone: str = Field("Europe/Paris", description="Civil time of the cycles.")
    cycles: tuple[str, ...] = Field(("05:30", "13:30"), description="Civil times at which a run starts.")
    run_draws: int = Field(1000, ge=200, le=20000, description="Draws of a published forecast.")
    run_coherence: Literal["bottom_up", "mint"] = Field(
        "bottom_up",
        description="Regions: sums of what is forecast of their départements (`bottom_up`), which `mint` first makes"
        " agree with a forecast of the region itself.",
    )
    run_on_new_data: bool = Field(
        True, description="Whether material new data starts a run, at most one an hour."
    )
    small_count_threshold: int = Field(
        11, ge=0, description="Smallest partner count that may be read from an output."
    )
    cache_dir: Path | None = Field(
        None, description="Folder of downloaded service files; by default below the user's cache folder."
    )
    odisse_url: str = Field(
        "https://odisse.santepubliquefrance.fr/api/explore/v2.1",
        description="Address of the publisher's open-data API used by `meteo fetch`.",
    )
    fetch_timeout: float = Field(20.0, gt=0, description="Seconds to wait for the publisher.")
    reference_data: Path | None = Field(
        None, description="Folder of reference surveillance data, for reports."
    )
    events_retention_days: int = Field(7, ge=1, description="Days that topics of individual events are kept.")
    log_format: Literal["console", "json"] = Field("console", description="How logs are written.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    debug: bool = Field(False, description="Show tracebacks on the command line.")

    @field_validator("world")
    @classmethod
    def _world_has_a_name(cls, value: str) -> str:
        try:
            return World.named(value).name
        except MeteoError as error:
            raise ValueError(str(error)) from None

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no time zone: write one like Europe/Paris")
        return value

    @field_validator("cycles")
    @classmethod
    def _cycles_are_times(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for cycle in value:
            if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", cycle):
                raise ValueError(f'{cycle!r} is no time of day: write ["05:30", "13:30"]')
        return tuple(sorted(value))

    @property
    def this_world(self) -> World:
        """The world this process lives in."""
        return World.named(self.world)

    @model_validator(mode="after")
    def _safe_outside_the_demo(self) -> Self:
        """Refuse to operate without its own secrets, or with those of the demonstration."""
        if not World.named(self.world).is_operational:
            return self
        for name in ("secret_key", "pseudonym_key", "quarantine_key"):
            secret: SecretStr | None = getattr(self, name)
            if secret is None or len(secret.get_secret_value()) < 32:
                raise ValueError(
                    f"METEO_{name.upper()} must be set, 32 characters or more, in world {self.world!r}: "
                    f"make one with `meteo settings secret`"
                )
        if self.database_url is None or self.kafka_bootstrap is None:
            raise ValueError(
                "METEO_DATABASE_URL and METEO_KAFKA_BOOTSTRAP must be set outside the demo: "
                "the embedded services are for one laptop"
            )
        return self


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises
    ------
    MeteoError
        Naming each variable that is wrong and what it must be.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"{'METEO_' + '_'.join(map(str, e['loc'])).upper() if e['loc'] else 'settings'}: {e['msg']}"
            for e in error.errors()
        ]
        raise MeteoError("\n".join(lines)) from None


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return load_settings()
