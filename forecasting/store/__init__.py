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
    last_moments,
    latest_bulletin,
    latest_bulletins,
    published_ahead,
    run,
    run_bulletins,
    run_series,
    runs,
    series,
    states,
    targets,
)
from forecasting.store.reference import append_reference, previous_colours, reference_document
from forecasting.store.scores import Score, Skill, record_scores, scores, skill, unscored_runs
from forecasting.store.writing import prune_draws, scope_key, write_run

__all__ = [
    "ChainFault",
    "RunDraft",
    "RunPlan",
    "Score",
    "Skill",
    "append_reference",
    "bulletin",
    "check_chain",
    "check_run",
    "facilities",
    "inputs",
    "last_moments",
    "latest_bulletin",
    "latest_bulletins",
    "previous_colours",
    "prune_draws",
    "published_ahead",
    "record_scores",
    "reference_document",
    "run",
    "run_bulletins",
    "run_series",
    "runs",
    "scope_key",
    "scores",
    "series",
    "skill",
    "states",
    "targets",
    "unscored_runs",
    "write_run",
]
