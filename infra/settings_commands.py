"""`meteo settings show|secret`: what is set, with secrets hidden, and new secrets."""

from __future__ import annotations

import secrets as random_secrets
from typing import Annotated

import typer
from cryptography.fernet import Fernet
from pydantic import SecretStr

from infra.settings import Settings, load_settings

settings = typer.Typer(help="Show the settings, make secrets.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `settings` to the command line."""
    app.add_typer(settings, name="settings")


def shown(values: Settings) -> list[tuple[str, str]]:
    """Return each variable and its value as text; secrets and passwords are not shown."""
    return [
        (f"METEO_{name.upper()}", _text(name, getattr(values, name))) for name in type(values).model_fields
    ]


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "(hidden)"
    if name == "database_url" and "@" in str(value):
        scheme, _, rest = str(value).partition("://")
        login, _, address = rest.rpartition("@")
        return f"{scheme}://{login.partition(':')[0]}@{address}"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


@settings.command()
def show() -> None:
    """Print every setting as this process reads it."""
    for name, value in shown(load_settings()):
        typer.echo(f"{name}={value}")


@settings.command()
def secret(
    fernet: Annotated[bool, typer.Option("--fernet", help="A Fernet key, for METEO_QUARANTINE_KEY.")] = False,
) -> None:
    """Print a new random secret."""
    typer.echo(Fernet.generate_key().decode() if fernet else random_secrets.token_urlsafe(36))
