"""The ensemble: a weighted median of the models' quantiles, weights by recent score shrunk to equal.

Each model has rehearsed the past weeks, and this season in earlier years; its score is the mean weighted
interval score of those rehearsals, newer ones weighing more. With ``s`` the scores and ``m`` models::

    w ~ (1 - shrink) (s / min s)^(-power) + shrink / m     among models within `TOLERANCE` of the best

The score of a model that is worse than the best is taken with the benefit of the doubt: its distance less
a part of its standard error, so that weights part only as far as the record tells the models apart. Yardsticks are
heard when nothing is near them. The quantiles are combined level by level by the weighted median, which one
wild model cannot move; a mean of quantiles has no such protection. A model that fails, answers with
something not finite, or goes further from the others than any past error allows is left out and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from forecasting.models.base import LEVELS, CannotForecast, Fitted, Model, State
from forecasting.problem import Problem, memory
from forecasting.transforms import OFFSET, ROOT, Floats

POWER = 10.0
SHRINK = 0.25
TOLERANCE = 1.35
HALF_LIFE_WEEKS = 20.0
SEASON_WEEKS = 4.0
WILD = 6.0
SLACK = 1.05
DOUBT = 0.3
LESSON = 0.5
YARDSTICKS = ("persistence", "seasonal naive")


@dataclass(frozen=True)
class LeftOut:
    """A model that is not in the ensemble, and why, as a message key and parameters."""

    model: str
    key: str
    params: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Combined:
    """Several models in one.

    Attributes
    ----------
    quantiles : ndarray, shape (territory, anchor, level)
    rehearsed : ndarray, shape (origin, territory, anchor, level)
    weights : mapping of model to weight
        Sums to one over the models that answered; zero is a weight.
    scores : mapping of model to score
        Recent weighted interval score on the root scale, NaN without a record.
    left_out : tuple of LeftOut
    """

    quantiles: Floats
    rehearsed: Floats
    weights: Mapping[str, float]
    scores: Mapping[str, float]
    left_out: tuple[LeftOut, ...]


def fit_all(
    models: Sequence[Model], problem: Problem, states: Mapping[str, State]
) -> tuple[list[Fitted], tuple[LeftOut, ...]]:
    """Fit every model; one that cannot answer is named instead of stopping the others."""
    answers, left_out = [], []
    for model in models:
        try:
            answer = model.fit(problem, states.get(model.name, {}))
        except CannotForecast as refusal:
            left_out.append(LeftOut(model.name, refusal.key, refusal.params))
        except (ValueError, ArithmeticError, RuntimeError, IndexError, np.linalg.LinAlgError) as failure:
            left_out.append(
                LeftOut(model.name, "model.failed", {"error": f"{type(failure).__name__}: {failure}"})
            )
        else:
            if np.isfinite(answer.quantiles).all():
                answers.append(answer)
            else:
                left_out.append(LeftOut(model.name, "model.not_finite"))
    return answers, tuple(left_out)


def combine(problem: Problem, answers: Sequence[Fitted]) -> Combined:
    """Weigh the models by their rehearsals and take the weighted median of their quantiles."""
    sane, wild = _without_wild(answers)
    truths = rehearsal_truths(problem)
    now = len(problem.z) - 1
    record = {a.model: rehearsal_scores(problem, a.rehearsed, truths) for a in sane}
    scores = {name: _recent(problem, s, now)[0] for name, s in record.items()}
    elsewhere = {a.model: a.elsewhere for a in sane}
    weights = _weights(_blended(_doubted(problem, record, now), elsewhere))
    used = [a for a in sane if weights[a.model] > 0]
    share = np.array([weights[a.model] for a in used])
    published = weighted_median(np.stack([a.quantiles for a in used]), share)
    rehearsed = np.stack([a.rehearsed for a in used])
    return Combined(
        quantiles=published,
        rehearsed=_rehearse(problem, rehearsed, truths, {a.model: a.elsewhere for a in used}),
        weights={a.model: weights.get(a.model, 0.0) for a in answers},
        scores={a.model: scores.get(a.model, float("nan")) for a in answers},
        left_out=wild,
    )


def rehearsal_truths(problem: Problem) -> Floats:
    """Levels that came true after each rehearsal origin, shape (origin, territory, anchor), NaN if still to come."""
    out = np.full((len(problem.rehearsals), problem.z.shape[1], len(problem.anchors)), np.nan)
    for a, steps in enumerate(problem.anchors):
        later = problem.rehearsals + steps
        known = later < len(problem.z)
        out[known, :, a] = problem.z[later[known]]
    return out


def rehearsal_scores(problem: Problem, rehearsed: Floats, truths: Floats) -> Floats:
    """Mean weighted interval score of each rehearsal origin and anchor, shape (origin, anchor).

    In natural units per unit of size, so that a wave counts for more than a quiet summer, and a small
    territory for as much as a large one.
    """
    natural = np.maximum(np.maximum(rehearsed, 0.0) ** ROOT - OFFSET, 0.0)
    truth = np.maximum(truths**ROOT - OFFSET, 0.0)
    below = truth[..., None] - natural
    pinball = np.maximum(LEVELS * below, (LEVELS - 1.0) * below)
    score = 2.0 * pinball.mean(axis=-1)
    known = np.isfinite(score)
    count = known.sum(axis=1)
    total = np.where(known, score, 0.0).sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0))


def weighted_median(values: Floats, weights: Floats) -> Floats:
    """Weighted median over the first axis, interpolated between the middle values so that weights move it smoothly."""
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    share = weights[order] / weights.sum()
    position = np.cumsum(share, axis=0) - 0.5 * share
    upper = np.clip((position < 0.5).sum(axis=0), 0, len(values) - 1)
    lower = np.maximum(upper - 1, 0)
    pick = [np.take_along_axis(a, i[None], axis=0)[0] for a in (ordered, position) for i in (lower, upper)]
    low, high, at_low, at_high = pick
    span = np.where(at_high > at_low, at_high - at_low, 1.0)
    return np.asarray(low + np.clip((0.5 - at_low) / span, 0.0, 1.0) * (high - low))


def _rehearse(problem: Problem, rehearsed: Floats, truths: Floats, elsewhere: Mapping[str, float]) -> Floats:
    """Rehearse the ensemble itself: at each origin weights know only the scores that had come true by then."""
    names = list(elsewhere)
    by_model = {n: rehearsal_scores(problem, r, truths) for n, r in zip(names, rehearsed, strict=True)}
    out = np.empty(rehearsed.shape[1:])
    for o, origin in enumerate(problem.rehearsals):
        answered = {n: by_model[n] for n, r in zip(names, rehearsed, strict=True) if np.isfinite(r[o]).any()}
        scores = _doubted(problem, answered, origin)
        weights = _weights(_blended(scores, elsewhere)) if answered else {}
        share = np.array([weights.get(n, 0.0) for n in names])
        used = share > 0
        out[o] = weighted_median(rehearsed[used, o], share[used]) if used.any() else np.nan
    return out


def _recent(problem: Problem, scores: Floats, origin: int) -> tuple[float, float]:
    """Mean and standard error of scores that had come true at ``origin``: the last weeks, and this season before."""
    weeks_back = (origin - problem.rehearsals) / problem.weekly_step
    true_by_then = problem.rehearsals[:, None] + np.asarray(problem.anchors) <= origin
    weight = memory(weeks_back, HALF_LIFE_WEEKS, SEASON_WEEKS)[:, None]
    weight = np.where(np.isfinite(scores) & true_by_then, weight, 0.0)
    total = float(weight.sum())
    if total == 0:
        return float("nan"), float("nan")
    known = np.nan_to_num(scores)
    mean = float((weight * known).sum() / total)
    # Anchors of one origin, and origins of one wave, go together: squares are summed over whole origins.
    off = (weight * (known - mean)).sum(axis=1)
    return mean, float(np.sqrt((off**2).sum())) / total


def _doubted(problem: Problem, record: Mapping[str, Floats], origin: int) -> dict[str, float]:
    """Scores with the benefit of the doubt: a model's distance to the best, less a part of its standard error.

    A long quiet time, or one bad wave, says little; a model is set aside only for being worse again and again.
    """
    plain = {n: _recent(problem, s, origin)[0] for n, s in record.items()}
    known = {n: s for n, s in plain.items() if np.isfinite(s)}
    if not known:
        return plain
    best = min(known, key=lambda n: known[n])
    out = dict(plain)
    for name in known:
        distance, error = _recent(problem, record[name] - record[best], origin)
        if np.isfinite(distance):
            out[name] = known[best] + max(0.0, distance - DOUBT * error)
    return out


def _blended(scores: Mapping[str, float], elsewhere: Mapping[str, float]) -> dict[str, float]:
    """Blend own scores, half and half on the log scale, with what models gained on donors; none counts as no gain."""
    if not any(np.isfinite(elsewhere.get(n, np.nan)) for n in scores):
        return dict(scores)
    gain = {n: elsewhere[n] if np.isfinite(elsewhere[n]) else 1.0 for n in scores}
    return {n: s ** (1 - LESSON) * gain[n] ** LESSON for n, s in scores.items()}


def _weights(scores: Mapping[str, float]) -> dict[str, float]:
    """Turn scores into weights; without any record all weigh the same."""
    known = {n: s for n, s in scores.items() if np.isfinite(s)}
    if not known:
        return {n: 1.0 / len(scores) for n in scores}
    best = max(min(known.values()), 1e-9)
    # Yardsticks are heard only when nothing comes near them, and nobody who is clearly worse than persistence is.
    bar = min(TOLERANCE * best, SLACK * known.get(YARDSTICKS[0], np.inf))
    near = {n: s for n, s in known.items() if s <= bar}
    good = {n: s for n, s in near.items() if n not in YARDSTICKS} or near
    raw = {n: (max(s, 1e-9) / best) ** -POWER for n, s in good.items()}
    total = sum(raw.values())
    return {n: (1 - SHRINK) * raw[n] / total + SHRINK / len(good) if n in good else 0.0 for n in scores}


def _without_wild(answers: Sequence[Fitted]) -> tuple[list[Fitted], tuple[LeftOut, ...]]:
    """Leave out models whose median is further from the others' than `WILD` times the others' half-width."""
    if len(answers) < 3:
        return list(answers), ()
    medians = np.stack([a.quantiles[..., len(LEVELS) // 2] for a in answers])
    widths = np.stack([a.quantiles[..., -3] - a.quantiles[..., 2] for a in answers])
    middle, width = np.median(medians, axis=0), np.maximum(np.median(widths, axis=0), 1e-6)
    far = np.mean(np.abs(medians - middle) / width, axis=(1, 2))
    broad = np.mean(widths / width, axis=(1, 2))
    wild = (far > WILD) | (broad > WILD)
    out = tuple(
        LeftOut(a.model, "model.wild", {"distance": round(float(d), 2)})
        for a, d, w in zip(answers, far, wild, strict=True)
        if w
    )
    return [a for a, w in zip(answers, wild, strict=True) if not w], out
