"""Editing by hand: features as forms, proposals held against the job's rules, and what was decided on them.

Everything here works on the connection of a viewer; the store itself enforces who may propose, who may
decide, and that nothing is written but an accepted proposal.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import shapely
from psycopg import Connection, Error, sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from etl.edit_check import Examined, examine, search_entry, shape_of
from etl.edit_job import EditField, edit_fields, may_be_edited
from etl.job import Job
from etl.job_file import published_job
from geodata.errors import UserError
from geodata.feature_id import feature_ids

KINDS = ("add", "change", "remove")
LONGEST_REASON = 500
MOST_PHOTOS = 20
"""Of one feature, as ``ioc.attach_photo`` counts them."""


class EditRefusedError(UserError):
    """A proposal or decision that cannot be carried out; ``fault`` names why, for the page's own words."""

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(message)
        self.fault = fault


FAULTS = {
    "IOC01": (
        "changed",
        "The feature has changed since you opened it: look at it again and repeat the edit.",
    ),
    "IOC02": ("pending", "Another proposal for this feature waits for its review: wait for the decision."),
    "IOC03": ("taken", "There is a feature with this code already: give another code."),
    "IOC04": ("decided", "This proposal has been decided on already: load the list again."),
    "IOC06": ("photos", f"The feature has {MOST_PHOTOS} photographs: have one of them undone first."),
    "IOC05": ("own", "Nobody reviews their own proposal: leave it to a colleague."),
    "42501": ("right", "Your account has no right to this edit here: ask the administrator for it."),
    "55P03": ("loading", "The dataset is being loaded: try again when that has finished."),
}
"""Of the SQLSTATE that the store's functions raise."""


@dataclass(frozen=True)
class EditableDataset:
    """A dataset of which the viewer may edit something."""

    id: int
    code: str
    target: str
    sensitivity: int
    version_id: int
    review: bool
    may_review: bool
    job: Job

    @property
    def fields(self) -> list[EditField]:
        return edit_fields(self.job)


@dataclass(frozen=True)
class Feature:
    """A published feature: its row, its shape, and what tells this state of it from every other."""

    dataset: EditableDataset
    row: dict[str, Any]
    place: Any
    shape: str | None
    geometry: dict[str, Any] | None

    @property
    def revision(self) -> str:
        text = json.dumps([self.row, self.shape], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Proposal:
    """What a person wants of a feature. ``revision`` is that of the feature they saw."""

    kind: str
    values: dict[str, Any]
    geometry: dict[str, Any] | None
    reason: str
    revision: str | None = None


def editable_datasets(connection: Connection[Any]) -> dict[int, EditableDataset]:
    """Datasets that the viewer may edit somewhere, by id."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute("SELECT * FROM ioc.editable_datasets()").fetchall()
    found = {}
    for row in rows:
        job = published_job(row["code"], row.pop("job_text"))
        if job is not None and may_be_edited(job):
            found[row["id"]] = EditableDataset(**row, job=job)
    return found


def published_feature(
    connection: Connection[Any], datasets: dict[int, EditableDataset], feature_id: int
) -> Feature | None:
    """The feature of one of these datasets, if the viewer may see it."""
    for dataset in datasets.values():
        row = connection.execute(
            sql.SQL(
                """
                SELECT to_jsonb(f) - ARRAY['geom', 'geom_3857'], ST_AsBinary(geom),
                    encode(ST_AsEWKB(geom), 'hex'), ST_AsGeoJSON(geom, 9, 0)
                FROM ioc.{} f WHERE dataset_id = %s AND id = %s
                """
            ).format(sql.Identifier(dataset.target)),
            [dataset.id, feature_id],
        ).fetchone()
        if row is not None:
            content, wkb, ewkb, geojson = row
            place = shapely.from_wkb(bytes(wkb)) if wkb is not None else None
            return Feature(dataset, content, place, ewkb, json.loads(geojson) if geojson else None)
    return None


def may(connection: Connection[Any], wanted: str, feature: Feature) -> bool:
    """Whether the viewer may propose or review changes of this very feature."""
    row = connection.execute(
        "SELECT ioc.viewer_may(%s, %s, %s, %s)",
        [wanted, feature.dataset.id, feature.row["sensitivity"], feature.row["area_code"]],
    ).fetchone()
    return bool(row and row[0])


def form_values(fields: list[EditField], row: dict[str, Any]) -> dict[str, Any]:
    """The row's values by field name."""
    attributes = row.get("attributes") or {}
    return {f.name: (attributes if f.attribute else row).get(f.name) for f in fields}


def propose(
    connection: Connection[Any],
    dataset: EditableDataset,
    feature: Feature | None,
    proposal: Proposal,
    check_only: bool = False,
) -> tuple[Examined, int | None]:
    """Hand a proposal in; the id is None where rules are broken or it is only to be checked.

    Raises:
        EditRefusedError: no right, an open proposal, or the feature has changed since.
    """
    reason = proposal.reason.strip()
    if not check_only and not 1 <= len(reason) <= LONGEST_REASON:
        raise EditRefusedError("reason", f"Say in 1 to {LONGEST_REASON} characters why the edit is made.")
    if feature is not None and proposal.revision != feature.revision:
        raise _refusal("IOC01")
    if proposal.kind == "remove":
        assert feature is not None, "what is removed is there"
        return Examined([]), None if check_only else _hand_in(connection, dataset, feature, "remove", reason)
    place = shape_of(proposal.geometry) if proposal.geometry else feature.place if feature else None
    moved = feature is None or (proposal.geometry is not None and not _same(place, feature.place))
    before = feature.row if feature else None
    examined = examine(connection, dataset.job, dataset.id, before, proposal.values, place, moved)
    if examined.row is None or check_only:
        return examined, None
    if feature is not None and not moved:
        examined.shape = feature.shape
    kind = "add" if feature is None else "change"
    return examined, _hand_in(connection, dataset, feature, kind, reason, examined)


def _same(one: Any, other: Any) -> bool:
    return other is not None and shapely.equals_exact(one, other, tolerance=1.5e-9)


def _hand_in(
    connection: Connection[Any],
    dataset: EditableDataset,
    feature: Feature | None,
    kind: str,
    reason: str,
    examined: Examined | None = None,
    undoes: int | None = None,
) -> int:
    row = (examined.row if examined else None) or (feature.row if feature else {})
    code = str(feature.row["code"] if feature else row["code"])
    fresh = feature_ids(dataset.code, pa.array([code]))
    sent = {
        "dataset_id": dataset.id,
        "kind": kind,
        "feature_id": feature.row["id"] if feature else row.get("id", int(fresh[0])),
        "code": code,
        "title": str(row.get("name") or code),
        "reason": reason,
        "undoes_id": undoes,
    }
    if feature is not None:
        sent |= {"base": feature.row, "base_geom": feature.shape}
    if examined is not None:
        sent |= {"after": examined.row, "after_geom": examined.shape, "search": examined.search}
    return _asked(connection, "SELECT ioc.propose_edit(%s)", [Jsonb(sent)])


def decide(connection: Connection[Any], edit_id: int, decision: str, note: str | None) -> None:
    """Accept, reject or withdraw a proposal; ``decision`` is the state it gets.

    Raises:
        EditRefusedError: no right, one's own, decided already, the feature has changed, or a load runs.
    """
    _asked(connection, "SELECT ioc.decide_edit(%s, %s, %s)", [edit_id, decision, note])


def settle(connection: Connection[Any], edit_id: int) -> bool:
    """Accept one's own proposal where that needs no second person; whether it was."""
    try:
        with connection.transaction():
            decide(connection, edit_id, "accepted", None)
    except EditRefusedError as refusal:
        if refusal.fault in ("own", "right"):
            return False
        raise
    return True


def undo(
    connection: Connection[Any], datasets: dict[int, EditableDataset], edit_id: int, reason: str
) -> tuple[int, bool]:
    """Propose to put back what an accepted edit changed; accepted at once if the viewer may decide that.

    Returns:
        The id of the new edit, and whether it is accepted.

    Raises:
        EditRefusedError: the edit is not one that stands, or the feature has changed since.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        edit = cursor.execute(
            """
            SELECT id, dataset_id, feature_id, kind, state, before, after,
                encode(ST_AsEWKB(before_geom), 'hex') AS shape, encode(ST_AsEWKB(after_geom), 'hex') AS made
            FROM ioc.feature_edit WHERE id = %s
            """,
            [edit_id],
        ).fetchone()
    if edit is None or edit["dataset_id"] not in datasets:
        raise _refusal("42501")
    if edit["state"] != "accepted":
        raise _refusal("IOC04")
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise EditRefusedError("reason", f"Say in 1 to {LONGEST_REASON} characters why the edit is undone.")
    dataset = datasets[edit["dataset_id"]]
    feature = published_feature(connection, {dataset.id: dataset}, edit["feature_id"])
    if edit["kind"] != "photo" and _is_other(connection, feature, edit):
        raise _refusal("IOC01")
    kind = {"add": "remove", "remove": "add"}.get(edit["kind"], edit["kind"])
    restored = None
    if kind in ("add", "change"):
        search = search_entry(dataset.job, None, edit["before"])
        restored = Examined([], edit["before"], edit["shape"], search)
    new = _hand_in(connection, dataset, None if kind == "add" else feature, kind, reason, restored, edit_id)
    return new, settle(connection, new)


def _is_other(connection: Connection[Any], feature: Feature | None, edit: dict[str, Any]) -> bool:
    if feature is None or edit["after"] is None:
        return (feature is None) != (edit["after"] is None)
    row = connection.execute(
        "SELECT ioc.differing_fields(%s, %s::geometry, %s, %s::geometry)",
        [Jsonb(feature.row), feature.shape, Jsonb(edit["after"]), edit["made"]],
    ).fetchone()
    return bool(row and row[0])


def attach_photo(connection: Connection[Any], feature: Feature, reason: str, photo: Any) -> tuple[int, bool]:
    """Propose a photograph (``etl.photo.Photo``) of a feature; the edit's id, and whether it is accepted.

    Raises:
        EditRefusedError: no right, or the feature has its most photographs.
    """
    edit_id = _hand_in(connection, feature.dataset, feature, "photo", reason)
    _asked(
        connection,
        "SELECT ioc.attach_photo(%s, %s, %s, %s, %s, %s, %s, %s)",
        [edit_id, *asdict(photo).values()],
    )
    return edit_id, settle(connection, edit_id)


def _asked(connection: Connection[Any], statement: Any, parameters: list[Any]) -> Any:
    try:
        row = connection.execute(statement, parameters).fetchone()
    except Error as error:
        if error.sqlstate in FAULTS:
            raise _refusal(error.sqlstate) from error
        raise
    return row[0] if row else None


def _refusal(sqlstate: str) -> EditRefusedError:
    return EditRefusedError(*FAULTS[sqlstate])
