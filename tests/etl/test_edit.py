"""Editing by hand in the store: what is checked, what is seen, and what the form knows."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from etl.edit import (
    MOST_PHOTOS,
    EditRefusedError,
    Proposal,
    attach_photo,
    editable_datasets,
    form_values,
    may,
    propose,
)
from etl.edit_code import component_classes, suggested_code
from etl.photo import read_photo
from geodata.errors import UserError
from tests.etl.hydrants import ROWS, Hydrants, Office, point, refused
from tests.etl.test_photo import PNG


def test_a_change_is_seen_when_another_person_has_accepted_it(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    edit = district.propose(clerk, "H1", values={"pressure": 0.45}, at=(114.3460, 30.5500))
    assert district.shown()["H1"] == ("水果湖一号栓", 0.3, 114.3442, 30.5488)
    with pytest.raises(EditRefusedError) as own:
        district.decide(clerk, edit)
    assert refused(own) == "right"
    district.decide(chief, edit)
    assert district.shown()["H1"] == ("水果湖一号栓", 0.45, 114.346, 30.55)


def test_a_reviewer_does_not_accept_their_own_proposal(district: Hydrants) -> None:
    edit = district.propose(district.people["chief"], "H1", values={"pressure": 0.5})
    with pytest.raises(EditRefusedError) as own:
        district.decide(district.people["chief"], edit)
    assert refused(own) == "own"
    district.decide(district.person("second", "steward"), edit)
    assert district.shown()["H1"][1] == 0.5


def test_added_and_removed_features_are_found_and_gone(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    added = district.propose(
        clerk,
        "H9",
        "add",
        values={"code": "H9", "name": "洪山九号栓", "feature_class": "完好"},
        at=(114.3446, 30.5489),
    )
    district.decide(chief, added)
    district.decide(chief, district.propose(clerk, "H2", "remove"))
    assert set(district.shown()) == {"H1", "H9"}
    with district.store.owner_connection() as connection:
        entries = connection.execute(
            """
            SELECT e.code, e.title, e.initials, e.area_code = f.area_code, length(f.area_code)
            FROM ioc.search_entry e JOIN ioc.departmental_feature f USING (dataset_id, id)
            JOIN ioc.dataset d ON d.id = f.dataset_id WHERE d.code = %s ORDER BY 1
            """,
            [district.code],
        ).fetchall()
        counted = connection.execute(
            "SELECT rows_loaded, revision FROM ioc.dataset d "
            "JOIN ioc.dataset_version v ON v.id = d.published_version_id WHERE d.code = %s",
            [district.code],
        ).fetchone()
    assert [entry[:3] for entry in entries] == [
        ("H1", "水果湖一号栓", "sghyhs"),
        ("H9", "洪山九号栓", "hsjhs"),
    ]
    assert all(entry[3] and entry[4] == 12 for entry in entries)
    assert counted == (2, 2)


@pytest.mark.parametrize(
    ("values", "at", "rule", "field"),
    [
        ({"code": "H8", "name": ""}, (114.3446, 30.5489), "given", "name"),
        ({"code": "", "name": "无号"}, (114.3446, 30.5489), "given", "code"),
        ({"code": "H1", "name": "重号"}, (114.3446, 30.5489), "unique", "code"),
        ({"code": "H8", "name": "远"}, (115.9, 31.9), "inside_district", "geom"),
        ({"code": "H8", "name": "颠倒"}, (30.5489, 114.3446), "geometry", "geom"),
    ],
)
def test_what_loading_refuses_is_refused_here(
    district: Hydrants, values: dict[str, Any], at: tuple[float, float], rule: str, field: str
) -> None:
    with district.as_(district.people["clerk"]) as connection:
        (dataset,) = district.datasets(connection).values()
        examined, edit = propose(connection, dataset, None, Proposal("add", values, point(*at), "新装"))
    assert edit is None
    assert (rule, field) in {(p.rule, p.field) for p in examined.problems if p.severity == "error"}
    assert all(p.reason_zh and p.reason_en for p in examined.problems)


def test_a_warning_is_told_and_kept_with_the_feature(district: Hydrants) -> None:
    with district.as_(district.people["clerk"]) as connection:
        (dataset,) = district.datasets(connection).values()
        feature = district.feature(connection, "H1")
        assert feature is not None
        values = {"feature_class": "不明", "pressure": "很高"}
        examined, edit = propose(
            connection, dataset, feature, Proposal("change", values, None, "看过", feature.revision)
        )
    assert edit is not None
    assert examined.row is not None
    assert {(p.rule, p.severity) for p in examined.problems} == {
        ("one_of", "warning"),
        ("readable", "warning"),
    }
    assert sorted(examined.row["warnings"]) == ["one_of:feature_class", "readable:pressure"]


def test_the_second_of_two_editors_is_told(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    with district.as_(clerk) as connection:
        seen = district.feature(connection, "H1")
    first = district.propose(chief, "H1", values={"pressure": 0.4})
    with pytest.raises(EditRefusedError) as pending:
        district.propose(clerk, "H1", values={"pressure": 0.6})
    assert refused(pending) == "pending"
    district.decide(district.person("second", "steward"), first)
    assert seen is not None
    late = Proposal("change", {"pressure": 0.6}, None, "x", seen.revision)
    with district.as_(clerk) as connection:
        (dataset,) = district.datasets(connection).values()
        present = district.feature(connection, "H1")
        with pytest.raises(EditRefusedError) as changed:
            propose(connection, dataset, present, late)
    assert refused(changed) == "changed"
    assert district.shown()["H1"][1] == 0.4


def test_a_dataset_declared_without_review_needs_no_second_person(office: Office, tmp_path: Path) -> None:
    made = Hydrants(office, tmp_path, "review = false")
    clerk = made.person("clerk", "staff")
    edit = made.propose(clerk, "H1", values={"pressure": 0.4})
    made.decide(clerk, edit)
    assert made.shown()["H1"][1] == 0.4


def test_the_form_knows_fields_units_choices_and_keys(district: Hydrants) -> None:
    with district.as_(district.people["clerk"]) as connection:
        feature = district.feature(connection, "H1")
        assert feature is not None
        assert may(connection, "propose", feature)
        assert not may(connection, "review", feature)
        fields = {f.name: f for f in feature.dataset.fields}
        values = form_values(feature.dataset.fields, feature.row)
        components = next(d for d in editable_datasets(connection).values() if d.code == "component")
    assert values == {
        "code": "H1",
        "name": "水果湖一号栓",
        "feature_class": "完好",
        "pressure": 0.3,
        "diameter": 100,
    }
    assert fields["code"].key
    assert fields["name"].required
    assert fields["pressure"].unit == "MPa"
    assert [c.value for c in fields["feature_class"].choices] == ["完好", "损坏"]
    component = {f.name: f for f in components.fields}
    assert component["unit_grid_code"].origin == "place"
    assert component["type_code"].origin == "form"
    assert component["original_code"].origin == "delivery"
    assert component["managing_unit"].origin == "hand"


BESIDE_OTHERS = """
[[checks]]
rule = "unique"
column = "name"

[[checks]]
rule = "same_place"
distance_m = 2
"""


def test_what_must_be_unique_is_so_beside_what_the_editor_does_not_see(
    office: Office, tmp_path: Path
) -> None:
    made = Hydrants(office, tmp_path, checks=BESIDE_OTHERS)
    clerk = made.person("clerk", "staff")
    with office.store.owner_connection() as owner:
        row = owner.execute(
            "SELECT d.published_version_id FROM ioc.dataset d WHERE code = %s", [made.code]
        ).fetchone()
        assert row is not None
        hide = sql.SQL("UPDATE version.{} SET area_code = '420199001001' WHERE code = 'H2'")
        owner.execute(hide.format(sql.Identifier(f"departmental_feature_{row[0]}")))
    told = {}
    area = made.person("next door", "staff", areas=("420106",))
    for viewer in (clerk, area):
        with made.as_(viewer) as connection:
            (dataset,) = made.datasets(connection).values()
            values = {"code": "H2", "name": ROWS[1][1]}
            # A metre and a half east of H2.
            wanted = Proposal("add", values, point(114.3450156, 30.5490), "新装")
            examined, edit = propose(connection, dataset, None, wanted)
        assert edit is None
        told[viewer.name] = {(p.rule, p.field): p.reason_zh for p in examined.problems}
    assert set(told["clerk"]) == {("unique", "code"), ("unique", "name"), ("same_place", "geom")}
    assert set(told["next door"]) == set(told["clerk"])
    assert "已有 H2" in told["clerk"]["same_place", "geom"]
    assert told["next door"]["unique", "code"] == "“H2”已被另一要素使用"
    assert "H2" not in told["next door"]["unique", "name"] + told["next door"]["same_place", "geom"]
    planner = made.person("planner", "planner")
    with pytest.raises(psycopg.errors.InsufficientPrivilege), made.as_(planner) as connection:
        connection.execute("SELECT ioc.value_in_use(%s, -1, 'name', 'x')", [dataset.id])


def test_a_feature_keeps_twenty_photographs(district: Hydrants) -> None:
    photo = read_photo(PNG)
    for number in range(MOST_PHOTOS + 1):
        with district.as_(district.people["clerk"]) as connection:
            feature = district.feature(connection, "H1")
            assert feature is not None
            if number < MOST_PHOTOS:
                attach_photo(connection, feature, "现状", photo)
                continue
            with pytest.raises(EditRefusedError) as full:
                attach_photo(connection, feature, "现状", photo)
            assert refused(full) == "photos"
            assert "20 photographs" in str(full.value)


def test_the_code_suggested_for_a_component_is_the_next_of_its_class(district: Hydrants) -> None:
    with district.store.owner_connection() as connection:
        row = connection.execute(
            "SELECT left(max(code), 11), max(code)::numeric FROM ioc.component "
            "GROUP BY left(code, 11) ORDER BY count(*) DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    beginning, last = row
    with district.as_(district.people["clerk"]) as connection:
        components = next(d for d in editable_datasets(connection).values() if d.code == "component")
        assert beginning[6:] in {one["value"] for one in component_classes(components)}
        code = suggested_code(connection, components, beginning[6:], 114.3446, 30.5489)
        assert code == str(last + 1)
        assert not component_classes(next(iter(district.datasets(connection).values())))
        with pytest.raises(UserError, match="no district"):
            suggested_code(connection, components, beginning[6:], 100.0, 30.0)
        with pytest.raises(UserError, match="no class"):
            suggested_code(connection, components, "99999", 114.3446, 30.5489)
