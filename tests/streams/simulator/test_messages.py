"""What the partners send: envelopes, their order and revisions, and the same world as counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from streams.envelope import Envelope
from streams.simulator.agreements import agreements_of
from streams.simulator.history import Broadcast, history_counts, topic_of
from streams.simulator.scenario import Scenario, scenario
from streams.simulator.simulation import Simulation, simulate
from streams.topics import OBSERVATION_TOPICS

FIRST = date(2025, 12, 15)
PARIS = ZoneInfo("Europe/Paris")
Series = tuple[str, str, str, date]


def small(name: str = "winter", start: date = date(2025, 8, 1)) -> Scenario:
    """Return a small territory's world: a fifth of the events of the default one, by the same rules."""
    return scenario(name, territory="53", start=start)


@pytest.fixture(scope="module")
def fortnight() -> Simulation:
    return simulate(small(), FIRST, FIRST + timedelta(days=14))


@pytest.fixture(scope="module")
def settled() -> list[Envelope]:
    """Return the individual events of a fortnight, and the six weeks in which the last of them become known."""
    whole = simulate(small(), FIRST, FIRST + timedelta(days=30))
    return list(whole.envelopes("demo"))


def in_force(envelopes: Iterable[Envelope]) -> dict[tuple[str, str], Envelope]:
    """Return the last revision of each event that was not cancelled."""
    newest: dict[tuple[str, str], Envelope] = {}
    for envelope in envelopes:
        identity = (envelope.partner, envelope.event_id)
        assert identity not in newest or newest[identity].source_version < envelope.source_version
        newest[identity] = envelope
    return {k: e for k, e in newest.items() if e.kind != "cancel"}


def true_counts(simulation: Simulation) -> dict[Series, int]:
    """Return the truth by partner, signal, syndrome and day."""
    columns = (simulation.truth[c].tolist() for c in ("partner", "signal", "syndrome", "date", "value"))
    return {(p, name, s, day): int(value) for p, name, s, day, value in zip(*columns, strict=True)}


def test_same_seed_same_bytes(fortnight: Simulation) -> None:
    again = simulate(small(), FIRST, FIRST + timedelta(days=2))
    first = [e.model_dump_json(by_alias=True) for e in again.envelopes("demo")]
    longer = (e.model_dump_json(by_alias=True) for e in fortnight.envelopes("demo"))
    told = [next(longer) for _ in first]
    assert told == first
    assert len(first) > 1000


def test_envelopes_come_in_the_order_they_became_known(settled: list[Envelope]) -> None:
    assert all(a.reported <= b.reported for a, b in pairwise(settled))
    assert all(e.simulated and e.individual for e in settled)
    assert all(isinstance(e.reference_start, datetime) and e.reference_start <= e.reported for e in settled)
    assert len({(e.partner, e.event_id, e.source_version) for e in settled}) == len(settled)


def test_final_events_add_up_to_the_truth(fortnight: Simulation, settled: list[Envelope]) -> None:
    found: Counter[Series] = Counter()
    for e in in_force(settled).values():
        found[e.partner, e.signal, e.code or "", e.reference_date] += 1
    for key, value in true_counts(fortnight).items():
        assert found.get(key, 0) == value, key


def test_corrections_and_cancellations_are_few_but_there(settled: list[Envelope]) -> None:
    kinds = Counter(e.kind for e in settled)
    assert 0.002 < kinds["update"] / kinds["insert"] < 0.02
    assert 0.001 < kinds["cancel"] / kinds["insert"] < 0.01


def test_tokens_are_pseudonyms_of_whole_stays(settled: list[Envelope]) -> None:
    stays: dict[str, list[Envelope]] = defaultdict(list)
    for e in in_force(settled).values():
        if e.stay_token:
            stays[e.stay_token].append(e)
        else:
            assert e.signal in ("sos_calls", "samu_calls", "lab_tests", "lab_positives")
    whole = 0
    for movements in stays.values():
        assert len({e.partner for e in movements}) == 1
        by_signal = {e.signal: e.reference_start for e in movements}
        admitted = by_signal.get("admissions")
        left = by_signal.get("discharges") or by_signal.get("deaths")
        if admitted and left:
            whole += 1
            assert admitted < left
            moved = [e.reference_start for e in movements if e.signal == "transfers"]
            assert all(admitted < moment < left for moment in moved)
            assert by_signal.get("ed_visits", admitted) <= admitted
    assert whole > 400


def test_census_from_movements_is_the_true_census() -> None:
    """Reading only messages (movements by token, as a bed manager's software does) gives the true beds."""
    broadcast = Broadcast(small(), FIRST, 20, 60, "demo")
    day = FIRST + timedelta(days=8)
    moment = datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=PARIS)
    moves: dict[str, list[tuple[datetime, int, str | None]]] = defaultdict(list)
    for e in in_force(x for x in broadcast.envelopes() if x.individual).values():
        if e.stay_token and e.signal in ("admissions", "transfers", "discharges", "deaths"):
            assert isinstance(e.reference_start, datetime)
            if e.reference_start < moment:
                ends = e.signal in ("discharges", "deaths")
                moves[e.stay_token].append((e.reference_start, ends, None if ends else e.unit))
    present = Counter(last[2] for last in (max(m) for m in moves.values()) if last[2])
    census = broadcast.simulation.census
    true = census[census["date"] == day]
    assert {u: present[u] for u in true["unit"]} == dict(zip(true["unit"], true["occupied"], strict=True))


def test_history_counts_end_as_the_truth_and_grow_like_the_events() -> None:
    start, end, spring = date(2025, 3, 20), date(2025, 4, 5), small(start=date(2025, 3, 1))
    told = history_counts(spring, start, end)
    assert all(a.reported <= b.reported for a, b in pairwise(told))
    last: dict[Series, float] = {}
    for e in told:
        last[e.partner, e.signal, e.code or "", e.reference_date] = e.value
    simulation = simulate(spring, start, end)
    whole: Counter[Series] = Counter()
    for key, value in true_counts(simulation).items():
        assert last[key] == value
        whole[key[0], key[1], "all", key[3]] += value
    assert {key: last[key] for key in whole} == whole
    grown = [
        e
        for e in told
        if e.signal == "ed_visits" and e.code == "all" and e.reference_date == date(2025, 3, 26)
    ]
    assert len(grown) > 4
    assert grown[0].value < 0.9 * grown[-2].value


def test_history_reports_what_events_say_at_any_moment() -> None:
    """The triangle of the reports is that of the individual events of the same days."""
    start, end, spring = date(2025, 3, 24), date(2025, 3, 31), small(start=date(2024, 10, 1))
    told = history_counts(spring, start, end)
    moment = datetime(2025, 3, 29, 7, 30, tzinfo=PARIS)
    reports: dict[Series, float] = {}
    for e in told:
        if e.reported <= moment and e.code != "all" and not e.signal.startswith("occupied"):
            reports[e.partner, e.signal, e.code or "", e.reference_date] = e.value
    simulation = simulate(spring, start - timedelta(days=160), end + timedelta(days=1))
    known = in_force(e for e in simulation.envelopes("demo", calls_from=start) if e.reported <= moment)
    seen = Counter((e.partner, e.signal, e.code or "", e.reference_date) for e in known.values())
    for key, value in reports.items():
        assert seen.get(key, 0) == value, key


def test_older_history_is_reported_once_with_an_assumed_time() -> None:
    told = history_counts(
        small(start=date(2024, 12, 1)), date(2025, 1, 1), date(2025, 3, 1), triangle_days=10
    )
    old = [e for e in told if e.reference_date < date(2025, 2, 19) and not e.signal.startswith("occupied")]
    assert {e.reported_basis for e in old} == {"assumed"}
    assert len({(e.partner, e.event_id) for e in old}) == len(old)


def test_days_come_as_counts_or_as_events_and_never_both() -> None:
    broadcast = Broadcast(small(), FIRST, 3, 30, "demo")
    counted: set[tuple[str, str, date]] = set()
    single: Counter[tuple[str, str, date]] = Counter()
    stays: set[str] = set()
    for e in broadcast.envelopes():
        assert topic_of(e) in OBSERVATION_TOPICS
        if e.individual:
            single[e.partner, e.signal, e.reference_date] += 1
            stays.update([e.stay_token] if e.stay_token else [])
        elif topic_of(e) == "counts":
            counted.add((e.partner, e.signal, e.reference_date))
    assert {day for _, _, day in counted} == {FIRST - timedelta(days=k) for k in range(1, 31)}
    hospital = {key for key in single if "labo" not in key[0] and not key[0].startswith("s")}
    # Only stays are also told for days that reports cover; reports take precedence there.
    assert {key for key in single if key[2] < FIRST} <= hospital
    assert min(key[2] for key in single) < FIRST - timedelta(days=30)
    assert len(stays) > 1000


def test_a_broadcast_resumes_where_it_stood() -> None:
    broadcast = Broadcast(small(), FIRST, 4, 20, "demo")
    since = datetime(2025, 12, 17, 9, tzinfo=PARIS)
    whole = [e for e in broadcast.envelopes() if e.reported >= since]
    assert list(broadcast.envelopes(since)) == whole


def test_an_outage_silences_then_catches_up() -> None:
    start = FIRST + timedelta(days=4)
    end = start + timedelta(days=3)
    simulation = simulate(small("outage"), FIRST, FIRST + timedelta(days=14))
    by_day = Counter(
        e.reported.astimezone(PARIS).date()
        for e in simulation.envelopes("demo")
        if e.partner == "sos-medecins-53" and e.kind == "insert"
    )
    assert all(by_day[start + timedelta(days=k)] == 0 for k in range(3))
    assert by_day[end] > 3 * 80
    calm = simulate(small(), FIRST, FIRST + timedelta(days=14))
    assert (calm.series("sos_calls") == simulation.series("sos_calls")).all()


def test_reports_of_an_outage_come_after_it() -> None:
    made = small("outage")
    told = history_counts(made, FIRST, FIRST + timedelta(days=14))
    outage = made.parameters.outages[0]
    times = [e.reported.astimezone(PARIS).date() for e in told if e.partner == outage.partner]
    assert not [d for d in times if outage.start <= d < outage.end]
    assert {e.reference_date for e in told if e.partner == outage.partner} == {
        FIRST + timedelta(days=k) for k in range(14)
    }


def test_beds_and_programme_are_announced_ahead() -> None:
    broadcast = Broadcast(small(), FIRST, 3, 5, "demo")
    ahead = [e for e in broadcast.envelopes() if topic_of(e) in ("capacity", "electives")]
    assert {e.reference_date for e in ahead} >= {FIRST + timedelta(days=k) for k in range(-5, 16)}
    beds = sum(
        e.value for e in ahead if e.reference_date == date(2025, 12, 16) and e.signal == "staffed_beds"
    )
    assert 180 < beds < 250
    critical = [e.value for e in ahead if e.reference_date == FIRST and e.signal == "staffed_critical_beds"]
    assert sorted(critical) == [3, 13]


def test_agreements_cover_what_is_sent(fortnight: Simulation) -> None:
    agreements = {a.key: a for a in agreements_of(fortnight.scenario)}
    broadcast = Broadcast(fortnight.scenario, FIRST, 2, 10, "demo")
    for e in broadcast.envelopes():
        assert e.signal in agreements[e.partner].signals
        assert e.place in agreements[e.partner].places
        assert e.facility is None or e.facility in [f.finess for f in agreements[e.partner].facilities]
    assert len({a.group for a in agreements.values()}) == 1


def test_agreements_of_another_territory_name_it() -> None:
    for agreement in agreements_of(scenario("winter", territory="85")):
        assert agreement.key.endswith("-85")
        assert agreement.places == ("85",)
        assert all(f.finess.startswith("859") for f in agreement.facilities)
