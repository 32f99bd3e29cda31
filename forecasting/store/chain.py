"""Proving the chain of runs: nothing was changed, left out or put in between.

Each run's digest covers its header, the manifest of its parts and the previous run's digest. So a change
anywhere shows either in the run itself or in the one after it.
"""

from __future__ import annotations

from dataclasses import dataclass

from forecasting.run import RunRecord
from forecasting.store import canonical
from forecasting.store.draft import bulletin_digest, run_digest
from forecasting.store.encoding import series_digests, series_key
from forecasting.store.reading import inputs, run, run_bulletins, run_series
from infra.database import Connection


@dataclass(frozen=True)
class ChainFault:
    """One thing that does not agree.

    Attributes
    ----------
    run_id
        The run in which it shows.
    part
        `digest`, `previous`, `number`, or the part of the manifest and its name.
    """

    run_id: int
    part: str


def check_run(connection: Connection, record: RunRecord) -> list[ChainFault]:
    """Compare everything stored of one run with its manifest, and its manifest with its digest."""
    found: dict[str, dict[str, object]] = {
        "inputs": {
            name: canonical.digest(content) for name, content in inputs(connection, record.id).items()
        },
        "series": {},
        "territories": {b.territory: bulletin_digest(b) for b in run_bulletins(connection, record.id)},
    }
    kept = _draws_digests(connection, record.id)
    for series in run_series(connection, record.id):
        key = series_key(series)
        found["series"][key] = series_digests(series, kept[key])
    faults = [] if run_digest(record) == record.digest else [ChainFault(record.id, "digest")]
    for part, digests in found.items():
        stated = record.manifest[part]
        faults += [
            ChainFault(record.id, f"{part} {name}")
            for name in sorted(stated.keys() | digests.keys())
            if stated.get(name) != digests.get(name)
        ]
    return faults


def _draws_digests(connection: Connection, run_id: int) -> dict[str, str]:
    rows = connection.execute(
        "SELECT territory, target, facility, draws_digest FROM run_series WHERE run_id = %s", (run_id,)
    )
    return {"|".join(row[:3]): row[3].hex() for row in rows}


def check_chain(connection: Connection, *, parts: bool = True) -> tuple[int, list[ChainFault]]:
    """Walk the chain of this world from its first run.

    Parameters
    ----------
    parts
        Whether to compare every stored part too, or the headers only.

    Returns
    -------
    int
        Runs walked.
    list of ChainFault
        Empty when the chain holds.
    """
    faults: list[ChainFault] = []
    numbers = [row[0] for row in connection.execute("SELECT id FROM run ORDER BY id")]
    previous: str | None = None
    for place, number in enumerate(numbers, start=1):
        record = run(connection, number)
        if record is None:
            continue
        if number != place + (numbers[0] - 1) or numbers[0] != 1:
            faults.append(ChainFault(number, "number"))
        if record.previous_digest != previous:
            faults.append(ChainFault(number, "previous"))
        if parts:
            faults += check_run(connection, record)
        elif run_digest(record) != record.digest:
            faults.append(ChainFault(number, "digest"))
        previous = record.digest
    return len(numbers), faults
