"""Editing by hand in the store: who may, what is checked, what is seen, and what a new load leaves of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from etl.dataset_history import roll_back
from etl.edit import (
    EditRefusedError,
    Feature,
    Proposal,
    decide,
    editable_datasets,
    form_values,
    may,
    propose,
    published_feature,
    undo,
)
from etl.job import load_job
from etl.run import run_job
from geodata.feature_id import feature_ids
from geodata.store import Store
from geodata.viewer import Viewer, resolve_viewer
from ioc.accounts import NewAccount, add_account

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


class Hydrants:
    """A small dataset of its own in the demo district, and people who edit it."""

    def __init__(self, store: Store, folder: Path, declared: str = "") -> None:
        self.store, self.folder = store, folder
        (folder / "hydrant.toml").write_text(JOB.format(declared=declared), encoding="utf-8")
        self.job = load_job(folder / "hydrant.toml")
        self.load(ROWS)
        self.people: dict[str, Viewer] = {}

    def load(self, rows: list[tuple[Any, ...]]) -> None:
        lines = ["code,name,state,pressure,lon,lat", *(",".join(map(str, row)) for row in rows)]
        (self.folder / "hydrants.csv").write_text("\n".join(lines), encoding="utf-8")
        run_job(self.store, self.job, self.folder)

    def person(self, name: str, *roles: str, department: str | None = "urban", **more: Any) -> Viewer:
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
        found = hydrants(connection)
        return published_feature(connection, found, feature_id(code))

    def propose(self, viewer: Viewer, code: str, kind: str = "change", **more: Any) -> int:
        """A proposal that must be sound."""
        with self.as_(viewer) as connection:
            feature = self.feature(connection, code) if kind != "add" else None
            (dataset,) = hydrants(connection).values()
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
                WHERE d.code = 'hydrant'
                """
            ).fetchall()
        return {code: (name, pressure, round(x, 7), round(y, 7)) for code, name, pressure, x, y in rows}

    def outcomes(self, edit: int) -> list[tuple[str, list[str] | None]]:
        with self.store.owner_connection() as connection:
            return connection.execute(
                "SELECT outcome, fields FROM ioc.feature_edit_outcome WHERE edit_id = %s ORDER BY version_id",
                [edit],
            ).fetchall()


def feature_id(code: str) -> int:
    return int(feature_ids("hydrant", pa.array([code]))[0])


def hydrants(connection: Connection[Any]) -> dict[int, Any]:
    return {key: one for key, one in editable_datasets(connection).items() if one.code == "hydrant"}


def point(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon, lat]}


@pytest.fixture
def district(demo_store: Store, tmp_path: Path) -> Hydrants:
    made = Hydrants(demo_store, tmp_path)
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
            JOIN ioc.dataset d ON d.id = f.dataset_id WHERE d.code = 'hydrant' ORDER BY 1
            """
        ).fetchall()
        counted = connection.execute(
            "SELECT rows_loaded, revision FROM ioc.dataset d "
            "JOIN ioc.dataset_version v ON v.id = d.published_version_id WHERE d.code = 'hydrant'"
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
        (dataset,) = hydrants(connection).values()
        examined, edit = propose(connection, dataset, None, Proposal("add", values, point(*at), "新装"))
    assert edit is None
    assert (rule, field) in {(p.rule, p.field) for p in examined.problems if p.severity == "error"}
    assert all(p.reason_zh and p.reason_en for p in examined.problems)


def test_a_warning_is_told_and_kept_with_the_feature(district: Hydrants) -> None:
    with district.as_(district.people["clerk"]) as connection:
        (dataset,) = hydrants(connection).values()
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
            assert not hydrants(connection)
    with district.as_(elsewhere) as connection:
        (dataset,) = hydrants(connection).values()
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
        (dataset,) = hydrants(connection).values()
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
            proposed, done = undo(connection, hydrants(connection), edit, "看错了")
        assert not done
        district.decide(chief, proposed)
        assert district.shown() == before
    with district.store.owner_connection() as connection:
        states = connection.execute("SELECT state, undoes_id FROM ioc.feature_edit ORDER BY id").fetchall()
        trail = connection.execute(
            "SELECT detail ->> 'step', account_name FROM ioc.audit_entry "
            "WHERE action = 'edit' ORDER BY id LIMIT 2"
        ).fetchall()
    assert [state for state, _ in states] == ["undone", "accepted"] * 3
    assert trail == [("propose", "clerk"), ("accepted", "chief")]


def test_a_reviewer_undoes_anothers_edit_at_once_but_not_their_own(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    edit = district.propose(clerk, "H1", values={"pressure": 0.7})
    district.decide(chief, edit)
    with district.as_(chief) as connection:
        assert undo(connection, hydrants(connection), edit, "有误")[1]
    assert district.shown()["H1"][1] == 0.3
    own = district.propose(chief, "H1", values={"pressure": 0.8})
    district.decide(district.person("second", "steward"), own)
    with district.as_(chief) as connection:
        assert not undo(connection, hydrants(connection), own, "有误")[1]
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
    roll_back(district.store, "hydrant")
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
        loading.execute("SELECT pg_advisory_lock(1229931332, id) FROM ioc.dataset WHERE code = 'hydrant'")
        with pytest.raises(EditRefusedError) as held:
            district.decide(district.people["chief"], edit)
    assert refused(held) == "loading"
    district.decide(district.people["chief"], edit)


def test_a_dataset_declared_without_review_needs_no_second_person(demo_store: Store, tmp_path: Path) -> None:
    made = Hydrants(demo_store, tmp_path, "review = false")
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
    assert values == {"code": "H1", "name": "水果湖一号栓", "feature_class": "完好", "pressure": 0.3}
    assert fields["code"].key
    assert fields["name"].required
    assert fields["pressure"].unit == "MPa"
    assert [c.value for c in fields["feature_class"].choices] == ["完好", "损坏"]
    component = {f.name: f for f in components.fields}
    assert component["unit_grid_code"].origin == "place"
    assert component["type_code"].origin == "form"
    assert component["original_code"].origin == "delivery"
    assert component["managing_unit"].origin == "hand"
