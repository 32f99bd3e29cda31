"""Run a back-test: origins in parallel processes, each result cached, so that it can be stopped and taken up again.

Each origin is a cold call of the library with its panel as of then: nothing is handed from one origin to
the next, so the order and the number of workers change nothing. A cached result is found by the task's
digest, the digest of the library's code and the origin.
"""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, pthread_sigmask

import numpy as np
from numpy.typing import NDArray

from forecasting.backtest.task import Task
from forecasting.backtest.yardstick import persistence_quantiles
from forecasting.distribution import QUANTILE_LEVELS
from forecasting.panel import Floats

ENSEMBLE = "ensemble"
YARDSTICK = "yardstick"
SEED = 20210101
DRAWS = 1000


@dataclass(frozen=True)
class OriginResult:
    """Everything kept of one origin.

    Attributes
    ----------
    origin : datetime64[D]
    truth : ndarray, shape (territory, horizon)
    quantiles : mapping of model to ndarray, shape (territory, horizon, level)
        The published ensemble (read from its draws), the yardstick, and each model at the horizons that are
        anchors.
    daily : ndarray, shape (territory, period, level)
        Published quantiles of single periods 1, 2, … ; empty when the target is single periods already.
    daily_truth : ndarray, shape (territory, period)
    weights : mapping of model to weight
    """

    origin: np.datetime64
    truth: Floats
    quantiles: dict[str, Floats]
    daily: Floats
    daily_truth: Floats
    weights: dict[str, float]


def run(
    task: Task,
    cache: Path,
    workers: int,
    progress: Callable[[int], None] = lambda done: None,
    draws: int = DRAWS,
) -> list[OriginResult]:
    """Run every origin of a task that is not cached yet, and return all results in order of origin.

    Parameters
    ----------
    task : Task
    cache : Path
        Folder of results; made when missing.
    workers : int
        Processes; 1 runs in this one.
    progress : callable
        Called with the number of origins done.
    draws : int
    """
    folder = cache / f"{task.name}-{task.digest()}-{code_digest()}-{draws}"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [o for o in task.origins if not (folder / f"{o}.npz").exists()]
    progress(len(task.origins) - len(missing))
    if workers <= 1 or len(missing) <= 1:
        for origin in missing:
            _save(folder, forecast_origin(task, origin, draws))
            progress(1)
    else:
        _in_processes(task, missing, folder, workers, progress, draws)
    return [_load(folder / f"{o}.npz", o) for o in task.origins]


def _in_processes(
    task: Task,
    missing: list[np.datetime64],
    folder: Path,
    workers: int,
    progress: Callable[[int], None],
    draws: int,
) -> None:
    # One thread a process: numeric libraries' own threads would fight over the same cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    others = set(active_children())
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_take, initargs=(task,))
    left: set[Future[OriginResult]] = set()
    try:
        with _interrupts_held_back():
            left |= {pool.submit(_forecast_taken, origin, draws) for origin in missing}
        for done in as_completed(tuple(left)):
            _save(folder, done.result())
            left.remove(done)
            progress(1)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(active_children()) - others:
            process.terminate()
        for done in left:
            if done.done() and not done.cancelled() and done.exception() is None:
                _save(folder, done.result())
                progress(1)
        raise
    pool.shutdown()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let processes start deaf to Ctrl-C, which goes to all of a terminal: this one ends them, without tracebacks.

    An interruption of this process in the meantime comes when it is over.
    """
    before = pthread_sigmask(SIG_BLOCK, {SIGINT})
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)


_TAKEN: list[Task] = []


def _take(task: Task) -> None:
    """Keep the task in the process, so that its panel is sent once."""
    _TAKEN[:] = [task]


def _forecast_taken(origin: np.datetime64, draws: int) -> OriginResult:
    return forecast_origin(_TAKEN[0], origin, draws)


def forecast_origin(task: Task, origin: np.datetime64, draws: int = DRAWS) -> OriginResult:
    """Forecast one origin with what was known then, and set the truth beside it.

    A territory of which nothing was known yet has no forecast and is not scored: its quantiles are NaN.
    """
    from forecasting.forecast import forecast

    panel = task.panel_at(origin)
    furthest = max(task.horizons)
    answer = forecast(
        panel,
        task.target,
        range(1, furthest + 1),
        draws=draws,
        rng=SEED,
        donors=task.donors,
        keep_models=True,
    )
    published = answer.distribution
    names = task.panel.territories
    place = [names.index(t) for t in published.territories]
    if task.window > 1:
        own = [panel.territories.index(t) for t in published.territories]
        known = np.asarray(panel.series(task.target))[-(task.window - 1) :, own]
        published = published.window_mean(task.window, known)
    at = [published.horizons.index(h) for h in task.horizons]
    quantiles = {
        ENSEMBLE: _placed(published.quantiles()[:, at], place, len(names)),
        YARDSTICK: persistence_quantiles(task, origin),
    }
    for name, model in answer.models.items():
        if set(task.horizons) <= set(model.horizons):
            quantiles[name] = _placed(model.at(task.horizons).quantiles(), place, len(names))
    truth, daily_truth = _truths(task, origin, np.setdiff1d(np.arange(len(names)), place))
    return OriginResult(
        origin=origin,
        truth=truth,
        quantiles=quantiles,
        daily=_placed(answer.quantiles, place, len(names))
        if task.window > 1
        else np.empty((0, 0, len(QUANTILE_LEVELS))),
        daily_truth=daily_truth,
        weights=dict(answer.weights),
    )


def _truths(task: Task, origin: np.datetime64, unasked: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Read what came true: (territory, horizon) as scored, (territory, period) after the origin; NaN where unasked."""
    series, index = np.asarray(task.panel.series(task.target)), task.position(origin)
    later = series[index + 1 : index + 1 + max(task.horizons)]
    daily = np.full((series.shape[1], max(task.horizons)), np.nan)
    daily[:, : len(later)] = later.T
    truth = task.truth_at(origin)
    truth[unasked], daily[unasked] = np.nan, np.nan
    return truth, daily


def _placed(values: Floats, place: list[int], size: int) -> Floats:
    """Put territories (first axis) where they are in the task, NaN where one has no forecast."""
    out = np.full((size, *values.shape[1:]), np.nan)
    out[place] = values
    return out


def code_digest() -> str:
    """Hash of the source a result depends on, so that results of an older version are not taken for this one's.

    Comments and docstrings do not count.
    """
    root = Path(__file__).resolve().parent.parent
    hashed = hashlib.sha256(str(SEED).encode())
    for path in _read_by(root, root / "forecast.py", root / "backtest" / "yardstick.py"):
        hashed.update(_bare(path.read_text(encoding="utf-8")).encode())
    return hashed.hexdigest()[:12]


def _read_by(root: Path, *starts: Path) -> list[Path]:
    """List the modules of the library that some of them import, themselves among them, in order of their names."""
    found: set[Path] = set()
    left = list(starts)
    while left:
        path = left.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("forecasting."):
                inside = root.joinpath(*node.module.split(".")[1:])
                left += [inside.with_suffix(".py"), inside / "__init__.py"]
                left += [inside / f"{alias.name}.py" for alias in node.names]
    return sorted(found)


def _bare(source: str) -> str:
    """Syntax tree of a module without its docstrings, as text."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
                del body[0]
    return ast.dump(tree)


def _save(folder: Path, result: OriginResult) -> None:
    names = list(result.quantiles)
    part = folder / f".{result.origin}.npz"
    np.savez_compressed(
        part,
        truth=result.truth,
        quantiles=np.stack([result.quantiles[n] for n in names]),
        names=np.array(names),
        daily=result.daily.astype(np.float32),
        daily_truth=result.daily_truth,
        weighted=np.array(list(result.weights)),
        weights=np.array(list(result.weights.values())),
    )
    # A file appears whole or not at all, so an interruption leaves nothing half-written behind.
    part.rename(folder / f"{result.origin}.npz")


def _load(path: Path, origin: np.datetime64) -> OriginResult:
    with np.load(path) as kept:
        names: NDArray[np.str_] = kept["names"]
        return OriginResult(
            origin=origin,
            truth=kept["truth"],
            quantiles={str(n): kept["quantiles"][k] for k, n in enumerate(names)},
            daily=kept["daily"].astype(float),
            daily_truth=kept["daily_truth"],
            weights={str(n): float(w) for n, w in zip(kept["weighted"], kept["weights"], strict=True)},
        )
