"""Making one run: plan, gather, compute, store, tell; all that is stored in one transaction.

`recompute` makes the same run again from what it stored, which is how a run is proved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog

from forecasting import store
from forecasting.jobs.code import code_digest
from forecasting.jobs.compute import Computed, compute
from forecasting.jobs.cycles import Cycle
from forecasting.jobs.gather import Asked, gather, territories_with_data
from forecasting.jobs.inputs import RunInputs
from forecasting.jobs.regions import with_parents
from forecasting.jobs.seeds import run_seed
from forecasting.run import Reason, RunRecord, TerritoryBulletin
from forecasting.store.draft import RunDraft, RunPlan
from forecasting.store.encoding import message_document, moment_text
from infra.clock import Clock, civil_date
from infra.database import Connection
from infra.errors import MeteoError
from streams.outbox import announce
from streams.vocabulary.places import place

log = structlog.get_logger(__name__)


def make_plan(
    connection: Connection,
    world: str,
    cycle: Cycle,
    reason: Reason,
    asked: Asked,
    territories: Sequence[str] = (),
) -> RunPlan:
    """Return the plan of a run.

    Parameters
    ----------
    territories
        Those asked for; when none, all with data at the cycle's moment.

    Raises
    ------
    MeteoError
        When a territory is unknown, or when nothing at all is known at that moment.
    """
    chosen = [place(code).code for code in territories] or territories_with_data(connection, cycle.moment)
    if not chosen:
        raise MeteoError(
            f"no admissions are known at {cycle.moment.isoformat()}: import or replay data first, or name a territory"
        )
    return RunPlan(
        world=world,
        cycle=cycle.name,
        origin=civil_date(cycle.moment, asked.zone),
        as_of=cycle.moment,
        reason=reason,
        scope={"territories": chosen},
        seed=run_seed(world, cycle.name, cycle.moment),
        code_digest=code_digest(),
    )


def make_run(connection: Connection, plan: RunPlan, asked: Asked, clock: Clock) -> RunRecord:
    """Make a run in this process and commit it."""
    documents = gather(connection, plan, asked).documents()
    # What is read back from the bytes is what is computed with, here as in a proof.
    inputs = RunInputs.from_documents(documents)
    connection.rollback()
    computed = compute(inputs, plan, plan.scope["territories"])
    return seal(connection, plan, documents, computed, clock.now())


def seal(
    connection: Connection,
    plan: RunPlan,
    documents: Mapping[str, bytes],
    computed: Computed,
    created: datetime,
) -> RunRecord:
    """Store a computed run and tell of it, in one transaction, and commit."""
    draft = draft_of(plan, documents, computed)
    before = {b.territory: b for _, b in store.latest_bulletins(connection, plan.as_of)}
    with connection.transaction():
        record = store.write_run(connection, draft, created)
        for bulletin in draft.bulletins:
            _tell(connection, record, bulletin, before.get(bulletin.territory))
    connection.commit()
    log.info(
        "run_published",
        run=record.id,
        cycle=record.cycle,
        reason=record.reason,
        territories=len(draft.bulletins),
        series=len(draft.series),
        trust=record.trust,
    )
    return record


def draft_of(plan: RunPlan, documents: Mapping[str, bytes], computed: Computed) -> RunDraft:
    """Return a computed run, its regions summed, in the order in which it is hashed."""
    inputs = RunInputs.from_documents(documents)
    computed = with_parents(computed, inputs, plan)
    return RunDraft(
        plan=plan,
        inputs=documents,
        series=tuple(sorted(computed.series, key=lambda s: (s.territory, s.target.key, s.facility))),
        bulletins=tuple(sorted(computed.bulletins, key=lambda b: b.territory)),
        states=computed.states,
        state_scope=store.scope_key(inputs.panel.territories),
    )


def recompute(connection: Connection, run_id: int) -> tuple[RunRecord, RunDraft]:
    """Make a stored run again from its stored inputs.

    Raises
    ------
    MeteoError
        When there is no such run, or when this code is not the code that made it.
    """
    record = store.run(connection, run_id)
    if record is None:
        raise MeteoError(f"there is no run {run_id} in this world; `meteo run list` names them")
    if record.code_digest != code_digest():
        raise MeteoError(
            f"run {run_id} was made by other code ({record.code_digest[:12]}, this is {code_digest()[:12]}): "
            "check out that version to recompute it; `meteo run chain` proves what is stored"
        )
    plan = RunPlan(
        world=_world(connection),
        cycle=record.cycle,
        origin=record.origin,
        as_of=record.as_of,
        reason=record.reason,
        scope=record.scope,
        seed=record.seed,
        code_digest=record.code_digest,
    )
    documents = store.inputs(connection, run_id)
    computed = compute(RunInputs.from_documents(documents), plan, plan.scope["territories"])
    return record, draft_of(plan, documents, computed)


def _world(connection: Connection) -> str:
    row = connection.execute("SELECT current_schema()").fetchone()
    return str(row[0]).removeprefix("meteo_") if row else ""


def _tell(
    connection: Connection, record: RunRecord, bulletin: TerritoryBulletin, before: TerritoryBulletin | None
) -> None:
    news = {
        "run": record.id,
        "cycle": record.cycle,
        "origin": record.origin.isoformat(),
        "as_of": moment_text(record.as_of),
        "territory": bulletin.territory,
        "colour": bulletin.colour,
        "headline_day": bulletin.headline_day.isoformat() if bulletin.headline_day else None,
        "headline_unit": bulletin.headline_unit,
        "message": message_document(bulletin.message),
        "trust": bulletin.trust,
        "valid_until": moment_text(bulletin.valid_until),
    }
    announce(connection, "runs", bulletin.territory, news, public=True)
    if before is not None and before.colour != bulletin.colour:
        announce(
            connection, "alerts", bulletin.territory, {**news, "colour_before": before.colour}, public=True
        )
