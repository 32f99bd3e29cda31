"""Logs and metrics: structured lines on standard error, Prometheus counters by process.

>>> configure_logs("json", "info")
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(
    form: Literal["console", "json"], level: Literal["debug", "info", "warning", "error"], process: str = ""
) -> None:
    """Send our logs and those of the libraries through one formatter to standard error.

    Parameters
    ----------
    form
        `console` for a person, `json` for a collector: one object a line.
    level
        Least level written; libraries are held at `warning` or above.
    process
        Name of this process, bound to every line.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(form)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(_LEVELS[level], logging.WARNING))
    for ours in ("infra", "streams", "forecasting", "api"):
        logging.getLogger(ours).setLevel(_LEVELS[level])
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    if process:
        structlog.contextvars.bind_contextvars(process=process)


def _rendering(form: Literal["console", "json"]) -> list[structlog.typing.Processor]:
    """Return the last steps of a line: a traceback is one field in JSON, and laid out by the renderer on a console."""
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Without the values of local variables: an address may hold a password.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
