"""What each group of signals adds: it sums to what is published, and what no model said is hardly anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecasting.attribution import MIDDLE, Workplace, medians_with, parts_of
from forecasting.explain import GROUPS
from forecasting.jobs.bed_forecast import BedDraws
from forecasting.jobs.forecaster import Lesson, TargetDraws, draw_target, learn_target
from forecasting.jobs.hearing import Above
from forecasting.jobs.reasons import Document, Reasons, explain, explain_beds, summed
from forecasting.models import REGISTRY
from forecasting.models.base import CannotForecast
from forecasting.panel import Panel
from forecasting.problem import make_problem
from streams.vocabulary.signals import signal

DAYS, PLACES = 260, 12
TARGET = "admissions:covid"


def leading_panel() -> Panel:
    """Return admissions that follow positive tests by a week; emergency visits that are noise."""
    rng = np.random.default_rng(3)
    steps = np.cumsum(rng.normal(0.0, 0.25, (DAYS // 7 + 2, PLACES)), axis=0)
    week = np.arange(DAYS) / 7.0
    growth = np.stack([np.interp(week, np.arange(len(steps)), steps[:, i]) for i in range(PLACES)], axis=1)
    level = 20.0 * np.exp(growth - growth.mean(axis=0))
    tests = 40.0 * np.exp(np.roll(growth, -7, axis=0) - growth.mean(axis=0))
    values = np.stack([rng.poisson(level), rng.poisson(60.0, level.shape), rng.poisson(tests)], axis=2)
    values = values[: DAYS - 7].astype(float)
    values[-1, :, 0] = np.nan
    last = np.datetime64("2021-01-10", "D")
    return Panel(
        dates=np.arange(last - (len(values) - 1), last + 1),
        freq="D",
        territories=tuple(f"T{i}" for i in range(PLACES)),
        signals=(TARGET, "ed_visits:covid", "lab_positives:covid"),
        values=values,
        exists=np.ones((PLACES, 3), dtype=bool),
        as_of=last,
        population=None,
        kinds={},
    )


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    """Learn the panel as a first run does; others start from its state, which takes a fraction of the time."""
    return learn_target(leading_panel(), TARGET, state=None)


@pytest.fixture(scope="module")
def answered(lesson: Lesson) -> tuple[Panel, TargetDraws, Reasons]:
    panel = leading_panel()
    flow = draw_target(panel, TARGET, list(panel.territories), lesson, draws=300, seed=5)
    return panel, flow, explain(panel, TARGET, flow, lesson)


def total(document: Document) -> np.ndarray:
    parts = np.sum([document["groups"][g] for g in document["groups"]], axis=0)
    return np.asarray(np.array(document["reference"]) + parts + np.array(document["remainder"]))


def test_reference_parts_and_remainder_sum_to_what_is_published(
    answered: tuple[Panel, TargetDraws, Reasons],
) -> None:
    panel, flow, reasons = answered
    assert set(reasons.documents) == set(panel.territories)
    for territory, document in reasons.documents.items():
        assert len(document["groups"]) <= 5
        np.testing.assert_allclose(total(document), document["published"], atol=2e-3)
        day = document["days"][0] + 10
        week = np.median(flow.draws[territory][day - 6 : day + 1].mean(axis=0))
        assert document["published"][0] == pytest.approx(week, abs=1e-3)


def test_the_remainder_is_small_beside_what_is_explained(
    answered: tuple[Panel, TargetDraws, Reasons],
) -> None:
    documents = answered[2].documents.values()
    parts = np.abs([np.array(list(d["groups"].values())) for d in documents]).sum()
    rest = np.abs([d["remainder"] for d in documents]).sum()
    assert rest < 0.05 * parts


def test_every_model_is_shared_out_and_its_parts_sum_to_its_change(lesson: Lesson) -> None:
    assert lesson.learned is not None
    states = lesson.learned.plain_state()["models"]
    problem = make_problem(leading_panel(), TARGET, 14)
    place = Workplace(problem, lambda source: signal(source.split(":")[0]).group)
    answered = []
    for model in REGISTRY:
        try:
            fitted = model.fit(problem, states.get(model.name, {}))
        except CannotForecast:
            continue
        parts = parts_of(model, place, fitted.state)
        assert parts is not None, f"{model.name} is not shared out: give it a case in forecasting.attribution"
        change = fitted.quantiles[..., MIDDLE] - problem.level[:, None]
        off = np.abs(parts.sum(axis=-1) - change)
        # Prophet keeps four decimals of what it said; quantiles that cross are sorted, and a median with them.
        assert np.mean(off < 6e-5) > 0.9, model.name
        assert off.max() < 0.02, model.name
        answered.append(model.name)
    assert {"persistence", "sarimax", "negative binomial", "prophet", "pooled local, recent"} <= set(answered)
    assert parts_of(object(), place, {}) is None


def test_the_ensemble_is_heard_with_any_set_of_groups() -> None:
    level = np.array([1.0, 2.0])
    parts = [np.zeros((2, 1, 5)), np.full((2, 1, 5), 0.1), np.full((2, 1, 5), 0.2)]
    heard = medians_with(level, parts, [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(heard(frozenset()), level[:, None])
    np.testing.assert_allclose(heard(frozenset(GROUPS)), level[:, None] + 0.5)
    np.testing.assert_allclose(heard(frozenset({"calls"})), level[:, None] + 0.1)
    # A model without weight is not heard.
    silent = medians_with(level, parts, [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(silent(frozenset(GROUPS)), level[:, None])


def test_the_signal_that_leads_is_the_one_that_drives(answered: tuple[Panel, TargetDraws, Reasons]) -> None:
    drivers = [d for d in answered[2].drivers.values() if d is not None]
    assert drivers.count("laboratory") > len(drivers) / 2
    lab = np.abs([d["groups"]["laboratory"] for d in answered[2].documents.values()]).sum()
    noise = np.abs([d["groups"]["emergency"] for d in answered[2].documents.values()]).sum()
    assert noise < 0.35 * lab


def test_what_the_yardstick_answered_is_not_explained_by_models(
    lesson: Lesson, answered: tuple[Panel, TargetDraws, Reasons]
) -> None:
    panel, flow, _ = answered
    alone = TargetDraws(flow.draws, flow.models, {"T0": "wild"})
    assert set(explain(panel, TARGET, alone, lesson).documents) == set(panel.territories) - {"T0"}
    assert explain(panel, TARGET, TargetDraws(flow.draws, {}), lesson).documents == {}
    assert explain(panel, TARGET, flow, None).documents == {}


def test_a_lesson_that_was_sent_explains_the_same_and_its_draws_need_no_model(
    lesson: Lesson, answered: tuple[Panel, TargetDraws, Reasons], monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, flow, reasons = answered
    sent = Lesson.unpack(lesson.pack())

    def refuse(*_: object) -> None:
        raise AssertionError("models are shared out where they are learnt, once")

    monkeypatch.setattr("forecasting.attribution.parts_of", refuse)
    monkeypatch.setattr("forecasting.problem.make_problem", refuse)
    assert explain(panel, TARGET, flow, sent) == reasons


def test_agreeing_with_the_region_is_told_with_the_common_trend(
    lesson: Lesson, answered: tuple[Panel, TargetDraws, Reasons], monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, _, before = answered
    assert lesson.learned is not None
    factors = np.full(lesson.learned.quantiles.shape[:2], 1.3)
    agreed = replace(lesson, learned=lesson.learned.scaled(factors))
    flow = draw_target(panel, TARGET, list(panel.territories), agreed, draws=300, seed=5)
    # These places are no French départements, so which region they make up is told here.
    monkeypatch.setattr("forecasting.jobs.hearing.regions_of", lambda panel: {"R": panel.territories})
    after = explain(panel, TARGET, flow, agreed, reconciled=True)
    for territory, document in after.documents.items():
        earlier = before.documents[territory]
        added = document["groups"]["calendar"][0] - earlier["groups"]["calendar"][0]
        assert added == pytest.approx(0.3 * earlier["published"][0], rel=0.25)
        assert abs(document["remainder"][0]) < 0.05 * document["published"][0]


def test_a_holiday_in_the_week_ahead_is_the_calendars(lesson: Lesson) -> None:
    plain = leading_panel()
    past = plain.dates[-13:-240:-28]
    values = plain.values.copy()
    values[np.isin(plain.dates, past), :, 0] *= 0.3
    holidays = np.concatenate([past, plain.dates[-1] + np.array([3, 4])])
    panel = replace(plain, values=values, holidays=holidays)
    learnt = learn_target(panel, TARGET, state=lesson.state)
    flow = draw_target(panel, TARGET, list(panel.territories), learnt, draws=300, seed=5)
    documents = explain(panel, TARGET, flow, learnt).documents.values()
    lost = sum(d["groups"]["calendar"][0] for d in documents)
    published = sum(d["published"][0] for d in documents)
    assert -0.35 * published < lost < -0.08 * published
    assert abs(sum(d["remainder"][0] for d in documents)) < 0.03 * published


def test_hospitals_are_explained_by_what_is_forecast_of_their_territory(
    lesson: Lesson, answered: tuple[Panel, TargetDraws, Reasons]
) -> None:
    panel, flow, reasons = answered
    share = {"H1": 0.75, "H2": 0.25}
    hospitals = replace(
        panel,
        territories=tuple(share),
        signals=panel.signals[:1],
        values=np.stack([panel.values[:, 0, :1] * part for part in share.values()], axis=1),
        exists=np.ones((2, 1), dtype=bool),
    )
    draws = {h: flow.draws["T0"] * part for h, part in share.items()}
    inner = learn_target(hospitals, TARGET, state=None)
    own = draw_target(hospitals, TARGET, list(share), inner, draws=300, seed=5)
    above = Above(panel, flow, lesson, dict.fromkeys(share, "T0"), frozenset(share))
    told = explain(hospitals, TARGET, replace(own, draws=draws), inner, above).documents
    whole = reasons.documents["T0"]
    for hospital, part in share.items():
        assert set(told[hospital]["groups"]) == set(whole["groups"])
        assert abs(told[hospital]["remainder"][0]) < 0.05 * told[hospital]["published"][0]
        expected = part * whole["groups"]["laboratory"][0]
        assert told[hospital]["groups"]["laboratory"][0] == pytest.approx(
            expected, abs=0.1 + 0.2 * abs(expected)
        )
    alone = explain(hospitals, TARGET, own, inner, replace(above, dealt=frozenset())).documents
    assert alone["H1"]["groups"]["laboratory"] == [0.0, 0.0]


def test_parts_pass_through_the_stays_to_beds() -> None:
    admissions = {
        "days": [6, 13],
        "reference": [10.0, 10.0],
        "groups": {"own": [1.0, 1.0], "laboratory": [2.0, 4.0]},
        "remainder": [0.0, -1.0],
        "published": [13.0, 14.0],
        "sentence": {"key": "explain.rise", "params": {"days": 6, "signal": "admissions"}},
    }
    beds = BedDraws("conventional", "covid", np.full((15, 3), 100.0), 0, np.full(60, 1.0))
    found = explain_beds(admissions, beds)
    assert found is not None
    # Nobody leaves: seven days of one more admission, then seven more.
    assert found["groups"]["own"] == [7.0, 14.0]
    assert found["groups"]["laboratory"] == [6 * 2.0 + 4.0, 6 * 2.0 + 8 * 4.0]
    assert found["remainder"] == [-1.0, -8.0]
    np.testing.assert_allclose(total(found), [100.0, 100.0])
    assert found["sentence"]["params"]["signal"] == "occupied_beds"
    assert explain_beds(None, beds) is None


def test_a_parent_adds_its_territories_up(answered: tuple[Panel, TargetDraws, Reasons]) -> None:
    _, flow, reasons = answered
    draws = sum(flow.draws[t][10:] for t in ("T0", "T1"))
    document = summed([reasons.documents["T0"], reasons.documents["T1"]], np.asarray(draws), stock=False)
    assert document is not None
    np.testing.assert_allclose(total(document), document["published"], atol=2e-3)
    both = [reasons.documents[t]["groups"]["laboratory"][0] for t in ("T0", "T1")]
    assert document["groups"]["laboratory"][0] == pytest.approx(sum(both), abs=2e-3)
    assert summed([reasons.documents["T0"], None], np.asarray(draws), stock=False) is None
