"""What the embedded services need of a machine, said clearly where it is missing."""

from __future__ import annotations

import os
import platform

from infra.errors import MeteoError

OLDEST_GLIBC = (2, 28)


def glibc_version() -> tuple[int, int] | None:
    """Return the version of the C library, or None when it is not glibc."""
    try:
        name, _, version = os.confstr("CS_GNU_LIBC_VERSION").partition(" ")  # type: ignore[union-attr]  # None is caught
        major, minor = version.split(".")[:2]
    except (AttributeError, ValueError, OSError):
        return None
    return (int(major), int(minor)) if name == "glibc" else None


def check_machine() -> None:
    """Refuse a machine on which the packaged programs cannot run.

    Raises
    ------
    MeteoError
        Naming what is missing: Linux, x86-64 or glibc 2.28.
    """
    own = "; use services of your own through METEO_KAFKA_BOOTSTRAP and METEO_DATABASE_URL"
    if platform.system() != "Linux":
        raise MeteoError(f"the embedded services run on Linux, this is {platform.system()}{own}")
    if platform.machine() not in ("x86_64", "AMD64"):
        raise MeteoError(f"the embedded services run on x86-64, this is {platform.machine()}{own}")
    found = glibc_version()
    if found is None or found < OLDEST_GLIBC:
        name = "another C library" if found is None else f"glibc {found[0]}.{found[1]}"
        raise MeteoError(f"the embedded services need glibc 2.28 or newer, this is {name}{own}")
