"""A small dataset of hydrants in the demo district, and the people who edit it by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from psycopg import Connection

from etl.edit import (
    EditableDataset,
    EditRefusedError,
    Feature,
    Proposal,
    decide,
    editable_datasets,
    propose,
    published_feature,
)
from etl.job_file import load_job
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


def refused(error: pytest.ExceptionInfo[EditRefusedError]) -> str:
    return error.value.fault
