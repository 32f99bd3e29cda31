"""A run end to end on a real database: same inputs, same bytes; what came later changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from forecasting import store
from forecasting.jobs.compute import compute
from forecasting.jobs.conduct import draft_of, make_plan, make_run, recompute
from forecasting.jobs.cycles import Cycle, cycle_on
from forecasting.jobs.gather import gather
from forecasting.jobs.inputs import RunInputs
from forecasting.run import RunRecord
from infra.clock import FixedClock
from infra.database import Connection
from infra.errors import MeteoError
from streams.envelope import Envelope
from tests.forecasting.jobs.reports import ASKED, LAST_DAY, WORLD, count, report, write

CYCLE = cycle_on(date(2020, 11, 16), "05:30", "Europe/Paris")


def run(connection: Connection, cycle: Cycle = CYCLE, **asked: object) -> RunRecord:
    """Make a run of all territories."""
    plan = make_plan(connection, WORLD.name, cycle, "cycle", ASKED)
    return make_run(connection, plan, ASKED, FixedClock(cycle.moment))


def test_a_run_says_beds_and_colours_of_every_territory_with_data(filled: Connection) -> None:
    record = run(filled)
    assert record.scope == {"territories": ["44", "49"]}
    assert store.targets(filled, "44") == [
        "admissions:covid",
        "critical_admissions:covid",
        "ed_visits:covid",
        "occupied_beds:covid",
        "occupied_critical_beds:covid",
    ]
    found = store.latest_bulletin(filled, "44")
    assert found is not None
    bulletin = found[1]
    assert bulletin.trust == "ok"
    assert {(d.unit, d.horizon) for d in bulletin.days} == {
        (unit, h) for unit in ("conventional", "critical") for h in range(15)
    }
    assert {d.basis for d in bulletin.days} == {"pressure"}
    assert bulletin.message.key.startswith("pressure.")
    beds = store.series(filled, "44", "occupied_beds:covid")
    assert beds is not None
    assert np.all(np.diff(beds[1].quantiles, axis=1) >= 0)
    assert store.check_chain(filled) == (1, [])


def test_the_same_run_twice_has_the_same_content(filled: Connection) -> None:
    assert run(filled).manifest["content"] == run(filled).manifest["content"]


def test_a_stored_run_is_recomputed_to_the_same_bytes(filled: Connection) -> None:
    record = run(filled)
    assert recompute(filled, record.id)[1].manifest() == record.manifest
    store.prune_draws(filled, datetime(2021, 1, 1, tzinfo=UTC))
    assert recompute(filled, record.id)[1].manifest() == record.manifest


def test_what_is_reported_after_the_as_of_changes_nothing(filled: Connection) -> None:
    before = run(filled)
    later = CYCLE.moment + timedelta(seconds=1)
    poison = [
        count("44", "admissions", LAST_DAY - timedelta(days=back), 999.0, reported=later, version=1)
        for back in range(60)
    ]
    write(filled, poison)
    report(filled, "53", level=40.0, last=LAST_DAY + timedelta(days=200))
    filled.commit()
    assert run(filled).manifest["content"] == before.manifest["content"]


def test_the_territories_may_be_split_in_any_way(filled: Connection) -> None:
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", ASKED)
    documents = gather(filled, plan, ASKED).documents()
    inputs = RunInputs.from_documents(documents)
    whole = draft_of(plan, documents, compute(inputs, plan, ["44", "49"])).manifest()
    parts = [compute(inputs, plan, [t]) for t in ("49", "44")]
    for part in parts:
        for series in part.series:
            key = f"{series.territory}|{series.target.key}|{series.facility}"
            again = draft_of(plan, documents, part).manifest()["series"][key]
            assert again == whole["series"][key]


def test_inputs_survive_their_bytes(filled: Connection) -> None:
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", ASKED)
    documents = gather(filled, plan, ASKED).documents()
    assert RunInputs.from_documents(documents).documents() == documents


def test_what_was_published_and_revised_is_read_back_from_the_bytes(filled: Connection) -> None:
    run(filled, cycle_on(date(2020, 11, 15), "05:30", "Europe/Paris"))
    day = LAST_DAY - timedelta(days=4)
    later = CYCLE.moment - timedelta(days=1)
    write(filled, [count("44", "admissions", day, 50.0, reported=later, version=1)])
    filled.commit()
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", ASKED)
    given = gather(filled, plan, ASKED)
    assert ("admissions:covid", "44", "2020-11-15") in given.published
    assert len(given.revisions.table) > 0
    read = RunInputs.from_documents(given.documents())
    assert read.published == given.published
    assert len(read.revisions.table) == len(given.revisions.table)
    assert read.documents() == given.documents()


def test_missing_data_is_grey_and_says_so(filled: Connection) -> None:
    plan = make_plan(filled, WORLD.name, CYCLE, "demand", ASKED, ["44", "85"])
    make_run(filled, plan, ASKED, FixedClock(CYCLE.moment))
    found = store.latest_bulletin(filled, "85")
    assert found is not None
    bulletin = found[1]
    assert bulletin.colour == "grey"
    assert bulletin.trust == "broken"
    assert "trust.no_data" in {c.key for c in bulletin.trust_causes}
    assert {d.colour for d in bulletin.days} == {"grey"}


def test_data_long_silent_is_grey(filled: Connection) -> None:
    bulletin = store.bulletin(
        filled, run(filled, cycle_on(date(2020, 12, 6), "05:30", "Europe/Paris")).id, "44"
    )
    assert bulletin is not None
    assert bulletin.colour == "grey"
    assert bulletin.trust == "broken"


def test_a_world_without_data_says_what_to_do(connection: Connection) -> None:
    with pytest.raises(MeteoError, match="import or replay data first"):
        make_plan(connection, WORLD.name, CYCLE, "cycle", ASKED)


def test_an_unknown_territory_is_refused(filled: Connection) -> None:
    with pytest.raises(MeteoError, match="unknown territory 'xx'"):
        make_plan(filled, WORLD.name, CYCLE, "demand", ASKED, ["xx"])


def test_news_of_the_run_is_written_with_it(filled: Connection) -> None:
    record = run(filled)
    rows = filled.execute(
        "SELECT key, payload, public FROM outbox WHERE topic = 'runs' ORDER BY key"
    ).fetchall()
    assert [(row[0], row[1]["run"], row[2]) for row in rows] == [
        ("44", record.id, True),
        ("49", record.id, True),
    ]


def test_a_region_is_the_sum_of_its_departements_draw_by_draw(filled: Connection) -> None:
    report(filled, "2A", level=4.0)
    report(filled, "2B", level=6.0)
    filled.commit()
    record = run(filled)
    assert store.targets(filled, "R94") == store.targets(filled, "2A")
    found = {
        s.territory: s for s in store.run_series(filled, record.id) if s.target.key == "occupied_beds:covid"
    }
    south, north, whole = (found[t].draws for t in ("2A", "2B", "R94"))
    assert south is not None
    assert north is not None
    assert whole is not None
    assert np.array_equal(whole, south + north)
    bulletin = store.bulletin(filled, record.id, "R94")
    assert bulletin is not None
    assert bulletin.trust == "ok"
    assert len(bulletin.days) == 30
    # The other départements are no region: a sum over some of it would read as a fall.
    assert "R52" not in found


def test_the_models_are_reproducible_and_what_they_say_is_explained(filled: Connection) -> None:
    asked = replace(ASKED, engine="ensemble")
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", asked)
    record = make_run(filled, plan, asked, FixedClock(CYCLE.moment))
    assert recompute(filled, record.id)[1].manifest() == record.manifest
    pair = store.series(filled, "44", "admissions:covid")
    assert pair is not None
    said = pair[1].explanation
    assert said is not None
    for place in range(len(said["days"])):
        parts = sum(values[place] for values in said["groups"].values())
        total = said["reference"][place] + parts + said["remainder"][place]
        assert total == pytest.approx(said["published"][place], abs=0.01)
    again = cycle_on(date(2020, 11, 17), "05:30", "Europe/Paris")
    second = make_run(
        filled, make_plan(filled, WORLD.name, again, "cycle", asked), asked, FixedClock(again.moment)
    )
    # It starts from the state that the first one left, and that state is part of its inputs.
    assert "state:admissions:covid" in second.manifest["inputs"]
    assert (
        second.manifest["inputs"]["state:admissions:covid"] == record.manifest["states"]["admissions:covid"]
    )
    assert recompute(filled, second.id)[1].manifest() == second.manifest


def test_beds_free_are_estimated_from_the_yearly_statistics_known_by_then(filled: Connection) -> None:
    def yearly(name: str, year: int, value: float, known: datetime) -> Envelope:
        daily = count("44", name, date(year, 1, 1), value, reported=known)
        made = {"event_id": f"sae|{name}|{year}", "partner": "drees", "code": "all", "facility": "440000271"}
        return daily.model_copy(update={"reference_end": date(year + 1, 1, 1), **made})

    september, later = datetime(2020, 9, 29, tzinfo=UTC), datetime(2021, 9, 29, tzinfo=UTC)
    write(
        filled,
        [
            yearly("staffed_beds", 2018, 900.0, september),
            yearly("staffed_beds", 2019, 1000.0, september),
            yearly("occupied_beds", 2019, 850.0, september),
            yearly("staffed_critical_beds", 2019, 80.0, september),
            yearly("staffed_beds", 2020, 500.0, later),
            yearly("occupied_beds", 2020, 499.0, later),
        ],
    )
    filled.commit()
    plan = make_plan(filled, WORLD.name, CYCLE, "cycle", ASKED)
    found = gather(filled, plan, ASKED).beds.capacities
    assert set(found) == {("44", "conventional"), ("440000271", "conventional")}
    assert (found["44", "conventional"].beds, found["44", "conventional"].other_share) == (1000.0, 0.85)
    run(filled)
    told = store.latest_bulletin(filled, "44")
    assert told is not None
    basis = {(d.unit, d.basis) for d in told[1].days if not d.facility}
    # Nobody told the patient-days of critical care, so no share of it is made up.
    assert basis == {("conventional", "estimated"), ("critical", "pressure")}
