"""Editing by hand in the store: who may, what is checked, what is seen, and what a new load leaves of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from etl.dataset_history import roll_back
from etl.edit import (
    MOST_PHOTOS,
    EditableDataset,
    EditRefusedError,
    Feature,
    Proposal,
    attach_photo,
    decide,
    editable_datasets,
    form_values,
    may,
    propose,
    published_feature,
    undo,
)
from etl.edit_code import component_classes, suggested_code
from etl.job import load_job
from etl.photo import read_photo
from etl.run import run_job
from geodata.errors import UserError
from geodata.feature_id import feature_ids
from geodata.store import Store
from geodata.viewer import Viewer, resolve_viewer
from ioc.accounts import NewAccount, add_account
from ioc.embedded_postgis import EmbeddedPostgis
from tests.conftest import cloned_store
from tests.etl.test_photo import PNG

PASSWORD = "only-for-these-tests"
JOB = """
title_zh = "消火栓"
title_en = "Hydrants"
department = "urban"
target = "departmental_feature"
{declared}

[source]
path = "hydrants.csv"
x = "lon"
y = "lat"
crs = "CGCS2000"

[fields]
code = "code"
name = "name"
feature_class = "state"

[[attributes]]
name = "pressure"
source = "pressure"
label_zh = "水压"
label_en = "Pressure"
unit = "MPa"
type = "number"

[[attributes]]
name = "diameter"
source = "diameter"
label_zh = "口径"
label_en = "Diameter"
unit = "mm"
type = "number"

[assign]
by = "community"

[search]
title = "name"

[[checks]]
rule = "inside_district"

[[checks]]
rule = "given"
column = "name"

[[checks]]
rule = "one_of"
column = "feature_class"
values = ["完好", "损坏"]
severity = "warning"
"""
ROWS = [
    ("H1", "水果湖一号栓", "完好", "0.3", 114.3442, 30.5488),
    ("H2", "水果湖二号栓", "完好", "0.2", 114.3450, 30.5490),
]


@dataclass(frozen=True)
class Office:
    """The demo district, the people who edit in it, and numbers for datasets of each test's own."""

    store: Store
    people: dict[str, Viewer]
    numbers: Iterator[int]


class Hydrants:
    """A small dataset of its own in the demo district, and people who edit it."""

    def __init__(self, office: Office, folder: Path, declared: str = "", checks: str = "") -> None:
        self.store, self.people, self.folder = office.store, office.people, folder
        self.code = f"hydrant_{next(office.numbers)}"
        (folder / f"{self.code}.toml").write_text(JOB.format(declared=declared) + checks, encoding="utf-8")
        self.job = load_job(folder / f"{self.code}.toml")
        self.load(ROWS)

    def load(self, rows: list[tuple[Any, ...]]) -> None:
        lines = ["code,name,state,pressure,lon,lat,diameter"]
        lines += [",".join(map(str, (*row, 100)[:7])) for row in rows]
        (self.folder / "hydrants.csv").write_text("\n".join(lines), encoding="utf-8")
        run_job(self.store, self.job, self.folder)

    def person(self, name: str, *roles: str, department: str | None = "urban", **more: Any) -> Viewer:
        if name in self.people:
            return self.people[name]
        with self.store.owner_session() as session:
            account = add_account(
                session, NewAccount(name, name, roles, department, sensitivity=3, **more), PASSWORD
            ).id
        with self.store.owner_connection() as connection:
            viewer = resolve_viewer(connection, account)
        assert viewer is not None
        self.people[name] = viewer
        return viewer

    @contextmanager
    def as_(self, viewer: Viewer) -> Iterator[Connection[Any]]:
        with self.store.connect(viewer) as connection:
            yield connection

    def feature(self, connection: Connection[Any], code: str) -> Feature | None:
        return published_feature(connection, self.datasets(connection), self.feature_id(code))

    def feature_id(self, code: str) -> int:
        return int(feature_ids(self.code, pa.array([code]))[0])

    def datasets(self, connection: Connection[Any]) -> dict[int, EditableDataset]:
        return {key: one for key, one in editable_datasets(connection).items() if one.code == self.code}

    def propose(self, viewer: Viewer, code: str, kind: str = "change", **more: Any) -> int:
        """A proposal that must be sound."""
        with self.as_(viewer) as connection:
            feature = self.feature(connection, code) if kind != "add" else None
            (dataset,) = self.datasets(connection).values()
            wanted = Proposal(
                kind,
                more.get("values", {"code": code} if kind == "add" else {}),
                point(*more["at"]) if "at" in more else None,
                "现场核实",
                feature.revision if feature else None,
            )
            examined, edit = propose(connection, dataset, feature, wanted)
        assert edit is not None, examined.problems
        return edit

    def decide(self, viewer: Viewer, edit: int, decision: str = "accepted") -> None:
        with self.as_(viewer) as connection:
            decide(connection, edit, decision, None)

    def shown(self) -> dict[str, tuple[str, float | None, float, float]]:
        """What anybody with every right sees: name, pressure, place by code."""
        with self.store.owner_connection() as connection:
            rows = connection.execute(
                """
                SELECT f.code, name, (attributes ->> 'pressure')::float, ST_X(geom), ST_Y(geom)
                FROM ioc.departmental_feature f JOIN ioc.dataset d ON d.id = f.dataset_id
                WHERE d.code = %s
                """,
                [self.code],
            ).fetchall()
        return {code: (name, pressure, round(x, 7), round(y, 7)) for code, name, pressure, x, y in rows}

    def outcomes(self, edit: int) -> list[tuple[str, list[str] | None]]:
        with self.store.owner_connection() as connection:
            return connection.execute(
                "SELECT outcome, fields FROM ioc.feature_edit_outcome WHERE edit_id = %s ORDER BY version_id",
                [edit],
            ).fetchall()


def point(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon, lat]}


@pytest.fixture(scope="module")
def office(postgis: EmbeddedPostgis, demo_database: str) -> Iterator[Office]:
    with cloned_store(postgis, demo_database) as store:
        yield Office(store, {}, count(1))


@pytest.fixture
def district(office: Office, tmp_path: Path) -> Hydrants:
    made = Hydrants(office, tmp_path)
    made.person("clerk", "staff")
    made.person("chief", "steward")
    return made


def refused(error: pytest.ExceptionInfo[EditRefusedError]) -> str:
    return error.value.fault


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


def test_nobody_edits_outside_their_dataset_or_area(district: Hydrants) -> None:
    water = district.person("water", "staff", department="water")
    planner = district.person("planner", "planner")
    elsewhere = district.person("elsewhere", "staff", areas=("420106001",))
    for viewer in (water, planner):
        with district.as_(viewer) as connection:
            assert not district.datasets(connection)
    with district.as_(elsewhere) as connection:
        (dataset,) = district.datasets(connection).values()
        assert district.feature(connection, "H1") is None
        wanted = Proposal("add", {"code": "H7", "name": "别处"}, point(114.3446, 30.5489), "新装")
        with pytest.raises(EditRefusedError) as outside:
            propose(connection, dataset, None, wanted)
    assert refused(outside) == "right"


def test_the_webs_role_can_do_no_more_than_its_viewer(district: Hydrants) -> None:
    with district.as_(district.people["clerk"]) as connection:
        feature = district.feature(connection, "H1")
        assert feature is not None
        dataset, version = feature.dataset.id, feature.dataset.version_id
    row = {**feature.row, "area_code": "420106001001"}
    forged = {
        "dataset_id": dataset,
        "kind": "change",
        "feature_id": feature.row["id"],
        "code": "H1",
        "reason": "x",
        "base": feature.row,
        "base_geom": feature.shape,
        "after": row,
        "after_geom": feature.shape,
    }
    edit = district.propose(district.people["clerk"], "H2", values={"pressure": 1})
    other = district.person("other", "staff", areas=("420106001",))
    in_version = sql.SQL("UPDATE version.{} SET name = 'x'").format(
        sql.Identifier(f"departmental_feature_{version}")
    )
    attempts: list[tuple[Viewer, str, list[Any]]] = [
        (other, "SELECT ioc.propose_edit(%s)", [Jsonb(forged | {"kind": "remove"})]),
        (other, "SELECT ioc.propose_edit(%s)", [Jsonb(forged)]),
        (district.people["clerk"], "SELECT ioc.propose_edit(%s)", [Jsonb(forged)]),
        (district.people["clerk"], "SELECT ioc.decide_edit(%s, 'accepted', NULL)", [edit]),
        (other, "SELECT ioc.decide_edit(%s, 'withdrawn', NULL)", [edit]),
        (district.people["clerk"], "INSERT INTO ioc.feature_edit DEFAULT VALUES", []),
        (district.people["chief"], "UPDATE ioc.feature_edit SET state = 'accepted'", []),
        (district.people["chief"], "UPDATE ioc.departmental_feature SET name = 'x'", []),
        (district.people["chief"], in_version.as_string(), []),
        (district.people["chief"], "SELECT ioc.bring_edits(%s)", [version]),
        (
            district.people["chief"],
            "SELECT ioc.write_feature('departmental_feature', %s, %s, NULL, NULL, NULL)",
            [version, feature.row["id"]],
        ),
    ]
    for viewer, statement, parameters in attempts:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), district.as_(viewer) as connection:
            connection.execute(statement, parameters)  # pyright: ignore[reportArgumentType]
    assert district.shown()["H1"][1] == 0.3
    with district.as_(other) as connection:
        assert connection.execute("SELECT count(*) FROM ioc.feature_edit").fetchone() == (0,)
    with district.store.owner_connection() as owner:
        for statement in ("DELETE FROM ioc.feature_edit", "UPDATE ioc.feature_edit SET reason = 'y'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), owner.transaction():
                owner.execute(statement)


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


def test_undoing_puts_back_what_was_and_is_recorded(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    before = district.shown()
    for kind, code, more in (
        ("change", "H1", {"values": {"name": "改名栓"}, "at": (114.3460, 30.5500)}),
        ("remove", "H2", {}),
        ("add", "H9", {"values": {"code": "H9", "name": "九号"}, "at": (114.3446, 30.5489)}),
    ):
        edit = district.propose(clerk, code, kind, **more)
        district.decide(chief, edit)
        assert district.shown() != before
        with district.as_(clerk) as connection:
            proposed, done = undo(connection, district.datasets(connection), edit, "看错了")
        assert not done
        district.decide(chief, proposed)
        assert district.shown() == before
    with district.store.owner_connection() as connection:
        states = connection.execute(
            "SELECT state, undoes_id FROM ioc.feature_edit e JOIN ioc.dataset d ON d.id = e.dataset_id "
            "WHERE d.code = %s ORDER BY e.id",
            [district.code],
        ).fetchall()
        trail = connection.execute(
            "SELECT detail ->> 'step', account_name FROM ioc.audit_entry "
            "WHERE action = 'edit' AND layer = %s ORDER BY id LIMIT 2",
            [district.code],
        ).fetchall()
    assert [state for state, _ in states] == ["undone", "accepted"] * 3
    assert trail == [("propose", "clerk"), ("accepted", "chief")]


def test_a_reviewer_undoes_anothers_edit_at_once_but_not_their_own(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    edit = district.propose(clerk, "H1", values={"pressure": 0.7})
    district.decide(chief, edit)
    with district.as_(chief) as connection:
        assert undo(connection, district.datasets(connection), edit, "有误")[1]
    assert district.shown()["H1"][1] == 0.3
    own = district.propose(chief, "H1", values={"pressure": 0.8})
    district.decide(district.person("second", "steward"), own)
    with district.as_(chief) as connection:
        assert not undo(connection, district.datasets(connection), own, "有误")[1]
    assert district.shown()["H1"][1] == 0.8


def test_a_new_delivery_keeps_edits_it_does_not_know_and_rollback_too(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    moved = district.propose(clerk, "H1", at=(114.3460, 30.5500))
    district.decide(chief, moved)
    removed = district.propose(clerk, "H2", "remove")
    district.decide(chief, removed)
    added = district.propose(
        clerk, "H9", "add", values={"code": "H9", "name": "九号"}, at=(114.3446, 30.5489)
    )
    district.decide(chief, added)
    # The delivery knows nothing of them; another field of H1 and another row have changed.
    district.load(
        [
            ("H1", "水果湖一号栓", "完好", "0.9", *ROWS[0][4:]),
            ROWS[1],
            ("H3", "三号", "完好", "0.1", 114.3452, 30.5492),
        ]
    )
    shown = district.shown()
    assert shown["H1"] == ("水果湖一号栓", 0.9, 114.346, 30.55)
    assert set(shown) == {"H1", "H3", "H9"}
    assert [o[0] for o in district.outcomes(moved)] == ["applied", "applied"]
    late = district.propose(clerk, "H9", values={"name": "九号改"})
    district.decide(chief, late)
    roll_back(district.store, district.code)
    shown = district.shown()
    assert set(shown) == {"H1", "H9"}
    assert shown["H1"][1:3] == (0.3, 114.346)
    assert shown["H9"][0] == "九号改"


def test_what_the_delivery_contains_or_overrules_is_settled(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    contained = district.propose(clerk, "H1", values={"pressure": 0.5})
    district.decide(chief, contained)
    overruled = district.propose(clerk, "H2", values={"name": "二号（手改）"})
    district.decide(chief, overruled)
    district.load(
        [
            ("H1", "水果湖一号栓", "完好", "0.5", *ROWS[0][4:]),
            ("H2", "二号（普查）", "完好", "0.2", *ROWS[1][4:]),
        ]
    )
    assert district.outcomes(contained)[-1] == ("contained", None)
    assert district.outcomes(overruled)[-1] == ("conflict", ["name"])
    assert district.shown()["H2"][0] == "二号（普查）"
    district.load(ROWS)
    assert district.shown()["H1"][1] == 0.3
    assert district.shown()["H2"][0] == "水果湖二号栓"
    assert len(district.outcomes(contained)) == 2


def test_an_edit_that_fails_in_the_middle_leaves_all_as_it_was(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    edit = district.propose(clerk, "H1", values={"pressure": 0.9}, at=(114.3460, 30.5500))
    before = district.shown()
    killed = district.store.connect(chief)
    connection = killed.__enter__()
    decide(connection, edit, "accepted", None)
    pid = connection.execute("SELECT pg_backend_pid()").fetchone()
    with district.store.owner_connection() as owner:
        owner.execute("SELECT pg_terminate_backend(%s)", pid)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    killed.__exit__(None, None, None)
    assert district.shown() == before
    district.decide(chief, edit)
    assert district.shown()["H1"][1] == 0.9


def test_nothing_is_accepted_while_the_dataset_is_loaded(district: Hydrants) -> None:
    edit = district.propose(district.people["clerk"], "H1", values={"pressure": 0.9})
    with district.store.owner_connection() as loading:
        loading.execute(
            "SELECT pg_advisory_lock(1229931332, id) FROM ioc.dataset WHERE code = %s", [district.code]
        )
        with pytest.raises(EditRefusedError) as held:
            district.decide(district.people["chief"], edit)
    assert refused(held) == "loading"
    district.decide(district.people["chief"], edit)


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


def test_an_attribute_that_nobody_else_touched_survives_the_next_delivery(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    kept = district.propose(clerk, "H1", values={"pressure": 0.45})
    district.decide(chief, kept)
    overruled = district.propose(clerk, "H2", values={"pressure": 0.9})
    district.decide(chief, overruled)
    district.load([(*ROWS[0], 150), (*ROWS[1][:3], "0.7", *ROWS[1][4:])])
    with district.store.owner_connection() as connection:
        rows = connection.execute(
            "SELECT f.code, attributes FROM ioc.departmental_feature f "
            "JOIN ioc.dataset d ON d.id = f.dataset_id WHERE d.code = %s",
            [district.code],
        ).fetchall()
    assert dict(rows) == {
        "H1": {"pressure": 0.45, "diameter": 150},
        "H2": {"pressure": 0.7, "diameter": 100},
    }
    assert district.outcomes(kept)[-1] == ("applied", None)
    assert district.outcomes(overruled)[-1] == ("conflict", ["attributes.pressure"])


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
