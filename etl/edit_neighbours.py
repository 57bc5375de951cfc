"""One edited feature beside all others of its dataset: the rules that look at more than a single row.

Others are sought in the whole store. Of one that the editor may not see is told that it is there, no more.
"""

from dataclasses import dataclass
from typing import Any

import shapely
from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from etl.job import Check, Job

COINCIDENT_METRES = 0.001
"""As the rule ``coincident`` takes two survey points for one place."""


@dataclass(frozen=True)
class Problem:
    """A rule that the feature breaks; with an error it cannot be handed in."""

    rule: str
    severity: str
    field: str | None
    reason_zh: str
    reason_en: str


@dataclass(frozen=True)
class _Others:
    """The features of a job's dataset but the one that is edited (``besides``: its id, -1 for a new one)."""

    connection: Connection[Any]
    job: Job
    dataset_id: int
    besides: int

    def with_value(self, column: str, value: str) -> str | None:
        """The code of one that has the value, empty where the viewer may not see it; None: there is none."""
        seen = self._seen(sql.SQL("{}::text = %s").format(sql.Identifier(column)), [value])
        return seen or self._hidden("value_in_use", [column, value])

    def near(self, place: Any, metres: float, alike: dict[str, Any]) -> str | None:
        """The same of a point within a distance and with the same values in the fields of ``alike``."""
        ewkb = shapely.to_wkb(shapely.set_srid(place, 4490), include_srid=True)
        near = sql.SQL(
            """
            geom_3857 && ST_Transform(ST_Expand(ST_GeomFromEWKB(%s), %s / 50000), 3857)
            AND GeometryType(geom) = 'POINT'
            AND ST_DWithin(geom::geography, ST_GeomFromEWKB(%s)::geography, %s)
            AND NOT EXISTS (
                SELECT FROM jsonb_each(%s) a WHERE a.value <> coalesce(to_jsonb(f) -> a.key, 'null')
            )
            """
        )
        seen = self._seen(near, [ewkb, metres, ewkb, metres, Jsonb(alike)])
        return seen or self._hidden("place_in_use", [ewkb, metres, Jsonb(alike)])

    def _seen(self, condition: sql.Composable, parameters: list[Any]) -> str | None:
        statement = sql.SQL(
            "SELECT code FROM ioc.{} f WHERE dataset_id = %s AND id <> %s AND {} LIMIT 1"
        ).format(sql.Identifier(self.job.target), condition)
        row = self.connection.execute(statement, [self.dataset_id, self.besides, *parameters]).fetchone()
        return row[0] if row else None

    def _hidden(self, function: str, parameters: list[Any]) -> str | None:
        statement = sql.SQL("SELECT ioc.{}(%s, %s, {})").format(
            sql.Identifier(function), sql.SQL(", ").join([sql.Placeholder()] * len(parameters))
        )
        row = self.connection.execute(statement, [self.dataset_id, self.besides, *parameters]).fetchone()
        return "" if row and row[0] else None


def problems_beside_others(
    connection: Connection[Any],
    job: Job,
    dataset_id: int,
    before: dict[str, Any] | None,
    cells: dict[str, str | None],
    place: Any,
) -> list[Problem]:
    """Breaches of ``unique``, ``same_place`` and ``coincident``; the code of a new feature is always unique.

    Args:
        before: the row as it is, None for a new feature.
        cells: what the form says, by field name.
        place: the shape in degrees of CGCS2000, None where it has none on earth.
    """
    others = _Others(connection, job, dataset_id, before["id"] if before else -1)
    unique = {"code": "error"} if before is None else {}
    unique |= {c.parameters["column"]: c.severity for c in job.checks if c.rule == "unique"}
    problems = []
    for column, severity in sorted(unique.items()):
        value = cells.get(column)
        if value is not None and (column != "code" or before is None):
            other = others.with_value(column, value)
            if other is not None:
                problems.append(_in_use(column, severity, value, other))
    if place is None or shapely.get_type_id(place) != 0:
        return problems
    for declared in job.checks:
        distance, alike = _sought(declared, cells)
        if distance is not None and (other := others.near(place, distance, alike)) is not None:
            problems.append(_occupied(declared, distance, other))
    return problems


def _sought(declared: Check, cells: dict[str, str | None]) -> tuple[float | None, dict[str, Any]]:
    if declared.rule == "same_place":
        column = declared.parameters.get("column")
        return declared.parameters.get("distance_m", 0.1), {column: cells.get(column)} if column else {}
    if declared.rule == "coincident":
        return COINCIDENT_METRES, {"ground_level": _number(cells.get("ground_level"))}
    return None, {}


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _in_use(column: str, severity: str, value: str, other: str) -> Problem:
    zh = f"“{value}”已被 {other} 使用" if other else f"“{value}”已被另一要素使用"
    en = f"“{value}” is already that of {other or 'another feature'}"
    return Problem("unique", severity, column, zh, en)


def _occupied(declared: Check, metres: float, other: str) -> Problem:
    zh = f"{metres:g} 米以内已有 {other or '另一同类要素'}；确为同一对象的不要重复登记"
    en = f"{other or 'Another such feature'} is within {metres:g} m; one thing is registered once"
    return Problem(declared.name, declared.severity, "geom", zh, en)
