"""The store of runs: published forecasts, their inputs and proofs, and how good they were.

Functions take an open connection of the world and leave the transaction to their caller. Nothing is computed
here: runs are made in `forecasting.jobs`.
"""

from forecasting.store.chain import ChainFault, check_chain, check_run
from forecasting.store.draft import RunDraft, RunPlan
from forecasting.store.reading import (
    bulletin,
    facilities,
    inputs,
    latest_bulletin,
    latest_bulletins,
    run,
    run_bulletins,
    run_series,
    runs,
    series,
    states,
    targets,
)
from forecasting.store.writing import prune_draws, write_run

__all__ = [
    "ChainFault",
    "RunDraft",
    "RunPlan",
    "bulletin",
    "check_chain",
    "check_run",
    "facilities",
    "inputs",
    "latest_bulletin",
    "latest_bulletins",
    "prune_draws",
    "run",
    "run_bulletins",
    "run_series",
    "runs",
    "series",
    "states",
    "targets",
    "write_run",
]
