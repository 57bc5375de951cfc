"""``/edits`` and ``/review``: features drawn and corrected by hand, photographs, and decisions on them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response

from dashboards.scripted_page import scripted_page
from etl.edit import (
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
    settle,
    undo,
)
from etl.edit_code import component_classes, suggested_code
from etl.edit_list import EditSearch, edits, open_count
from etl.photo import MOST_BYTES, PhotoError, read_photo
from geodata.audit import act_as
from geodata.store import Store
from ioc.page_choices import choices_of, keep_choices
from ioc.sign_in import origin_of, viewer_of
from layers.catalogue import Catalogue
from layers.disclosure import note_view
from layers.feature import LARGEST_ID, visible_layer
from layers.problem import NotFoundError, problem_response

NO_STORE = {"Cache-Control": "private, no-store"}
STATUS = {"right": 403, "own": 403, "reason": 400}
MOST_DECISIONS = 100

Short = Annotated[str | None, Query(max_length=80)]
Id = Annotated[int, Field(ge=0, le=LARGEST_ID)]
State = Literal["proposed", "accepted", "rejected", "withdrawn", "undone", "conflict"]


class Sent(BaseModel):
    """A proposal as the map sends it; ``check_only`` tells what the rules say and keeps nothing."""

    model_config = ConfigDict(extra="forbid")

    layer: str = Field(max_length=80)
    dataset: str | None = Field(None, max_length=80)
    feature: Id | None = None
    kind: Literal["add", "change", "remove"]
    values: dict[str, str | float | None] = Field(default_factory=dict, max_length=200)
    geometry: dict[str, Any] | None = None
    reason: str = Field("", max_length=500)
    revision: str | None = Field(None, max_length=64)
    check_only: bool = False


class Decisions(BaseModel):
    """Proposals to accept, reject or withdraw, with one note for all."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Id] = Field(min_length=1, max_length=MOST_DECISIONS)
    decision: Literal["accepted", "rejected", "withdrawn"]
    note: str = Field("", max_length=500)


class Reason(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=500)


class Desk:
    """Opens the store for the request's viewer and finds what the map names by layer."""

    def __init__(self, store: Store, catalogue: Callable[[], Catalogue]) -> None:
        self.store, self.catalogue = store, catalogue

    @contextmanager
    def connection(self, request: Request) -> Iterator[Connection[Any]]:
        """A transaction of the viewer, with the address it comes from for the audit trail."""
        with self.store.connect(viewer_of(request)) as connection:
            act_as(connection, None, origin_of(request).address)
            yield connection

    def datasets(
        self, connection: Connection[Any], request: Request, layer_id: str
    ) -> dict[int, EditableDataset]:
        """Datasets of a layer that the viewer may edit."""
        _, ids = visible_layer(self.catalogue(), viewer_of(request), layer_id)
        return {key: one for key, one in editable_datasets(connection).items() if key in ids}

    def feature(
        self, connection: Connection[Any], request: Request, layer_id: str, feature_id: int
    ) -> Feature | None:
        """The feature, where its dataset is one the viewer may edit; None where it is not.

        Raises:
            NotFoundError: no such layer or feature.
        """
        datasets = self.datasets(connection, request, layer_id)
        found = published_feature(connection, datasets, feature_id) if feature_id <= LARGEST_ID else None
        if found is None and datasets:
            raise NotFoundError(f"The layer “{layer_id}” has no feature {feature_id}.")
        return found


def edits_router(store: Store, catalogue: Callable[[], Catalogue]) -> APIRouter:
    """The routes, each answering for the request's viewer."""
    routes = APIRouter(tags=["edits"])
    desk = Desk(store, catalogue)
    _add_forms(routes, desk)
    _add_proposals(routes, desk)
    _add_decisions(routes, desk)
    _add_photos(routes, desk)

    @routes.get("/review", include_in_schema=False)
    def review(request: Request) -> Response:
        html = scripted_page("review", choices_of(request), viewer_of(request))
        return keep_choices(request, HTMLResponse(html, headers=NO_STORE))

    return routes


def _add_forms(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/edits/targets")
    def targets(request: Request) -> Response:
        """Layers to which the viewer may add features, with the form of each; and whether they review any."""
        viewer, catalogue = viewer_of(request), desk.catalogue()
        with desk.connection(request) as connection:
            datasets = editable_datasets(connection)
        found = []
        for layer, ids in catalogue.visible_layers(viewer):
            for dataset in (datasets[one] for one in ids if one in datasets):
                found.append(
                    {
                        "layer": layer.id,
                        "dataset": dataset.code,
                        "title_zh": dataset.job.title_zh,
                        "title_en": dataset.job.title_en,
                        "geometry": layer.geometry,
                        "review": dataset.review,
                        "fields": [one.as_json() for one in dataset.fields],
                        "classes": component_classes(dataset),
                    }
                )
        reviews = any(one.may_review for one in datasets.values())
        return JSONResponse({"targets": found, "reviews": reviews}, headers=NO_STORE)

    @routes.get("/edits/codes/{layer_id}")
    def code(
        request: Request,
        layer_id: str,
        type_code: Annotated[str, Query(max_length=5)],
        lon: Annotated[float, Query(ge=-180, le=180)],
        lat: Annotated[float, Query(ge=-90, le=90)],
    ) -> Response:
        """A code for a new component of a class at a place: the next free number there."""
        with desk.connection(request) as connection:
            datasets = desk.datasets(connection, request, layer_id)
            dataset = next((one for one in datasets.values() if component_classes(one)), None)
            if dataset is None:
                return _refused(EditRefusedError("right", "Your account adds no components to this layer."))
            found = suggested_code(connection, dataset, type_code, lon, lat)
        return JSONResponse({"code": found}, headers=NO_STORE)

    @routes.get("/edits/features/{layer_id}/{feature_id}")
    def form(request: Request, layer_id: str, feature_id: int) -> Response:
        """What may be edited of a feature, its form, its photographs and its history."""
        if not 0 <= feature_id <= LARGEST_ID:
            raise NotFoundError(f"The layer “{layer_id[:80]}” has no feature {feature_id}.")
        layer, ids = visible_layer(desk.catalogue(), viewer_of(request), layer_id)
        note_view(desk.catalogue(), layer, str(feature_id))
        with desk.connection(request) as connection:
            history = edits(connection, EditSearch(feature=feature_id))
            feature = desk.feature(connection, request, layer_id, feature_id)
            rights = {
                what: feature is not None and may(connection, what, feature) for what in ("propose", "review")
            }
        answer: dict[str, Any] = {
            "may_propose": rights["propose"],
            "may_review": rights["review"],
            "history": [one for one in history if one["dataset_id"] in ids],
        }
        if feature is not None and rights["propose"]:
            fields = feature.dataset.fields
            answer |= {
                "dataset": feature.dataset.code,
                "review": feature.dataset.review,
                "revision": feature.revision,
                "fields": [one.as_json() for one in fields],
                "values": form_values(fields, feature.row),
                "geometry": feature.geometry,
            }
        return JSONResponse(answer, headers=NO_STORE)


def _add_proposals(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/edits")
    def hand_in(request: Request, sent: Sent) -> Response:
        """Propose to add, change or remove a feature, or only check it; `problems`: the rules it breaks."""
        proposal = Proposal(sent.kind, sent.values, sent.geometry, sent.reason, sent.revision)
        try:
            with desk.connection(request) as connection:
                dataset, feature = _wanted(desk, connection, request, sent)
                examined, edit = propose(connection, dataset, feature, proposal, sent.check_only)
                accepted = edit is not None and settle(connection, edit)
        except EditRefusedError as refusal:
            return _refused(refusal)
        problems = [vars(one) for one in examined.problems]
        return JSONResponse(
            {
                "edit": edit,
                "accepted": accepted,
                "problems": problems,
                "feature": (examined.row or {}).get("id"),
            },
            201 if edit is not None else 200,
            headers=NO_STORE,
        )

    @routes.post("/edits/{edit_id}/undo")
    def take_back(request: Request, edit_id: int, why: Reason) -> Response:
        """Put back what an accepted edit changed: at once for reviewers, else as a proposal."""
        try:
            with desk.connection(request) as connection:
                _known(connection, edit_id)
                made, accepted = undo(connection, editable_datasets(connection), edit_id, why.reason)
        except EditRefusedError as refusal:
            return _refused(refusal)
        return JSONResponse({"edit": made, "accepted": accepted}, 201, headers=NO_STORE)


def _wanted(
    desk: Desk, connection: Connection[Any], request: Request, sent: Sent
) -> tuple[EditableDataset, Feature | None]:
    if sent.kind != "add":
        feature = desk.feature(
            connection, request, sent.layer, sent.feature if sent.feature is not None else -1
        )
        if feature is None:
            raise EditRefusedError("right", "Your account has no right to edit this layer.")
        return feature.dataset, feature
    datasets = desk.datasets(connection, request, sent.layer)
    for dataset in datasets.values():
        if sent.dataset in (None, dataset.code):
            return dataset, None
    raise EditRefusedError("right", "Your account has no right to edit this layer.")


def _add_decisions(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/edits")
    def list_edits(
        request: Request,
        state: State | None = None,
        dataset: Short = None,
        person: Short = None,
        area: Short = None,
    ) -> Response:
        """Edits that the viewer may see, newest first; `conflict`: those that a later delivery overruled."""
        search = EditSearch(state, dataset or None, person or None, area or None)
        with desk.connection(request) as connection:
            return JSONResponse({"edits": edits(connection, search)}, headers=NO_STORE)

    @routes.get("/edits/open")
    def count_open(request: Request) -> Response:
        """How many proposals wait for the viewer's decision."""
        with desk.connection(request) as connection:
            return JSONResponse({"open": open_count(connection)}, headers=NO_STORE)

    @routes.post("/edits/decisions")
    def decide_all(request: Request, wanted: Decisions) -> Response:
        """Decide on several proposals; each stands for itself, `results` says what became of each."""
        results = []
        for edit_id in dict.fromkeys(wanted.ids):
            try:
                with desk.connection(request) as connection:
                    decide(connection, edit_id, wanted.decision, wanted.note.strip() or None)
                results.append({"id": edit_id, "done": True})
            except EditRefusedError as refusal:
                results.append({"id": edit_id, "done": False, "fault": refusal.fault, "detail": str(refusal)})
        return JSONResponse({"results": results}, headers=NO_STORE)


def _add_photos(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/edits/photos/{layer_id}/{feature_id}")
    async def add_photo(
        request: Request, layer_id: str, feature_id: int, reason: Annotated[str, Query(max_length=500)] = ""
    ) -> Response:
        """Propose a photograph of a feature: the body is a JPEG, PNG or WebP file."""
        body = await limited_body(request)
        try:
            edit, accepted = await run_in_threadpool(
                _keep_photo, desk, request, layer_id, feature_id, reason, body
            )
        except EditRefusedError as refusal:
            return _refused(refusal)
        return JSONResponse({"edit": edit, "accepted": accepted}, 201, headers=NO_STORE)

    @routes.get("/edits/{edit_id}/photo")
    def photo(request: Request, edit_id: int) -> Response:
        """The photograph of an edit, without what the camera wrote into it."""
        with desk.connection(request) as connection:
            dataset = _known(connection, edit_id)
            row = connection.execute(
                "SELECT media_type, body FROM ioc.feature_photo WHERE edit_id = %s", [edit_id]
            ).fetchone()
        layer = desk.catalogue().layer_of_dataset(dataset)
        if row is None or layer is None:
            raise NotFoundError(f"The edit {edit_id} has no photograph.")
        note_view(desk.catalogue(), layer, f"photo {edit_id}")
        headers = {"Cache-Control": "private, max-age=3600", "Content-Disposition": "inline"}
        return Response(bytes(row[1]), media_type=row[0], headers=headers)


def _keep_photo(
    desk: Desk, request: Request, layer_id: str, feature_id: int, reason: str, body: bytes
) -> tuple[int, bool]:
    picture = read_photo(body)
    with desk.connection(request) as connection:
        feature = desk.feature(connection, request, layer_id, feature_id)
        if feature is None:
            raise EditRefusedError("right", "Your account has no right to edit this layer.")
        return attach_photo(connection, feature, reason.strip() or "照片", picture)


async def limited_body(request: Request) -> bytes:
    """The body of a request, a photograph.

    Raises:
        PhotoError: it is larger than a photograph may be.
    """
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise PhotoError(
                f"The photograph is larger than {MOST_BYTES >> 20} MB: send a smaller picture.",
                zh=f"照片超过 {MOST_BYTES >> 20} MB，请换小一些的。",
            )
        parts.append(part)
    return b"".join(parts)


def _known(connection: Connection[Any], edit_id: int) -> int:
    """The dataset of an edit that the viewer may see."""
    row = connection.execute(
        "SELECT dataset_id FROM ioc.feature_edit WHERE id::numeric = %s::numeric", [str(edit_id)]
    ).fetchone()
    if row is None:
        raise NotFoundError(f"There is no edit {str(edit_id)[:20]}: GET /edits lists those there are.")
    return row[0]


def _refused(refusal: EditRefusedError) -> Response:
    status = STATUS.get(refusal.fault, 409)
    title = {403: "Forbidden", 400: "Bad request"}.get(status, "Conflict")
    return problem_response(status, title, str(refusal), NO_STORE, fault=refusal.fault)
