"""Edits as people review them: what was before and what would be, field by field, and who did what when."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import dict_row

from etl.edit_job import EditField, edit_fields
from etl.job_file import published_job

MOST_EDITS = 200

LIST: LiteralString = """
    SELECT e.id, d.code AS dataset, d.title_zh, d.title_en, d.id AS dataset_id, d.job_text, e.feature_id,
        e.code,
        e.title, e.kind, e.before, e.after, e.reason, e.state, e.undoes_id, e.area_code, e.proposer,
        e.proposed_at,
        e.decider, e.decided_at, e.decision_note, e.version_id,
        ST_AsGeoJSON(e.before_geom, 9, 0) AS before_geometry,
        ST_AsGeoJSON(e.after_geom, 9, 0) AS after_geometry,
        NOT ioc.same_place(e.before_geom, e.after_geom) AS moved,
        ST_Distance(
            ioc.place_of(e.before_geom)::geography, ioc.place_of(e.after_geom)::geography
        ) AS metres,
        e.proposed_by = ioc.viewer_account() AS own,
        ioc.viewer_may('review', e.dataset_id, e.sensitivity, e.area_code)
            AND ioc.viewer_may('review', e.dataset_id, e.sensitivity, e.former_area_code) AS may_review,
        ioc.viewer_may('propose', e.dataset_id, e.sensitivity, e.area_code) AS may_propose,
        p.width, p.height, p.taken_at, p.lon, p.lat, o.outcome, o.fields AS outcome_fields
    FROM ioc.feature_edit e
    JOIN ioc.dataset d ON d.id = e.dataset_id
    LEFT JOIN ioc.feature_photo p ON p.edit_id = e.id
    LEFT JOIN LATERAL (
        SELECT outcome, fields FROM ioc.feature_edit_outcome WHERE edit_id = e.id
        ORDER BY version_id DESC LIMIT 1
    ) AS o ON true
    WHERE (%(state)s::text IS NULL OR e.state = %(state)s
            OR (%(state)s = 'conflict' AND o.outcome = 'conflict' AND e.state = 'accepted'
                AND e.undoes_id IS NULL))
        AND (%(dataset)s::text IS NULL OR d.code = %(dataset)s)
        AND (%(person)s::text IS NULL OR position(lower(%(person)s) IN lower(e.proposer)) > 0)
        AND (%(area)s::text IS NULL OR e.area_code ^@ %(area)s)
        AND (%(feature)s::bigint IS NULL OR e.feature_id = %(feature)s)
        AND (%(id)s::bigint IS NULL OR e.id = %(id)s)
    ORDER BY e.id DESC LIMIT %(limit)s
"""
OPEN: LiteralString = """
    SELECT count(*) FROM ioc.feature_edit e
    WHERE e.state = 'proposed' AND e.proposed_by <> ioc.viewer_account()
        AND ioc.viewer_may('review', e.dataset_id, e.sensitivity, e.area_code)
        AND ioc.viewer_may('review', e.dataset_id, e.sensitivity, e.former_area_code)
"""


@dataclass(frozen=True)
class EditSearch:
    """Which edits; what is None is not asked. ``state`` may also be ``conflict``: overruled by a delivery."""

    state: str | None = None
    dataset: str | None = None
    person: str | None = None
    area: str | None = None
    feature: int | None = None
    id: int | None = None
    limit: int = MOST_EDITS


def edits(connection: Connection[Any], search: EditSearch) -> list[dict[str, Any]]:
    """Edits that the viewer may see, newest first, as the browser gets them."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(LIST, vars(search)).fetchall()
    return [_entry(row) for row in rows]


def open_count(connection: Connection[Any]) -> int:
    """Proposals that wait for the viewer's decision."""
    row = connection.execute(OPEN).fetchone()
    return row[0] if row else 0


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    job_text, before, after = row.pop("job_text"), row.pop("before"), row.pop("after")
    fields = _fields(row["dataset"], job_text)
    row["changes"] = [] if row["kind"] == "photo" else differences(fields, before, after)
    row["outcome_fields"] = _named(fields, row["outcome_fields"] or [])
    for name in ("before_geometry", "after_geometry"):
        row[name] = json.loads(row[name]) if row[name] else None
    for name in ("proposed_at", "decided_at", "taken_at"):
        row[name] = row[name].isoformat() if row[name] else None
    if row["kind"] != "change":
        row["metres"] = None
    row["moved"] = bool(row["kind"] == "change" and row["moved"])
    row["photo"] = row["width"] is not None
    return row


@lru_cache(maxsize=64)
def _fields(code: str, job_text: str | None) -> tuple[EditField, ...]:
    job = published_job(code, job_text)
    return tuple(edit_fields(job)) if job else ()


def _named(fields: tuple[EditField, ...], names: list[str]) -> list[dict[str, str]]:
    """Fields of an outcome as people call them; the place (``geom``) is none of the form's."""
    known = {f"attributes.{f.name}" if f.attribute else f.name: f for f in fields}
    return [
        {"name": name, "label_zh": known[name].label_zh, "label_en": known[name].label_en}
        if name in known
        else {"name": name}
        for name in names
    ]


def differences(
    fields: tuple[EditField, ...], before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Fields in which two rows of a feature differ, in the words of people; of one row alone, all it has."""
    found = []
    for field in fields:
        was, becomes = _value(field, before), _value(field, after)
        if was != becomes:
            found.append(
                {
                    "name": field.name,
                    "label_zh": field.label_zh,
                    "label_en": field.label_en,
                    "unit": field.unit,
                    "origin": field.origin,
                    **{
                        f"{side}_{language}": field.text(value, language)
                        for side, value in (("before", was), ("after", becomes))
                        for language in ("zh", "en")
                    },
                }
            )
    return found


def _value(field: EditField, row: Mapping[str, Any] | None) -> Any:
    if row is None:
        return None
    value = (row.get("attributes") or {}).get(field.name) if field.attribute else row.get(field.name)
    return None if value == "" else value
