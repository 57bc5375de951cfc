"""Editing by hand: who may edit what, and that the web's own role can do no more."""

from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from etl.edit import (
    EditRefusedError,
    Proposal,
    propose,
)
from geodata.viewer import Viewer
from tests.etl.hydrants import Hydrants, point, refused


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
