"""The ensemble: a weighted median of the models' quantiles, weights by recent score shrunk to equal.

Each model has rehearsed the past weeks, and this part of the year before; its record is its weighted interval
score there relative to persistence's on the same tasks, with a prior that counts as a few weeks::

    r_m = (sum_t v_t s_m,t + k S rho_m) / (sum_t v_t s_persistence,t + k S),     v_t = memory_t schooling_m,t^10

``S`` is a usual week of persistence, ``rho`` what the model says it is worth before anything is known
(`Fitted.prior`), ``schooling`` how much the model had learned from at that rehearsal relative to today: a model that
has two winters now is not judged by what it did with one. A week's ``s_m,t`` counts at most as `LOUDEST` times
``s_persistence,t + S``. Weights are ``r^-power``, first between families,
then within each, both shrunk to equal, so that three variants of one idea do not outvote another. Models
further than `TOLERANCE` from the best are not heard, and yardsticks only where nothing beats them.

The quantiles are combined level by level by the weighted median, which one wild model cannot move; a mean
of quantiles has no such protection. A model that fails, answers with something not finite, or goes further
from the others than any past error allows is left out and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from forecasting.calibration import wide_tails
from forecasting.models.base import LEVELS, CannotForecast, Fitted, Model, State
from forecasting.problem import Problem
from forecasting.seasons import memory
from forecasting.transforms import OFFSET, ROOT, Floats

POWER = 20.0
SHRINK = 0.1
TOLERANCE = 1.25
HALF_LIFE_WEEKS = 20.0
SEASON_WEEKS = 8.0
PRIOR_WEEKS = 10.0
SCHOOLING = 10.0
LOUDEST = 2.0
HOPELESS = 1.2
WILD = 6.0
LESSON = 0.5
PERSISTENCE = "persistence"
YARDSTICKS = (PERSISTENCE, "seasonal naive")


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
    record = Record(problem, sane, {a.model: rehearsal_scores(problem, a.rehearsed, truths) for a in sane})
    now = len(problem.z) - 1
    weights = record.weights(now)
    used = [a for a in sane if weights[a.model] > 0]
    share = np.array([weights[a.model] for a in used])
    weeks_ahead = [a / problem.weekly_step for a in problem.anchors]
    return Combined(
        quantiles=wide_tails(weighted_median(np.stack([a.quantiles for a in used]), share), weeks_ahead),
        rehearsed=wide_tails(_rehearse(problem, sane, record), weeks_ahead),
        weights={a.model: weights.get(a.model, 0.0) for a in answers},
        scores={a.model: record.score(a.model, now) for a in answers},
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


def _rehearse(problem: Problem, answers: Sequence[Fitted], record: Record) -> Floats:
    """Rehearse the ensemble itself: at each origin weights know only the scores that had come true by then."""
    out = np.full(answers[0].rehearsed.shape, np.nan)
    for o, origin in enumerate(problem.rehearsals):
        answered = [a for a in answers if np.isfinite(a.rehearsed[o]).any()]
        weights = record.weights(int(origin), [a.model for a in answered])
        used = [a for a in answered if weights[a.model] > 0]
        if used:
            share = np.array([weights[a.model] for a in used])
            out[o] = weighted_median(np.stack([a.rehearsed[o] for a in used]), share)
    return out


@dataclass(frozen=True)
class Record:
    """What is known of the models' skill.

    Attributes
    ----------
    problem : Problem
    answers : sequence of Fitted
    scores : mapping of model to ndarray, shape (origin, anchor)
        From `rehearsal_scores`.
    """

    problem: Problem
    answers: Sequence[Fitted]
    scores: Mapping[str, Floats]

    def score(self, model: str, origin: int) -> float:
        """Mean of a model's scores that had come true at ``origin``, NaN without any."""
        scores = self.scores.get(model)
        if scores is None:
            return float("nan")
        weight = np.where(np.isfinite(scores), self._evidence(origin), 0.0)
        total = float(weight.sum())
        return float((weight * np.nan_to_num(scores)).sum()) / total if total > 0 else float("nan")

    def weights(self, origin: int, among: Sequence[str] | None = None) -> dict[str, float]:
        """Weights at ``origin`` of all models, or of some."""
        ratios = {a.model: self.ratio(a, origin) for a in self.answers if among is None or a.model in among}
        families = {a.model: a.family or a.model for a in self.answers}
        return _weights(ratios, families)

    def ratio(self, answer: Fitted, origin: int) -> float:
        """Score of a model relative to persistence's, with a prior and with what it gained on donors."""
        prior = answer.prior
        scores, theirs = self.scores[answer.model], self.scores.get(PERSISTENCE)
        ratio = prior
        if theirs is not None:
            evidence = self._evidence(origin)
            usual = np.where(np.isfinite(theirs), evidence, 0.0)
            week = float((usual * np.nan_to_num(theirs)).sum()) / max(float(usual.sum()), 1e-12)
            schooled = 1.0 if answer.schooled is None else answer.schooled[:, None] ** SCHOOLING
            weight = np.where(np.isfinite(scores) & np.isfinite(theirs), evidence * schooled, 0.0)
            # One wrong number of the past throws some models for a week; it silences none for good.
            at_most = LOUDEST * (np.nan_to_num(theirs) + week)
            ours = float((weight * np.minimum(np.nan_to_num(scores), at_most)).sum())
            ours += PRIOR_WEEKS * week * prior
            base = float((weight * np.nan_to_num(theirs)).sum()) + PRIOR_WEEKS * week
            ratio = ours / base if base > 0 else prior
        if not any(np.isfinite(a.elsewhere) for a in self.answers):
            return ratio
        # Half and half on the log scale; a model not tried on donors is taken to gain nothing there.
        gain = answer.elsewhere if np.isfinite(answer.elsewhere) else 1.0
        return float(ratio ** (1 - LESSON) * gain**LESSON)

    def _evidence(self, origin: int) -> Floats:
        """Weight of each rehearsal, (origin, anchor): the last weeks, and this season before; zero if not true yet."""
        weeks_back = (origin - self.problem.rehearsals) / self.problem.weekly_step
        true_by_then = self.problem.rehearsals[:, None] + np.asarray(self.problem.anchors) <= origin
        return np.where(true_by_then, memory(weeks_back, HALF_LIFE_WEEKS, SEASON_WEEKS)[:, None], 0.0)


def _weights(ratios: Mapping[str, float], families: Mapping[str, str]) -> dict[str, float]:
    """Turn scores relative to persistence into weights, first of families, then within each."""
    serious = {n: r for n, r in ratios.items() if n not in YARDSTICKS}
    best = max(min(serious.values(), default=1.0), 1e-9)
    if not ratios:
        return {}
    heard = {n: r for n, r in serious.items() if r <= min(TOLERANCE * best, max(HOPELESS, best))}
    if best >= 1.0 and PERSISTENCE in ratios:
        heard[PERSISTENCE] = 1.0
    heard = heard or dict(ratios)
    members: dict[str, list[str]] = {}
    for name in heard:
        members.setdefault(families[name], []).append(name)
    by_family = _shares({f: min(heard[n] for n in names) for f, names in members.items()})
    out = dict.fromkeys(ratios, 0.0)
    for family, names in members.items():
        within = _shares({n: heard[n] for n in names})
        out.update({n: by_family[family] * within[n] for n in names})
    return out


def _shares(ratios: Mapping[str, float]) -> dict[str, float]:
    best = max(min(ratios.values()), 1e-9)
    raw = {n: (max(r, 1e-9) / best) ** -POWER for n, r in ratios.items()}
    total = sum(raw.values())
    return {n: (1 - SHRINK) * v / total + SHRINK / len(raw) for n, v in raw.items()}


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
