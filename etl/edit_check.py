"""One feature as a person drew and filled it, held against the rules of its dataset's job."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from psycopg import Connection, sql
from shapely.geometry import shape

from etl.assign import assign_areas
from etl.check import Breach, check, warnings_of
from etl.delivery import Delivery
from etl.edit_job import EditField, edit_fields, hand_job
from etl.edit_neighbours import Problem, problems_beside_others
from etl.job import Job
from etl.normalise import normalise
from etl.prepared import feature_columns
from etl.references import Published, References, published_rows
from etl.rows import GREATEST, LEAST
from etl.search_entries import pinyin
from geodata.errors import UserError
from geodata.models import VERSIONED_MODELS, Feature

MOST_VERTICES = 20_000
LONGEST_CELL = 2_000
NEAR_DEGREES = 0.005
"""About 500 m around what was drawn: farther than any job's tolerance looks for an area."""

NEARBY = """
    SELECT code, {name}, {geometry}, area_code FROM ioc.{table}
    WHERE code = ANY(%(codes)s) OR {everywhere} OR {near} ORDER BY code
"""


@dataclass
class Examined:
    """The feature as the store would keep it; ``row`` is None when there are errors."""

    problems: list[Problem]
    row: dict[str, Any] | None = None
    shape: str | None = None
    """Hexadecimal EWKB."""
    search: dict[str, str | None] | None = None


class NearbyReferences(References):
    """Published rows around one feature or named by its fields, as far as its editor sees them."""

    def __init__(self, connection: Connection[Any], job: Job, place: Any, codes: list[str]) -> None:
        super().__init__()
        on_earth = place is not None and not shapely.is_empty(place) and _is_on_earth(place)
        self._near = {"codes": codes, "place": shapely.to_wkb(place) if on_earth else None}
        self.use(connection, ())
        self.read(connection, job.reads_tables)

    def _read(self, connection: Connection[Any], name: str) -> Published:
        model = VERSIONED_MODELS[name]
        placed = issubclass(model, Feature)
        near = sql.SQL(
            "geom_3857 && ST_Transform(ST_Expand(ST_GeomFromWKB(%(place)s::bytea, 4490), {}), 3857)"
        ).format(sql.Literal(NEAR_DEGREES))
        statement = sql.SQL(NEARBY).format(
            name=sql.Identifier("name") if "name" in model.__table__.columns else sql.SQL("NULL"),
            geometry=sql.SQL("ST_AsBinary(geom)") if placed else sql.SQL("NULL"),
            table=sql.Identifier(name),
            everywhere=sql.Literal(name == "district"),
            near=near if placed else sql.SQL("false"),
        )
        return published_rows(connection, statement, self._near)


def _is_on_earth(place: Any) -> bool:
    bounds = shapely.bounds(place)
    return bool(np.all(bounds >= LEAST) and np.all(bounds <= GREATEST))


def shape_of(geometry: Any) -> Any:
    """The shape of a GeoJSON geometry, in two dimensions.

    Raises:
        UserError: it is none, or has too many vertices.
    """
    try:
        drawn = shapely.force_2d(shape(geometry))
    except (AttributeError, KeyError, TypeError, ValueError, shapely.GEOSException) as error:
        raise UserError(
            "The geometry is not one of GeoJSON: draw the feature again.", zh="图形无法识别，请重新绘制。"
        ) from error
    if shapely.get_num_coordinates(drawn) > MOST_VERTICES:
        raise UserError(
            f"The shape has more than {MOST_VERTICES} vertices: draw it simpler.",
            zh=f"图形超过 {MOST_VERTICES} 个节点，请画得简单一些。",
        )
    return drawn


def examine(
    connection: Connection[Any],
    job: Job,
    dataset_id: int,
    before: dict[str, Any] | None,
    values: dict[str, Any],
    place: Any,
    moved: bool,
) -> Examined:
    """Hold a feature against every rule of its job, through the eyes of the connection's viewer.

    Args:
        before: the row as it is; None for a new feature.
        values: what the form says, by field name; fields it leaves out stay.
        place: its shape in degrees of CGCS2000. ``moved`` says that it is another one than before.
    """
    fields = edit_fields(job)
    cells = {f.name: _cell(f, values, before) for f in fields if f.origin == "hand"}
    known = [value for value in cells.values() if value]
    hand = hand_job(job)
    references = NearbyReferences(connection, hand, place, known)
    delivery = Delivery(
        Path("form"),
        pd.DataFrame({name: [value] for name, value in cells.items()}, dtype="str"),
        np.array([1]),
        np.array([place], dtype=object),
    )
    rows = normalise(hand, delivery, references)
    assign_areas(hand, rows)
    breaches = check(hand, rows, rows.none())
    problems = [_problem(one, fields) for one in breaches]
    on_earth = place if place is not None and _is_on_earth(place) else None
    problems += problems_beside_others(connection, job, dataset_id, before, cells, on_earth)
    if any(one.severity == "error" for one in problems):
        return Examined(problems)
    columns = feature_columns(hand, rows, np.array([0]))
    found = {name: _plain(name, values[0].as_py()) for name, (_, values) in columns.items()}
    drawn = found.pop("geom")
    found |= {"dataset_id": dataset_id, "warnings": warnings_of(breaches, 1)[0]}
    row = found if before is None else _over(before, found, fields, moved)
    return Examined(problems, row, drawn, search_entry(job, before, row))


def _cell(one: EditField, values: dict[str, Any], before: dict[str, Any] | None) -> str | None:
    if one.name in values and not (before and one.key):
        value = values[one.name]
    else:
        row = before or {}
        value = (row.get("attributes") or {}).get(one.name) if one.attribute else row.get(one.name)
    if value is None or isinstance(value, bool | dict | list):
        return None
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if len(text) > LONGEST_CELL or "\x00" in text:
        raise UserError(
            f"“{one.label_en}” holds {LONGEST_CELL} characters: shorten it.",
            zh=f"“{one.label_zh}”最多 {LONGEST_CELL} 个字，请缩短。",
        )
    return text.strip() or None


def _problem(breach: Breach, fields: list[EditField]) -> Problem:
    words = breach.finding.describe(np.array([0]))
    zh, en = _sentence(words.zh[0], words.do_zh[0], "；"), _sentence(words.en[0], words.do_en[0], "; ")
    name = breach.finding.field
    for one in fields:
        if one.name == name:
            zh, en = (
                zh.replace(f"“{name}”", f"“{one.label_zh}”"),
                en.replace(f"“{name}”", f"“{one.label_en}”"),
            )
    return Problem(breach.name, breach.severity, name, zh, en)


def _sentence(reason: str, advice: str, joint: str) -> str:
    return f"{reason}{joint}{advice}" if advice else reason


def _plain(name: str, value: Any) -> Any:
    if name == "attributes":
        return json.loads(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    return value.isoformat() if hasattr(value, "isoformat") else value


def _over(
    before: dict[str, Any], found: dict[str, Any], fields: list[EditField], moved: bool
) -> dict[str, Any]:
    """The row before with what the form and the place change; the rest of it stays as it was delivered."""
    origins = {"hand", "form", "place"} if moved else {"hand", "form"}
    taken = {f.name for f in fields if f.origin in origins and not f.attribute and not f.key}
    if moved:
        taken.add("area_code")
    row = {**before, **{name: found[name] for name in taken if name in found}, "warnings": found["warnings"]}
    if "attributes" in found:
        own = {f.name for f in fields if f.attribute}
        kept = {name: value for name, value in (before["attributes"] or {}).items() if name not in own}
        row["attributes"] = {**kept, **found["attributes"]}
    return row


def search_entry(
    job: Job, before: dict[str, Any] | None, row: dict[str, Any]
) -> dict[str, str | None] | None:
    """What the search finds the feature by; None where it is not found by name, or by the same as before."""
    if job.search is None:
        return None
    names = [name for name in (job.search.title, job.search.subtitle) if name]
    if before is not None and all(before.get(name) == row.get(name) for name in names):
        return None
    title = row.get(job.search.title)
    if not title:
        return None
    whole, initials = pinyin(str(title))
    subtitle = row.get(job.search.subtitle) if job.search.subtitle else None
    return {"title": str(title), "subtitle": subtitle, "pinyin": whole, "initials": initials}
