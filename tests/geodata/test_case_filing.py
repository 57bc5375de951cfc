"""Reports become cases once, at their place, with what is near and alike shown before."""

from dataclasses import replace

import pytest

from geodata.case_filing import CaseReport, file_case, matter_named, suspected_duplicates
from geodata.case_flow import Step, take_step
from geodata.case_refusal import CaseRefusedError
from geodata.store import Store
from tests.geodata.case_accounts import DISTRICT, RUBBISH, add_person, put, report


def test_the_same_number_of_a_source_is_one_case(store: Store) -> None:
    first = report(store, "HX-1")
    assert report(store, "HX-1") == first
    assert report(store, "HX-1", source="grid app") != first
    assert report(store, "HX-2") != first
    with store.owner_connection() as owner:
        codes = [code for (code,) in owner.execute("SELECT code FROM ioc.case_file ORDER BY id")]
        steps = owner.execute("SELECT count(*) FROM ioc.case_step").fetchone()
    assert len(codes) == len(set(codes)) == 3
    assert {code[8:] for code in codes} == {"000001", "000002", "000003"}
    assert steps == (3,)


def test_near_and_recent_reports_of_the_same_matter_are_shown(store: Store) -> None:
    near = report(store, "near", lon=114.33310 + 0.0003, lat=30.5461)  # 0.0003° of longitude here is 28.7 m
    report(store, "far", lon=114.33310 + 0.0006, lat=30.5461)  # 57.4 m
    report(store, "other", matter_class="06012")
    put(store, report(store, "old"), reported_at="2026-01-01T00:00:00Z")
    put(store, report(store, "refused"), state="rejected")
    with store.connect(add_person(store, "receiver", ["receiver"])) as connection:
        found = suspected_duplicates(connection, RUBBISH, 114.3331, 30.5461)
    assert [one["id"] for one in found] == [near]
    assert found[0]["metres"] == pytest.approx(28.7, abs=0.2)
    # Somebody who may not see a case is not told of it.
    with store.connect(add_person(store, "planner", ["planner"])) as connection:
        assert suspected_duplicates(connection, RUBBISH, 114.3331, 30.5461) == []


def test_matters_by_number_and_name() -> None:
    assert matter_named("06010").name == matter_named(matter_named("06010").name).name
    with pytest.raises(CaseRefusedError, match="There is no matter"):
        matter_named("99999")


def test_who_may_report(store: Store) -> None:
    with store.connect(add_person(store, "staff", ["staff"], "water")) as connection:
        filed = file_case(connection, CaseReport("map", None, "department", RUBBISH), DISTRICT)
        assert not filed.known
    with (
        store.connect(add_person(store, "screen", ["screen"])) as connection,
        pytest.raises(CaseRefusedError) as refused,
    ):
        file_case(connection, CaseReport("map", None, "department", RUBBISH), DISTRICT)
    assert refused.value.fault == "right"


def test_a_case_is_located_and_linked(demo_store: Store) -> None:
    with demo_store.owner_connection() as owner:
        row = owner.execute(
            """
            SELECT e.code, g.code, ST_X(e.geom), ST_Y(e.geom), e.type_code
            FROM ioc.component e JOIN ioc.unit_grid g ON ST_Contains(g.geom, e.geom)
            JOIN ioc.community c ON c.code = left(g.code, 12)
            WHERE e.type_code = '01002' ORDER BY e.code LIMIT 1
            """
        ).fetchone()
    assert row is not None
    component, grid, lon, lat, _ = row
    # 污水井盖异常 about four metres east of a sewer cover.
    case = report(demo_store, matter_class="01002", lon=lon + 0.00004, lat=lat)
    with demo_store.owner_connection() as owner:
        found = owner.execute(
            "SELECT component_code, left(area_code, 9), length(area_code) FROM ioc.case_file WHERE id = %s",
            [case],
        ).fetchone()
    assert found == (component, grid[:9], 15)


def test_a_case_without_a_place_is_located_by_hand_once(demo_store: Store) -> None:
    with demo_store.owner_connection() as owner:
        row = owner.execute(
            "SELECT e.code, ST_X(e.geom), ST_Y(e.geom) FROM ioc.component e "
            "WHERE e.type_code = '01002' AND e.area_code IS NOT NULL ORDER BY e.code LIMIT 1"
        ).fetchone()
    assert row is not None
    component, lon, lat = row
    receiver = add_person(demo_store, "locator", ["receiver"])
    case = report(demo_store, "nowhere", matter_class="01002", lon=None, lat=None, address="中南路 1 号")
    step = Step(case, 1, "locate", place=(lon, lat))
    for place, fault in ((None, "place"), ((113.0, 30.0), "outside")):
        with demo_store.connect(receiver) as connection, pytest.raises(CaseRefusedError) as refused:
            take_step(connection, replace(step, place=place))
        assert refused.value.fault == fault
    with demo_store.connect(receiver) as connection:
        take_step(connection, step)
        found = connection.execute(
            "SELECT ST_X(geom), ST_Y(geom), length(area_code), component_code, state, version "
            "FROM ioc.case_file WHERE id = %s",
            [case],
        ).fetchone()
    assert found == (lon, lat, 15, component, "reported", 2)
    with demo_store.connect(receiver) as connection, pytest.raises(CaseRefusedError) as refused:
        take_step(connection, replace(step, version=2))
    assert refused.value.fault == "located_once"
