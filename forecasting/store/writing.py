"""Storing a run: one transaction holds the run, its proof and the news of it.

Runs of one world are written one after the other, under a lock of the transaction, so that each is numbered and
chained after the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from psycopg.types.json import Jsonb

from forecasting.run import RunRecord, SeriesForecast, TerritoryBulletin, VigilanceDay
from forecasting.store import canonical
from forecasting.store.draft import CONFIG, PANEL, RULES, STATE, RunDraft, run_digest
from forecasting.store.encoding import (
    freshness_document,
    leadlag_document,
    message_document,
    series_digests,
)
from infra.database import Connection

CHAIN_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/run chain', 0))"


def write_run(connection: Connection, draft: RunDraft, created: datetime) -> RunRecord:
    """Store a run and chain it to the previous one; committed by the caller.

    Parameters
    ----------
    created
        The world's present moment, aware.

    Returns
    -------
    RunRecord
        With its number and digest.
    """
    connection.execute(CHAIN_LOCK)
    record = _record(connection, draft, created)
    _insert_run(connection, record)
    _insert_inputs(connection, record, draft.inputs)
    _insert_states(connection, record, draft)
    _insert_series(connection, record.id, draft.series)
    _insert_bulletins(connection, record.id, draft.bulletins)
    _insert_days(connection, record.id, (day for b in draft.bulletins for day in b.days))
    return record


def _record(connection: Connection, draft: RunDraft, created: datetime) -> RunRecord:
    row = connection.execute("SELECT id, digest FROM run ORDER BY id DESC LIMIT 1").fetchone()
    number, previous = (row[0] + 1, row[1].hex()) if row else (1, None)
    manifest = draft.manifest()
    inputs = manifest["inputs"]
    plan = draft.plan
    record = RunRecord(
        id=number,
        cycle=plan.cycle,
        origin=plan.origin,
        as_of=plan.as_of,
        created=created,
        reason=plan.reason,
        scope=dict(plan.scope),
        seed=plan.seed,
        code_digest=plan.code_digest,
        config_digest=inputs[CONFIG],
        rules_digest=inputs[RULES],
        panel_digest=inputs[PANEL],
        state_digest=inputs[STATE],
        manifest=manifest,
        previous_digest=previous,
        digest="",
        trust=draft.trust,
    )
    return replace(record, digest=run_digest(record))


def _insert_run(connection: Connection, record: RunRecord) -> None:
    previous = bytes.fromhex(record.previous_digest) if record.previous_digest else None
    connection.execute(
        "INSERT INTO run (id, cycle, origin, as_of, created, reason, scope, seed, code_digest, config_digest,"
        " rules_digest, panel_digest, state_digest, manifest, previous_digest, digest, trust)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            record.id,
            record.cycle,
            record.origin,
            record.as_of,
            record.created,
            record.reason,
            Jsonb(record.scope),
            record.seed,
            bytes.fromhex(record.code_digest),
            bytes.fromhex(record.config_digest),
            bytes.fromhex(record.rules_digest),
            bytes.fromhex(record.panel_digest),
            bytes.fromhex(record.state_digest),
            Jsonb(record.manifest),
            previous,
            bytes.fromhex(record.digest),
            record.trust,
        ),
    )


def _put_content(connection: Connection, content: bytes, created: datetime) -> bytes:
    key = bytes.fromhex(canonical.digest(content))
    connection.execute(
        "INSERT INTO run_content (digest, content, created) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (key, canonical.compress(content), created),
    )
    return key


def _insert_inputs(connection: Connection, record: RunRecord, inputs: Mapping[str, bytes]) -> None:
    for name, content in inputs.items():
        key = _put_content(connection, content, record.created)
        connection.execute(
            "INSERT INTO run_input (run_id, name, digest) VALUES (%s, %s, %s)", (record.id, name, key)
        )


def _insert_states(connection: Connection, record: RunRecord, draft: RunDraft) -> None:
    for name, content in draft.states.items():
        key = _put_content(connection, content, record.created)
        connection.execute(
            "INSERT INTO model_state (scope, name, as_of, digest, run_id) VALUES (%s, %s, %s, %s, %s)",
            (draft.state_scope, name, record.as_of, key, record.id),
        )


def scope_key(territories: Iterable[str]) -> str:
    """Return the name under which the state of models fitted to these territories is kept."""
    return canonical.digest(canonical.document(list(territories)))[:16]


def _insert_series(connection: Connection, run_id: int, series: Iterable[SeriesForecast]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO run_series (run_id, territory, target, facility, unit_of_measure, horizons, levels,"
            " quantiles, mean, draws, draws_digest, models, explanation)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    run_id,
                    s.territory,
                    s.target.key,
                    s.facility,
                    s.unit_of_measure,
                    list(s.horizons),
                    list(s.levels),
                    s.quantiles.tolist(),
                    s.mean.tolist(),
                    None if s.draws is None else canonical.array_bytes(s.draws),
                    bytes.fromhex(series_digests(s)["draws"]),
                    Jsonb(dict(s.models)),
                    None if s.explanation is None else Jsonb(dict(s.explanation)),
                )
                for s in series
            ],
        )


def _insert_bulletins(connection: Connection, run_id: int, bulletins: Iterable[TerritoryBulletin]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO run_territory (run_id, territory, trust, trust_causes, colour, headline_day,"
            " headline_unit, message_key, message_params, freshness, leadlag, valid_until)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    run_id,
                    b.territory,
                    b.trust,
                    Jsonb([message_document(m) for m in b.trust_causes]),
                    b.colour,
                    b.headline_day,
                    b.headline_unit,
                    b.message.key,
                    Jsonb(dict(b.message.params)),
                    Jsonb([freshness_document(f) for f in b.freshness]),
                    Jsonb([leadlag_document(r) for r in b.leadlag]),
                    b.valid_until,
                )
                for b in bulletins
            ],
        )


def _insert_days(connection: Connection, run_id: int, days: Iterable[VigilanceDay]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO run_day (run_id, territory, facility, unit, day, horizon, colour, raw_colour,"
            " probability, beds_needed, beds_free, basis, driver)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    run_id,
                    d.territory,
                    d.facility,
                    d.unit,
                    d.day,
                    d.horizon,
                    d.colour,
                    d.raw_colour,
                    d.probability,
                    None if d.beds_needed is None else Jsonb(dict(d.beds_needed)),
                    None if d.beds_free is None else Jsonb(dict(d.beds_free)),
                    d.basis,
                    d.driver,
                )
                for d in days
            ],
        )


def prune_draws(connection: Connection, before: datetime) -> int:
    """Drop the draws of runs whose as-of is before a moment; digests and quantiles stay.

    Returns
    -------
    int
        Series pruned.
    """
    done = connection.execute(
        "UPDATE run_series SET draws = NULL FROM run"
        " WHERE run.id = run_series.run_id AND run.as_of < %s AND draws IS NOT NULL",
        (before,),
    )
    return done.rowcount
