"""`meteo worker` and `meteo topics`: what reads the stream, and the topics it reads."""

from __future__ import annotations

import typer

from infra.settings import settings
from infra.telemetry import configure_logs


def worker() -> None:
    """Read the topics of this world and store what they bring; start several to share the partitions."""
    # Loaded here, so that `meteo` itself answers at once.
    from infra.services.embedded import database_url, kafka_bootstrap
    from streams.intake.worker import Worker, run_worker

    chosen = settings()
    configure_logs(chosen.log_format, chosen.log_level, "worker")
    database, bootstrap = database_url(chosen), kafka_bootstrap(chosen)
    run_worker(
        lambda: Worker(
            database,
            bootstrap,
            chosen.this_world,
            partitions=chosen.kafka_partitions,
            events_retention_days=chosen.events_retention_days,
        )
    )


def topics() -> None:
    """Make the topics of this world that are not there yet."""
    from infra.services.embedded import kafka_bootstrap
    from streams.topics import ensure_topics

    chosen = settings()
    made = ensure_topics(
        kafka_bootstrap(chosen),
        chosen.this_world,
        chosen.kafka_partitions,
        events_retention_days=chosen.events_retention_days,
    )
    typer.echo("\n".join(made) if made else "every topic is there already")
