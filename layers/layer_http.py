"""What the map asks about one layer: its values, rows in view, numbers by class and by area."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, StreamingResponse

from geodata.store import Store
from geodata.viewer import Viewer
from layers.catalogue import Catalogue
from layers.class_count import ClassCounter
from layers.dataset_watch import DatasetWatch
from layers.disclosure import note_export, note_view
from layers.feature import LARGEST_ID, visible_layer
from layers.feature_rows import (
    MOST_ROWS,
    Page,
    RowOrder,
    columns,
    csv_rows,
    number_of_rows,
    position_of,
    rows_page,
)
from layers.filter_reading import declared_field, narrowed, narrowed_by
from layers.layer import Layer, listed_rows
from layers.metrics import LOOKUP_SECONDS
from layers.moment import read_moment, versions_of
from layers.statistics import distinct_values, statistics
from layers.tile import MOST_LAYERS
from layers.tile_endpoint import ViewerOf
from layers.view_extent import Extent

Degrees = Annotated[float, Field(allow_inf_nan=False)]
Box = tuple[Degrees, Degrees, Degrees, Degrees]
Language = Literal["zh", "en"]
MOST_SORTS = 6
MOST_OFFSET = 10_000_000
NO_STORE = {"Cache-Control": "private, no-store"}


class Sort(BaseModel):
    """A field to sort by."""

    model_config = ConfigDict(extra="forbid")

    field: str
    descending: bool = False


class RowsQuestion(BaseModel):
    """Rows of a layer: those in ``bbox`` (west, south, east, north in degrees) that pass the filter.

    ``find`` is a feature whose position is asked for as well. ``at`` is an earlier moment, as of tiles.
    """

    model_config = ConfigDict(extra="forbid")

    bbox: Box | None = None
    filter: list[Any] | None = None
    sort: list[Sort] = Field([], max_length=MOST_SORTS)
    limit: int = Field(100, ge=1, le=MOST_ROWS)
    offset: int = Field(0, ge=0, le=MOST_OFFSET)
    find: Annotated[int, Field(ge=-LARGEST_ID, le=LARGEST_ID)] | None = None
    at: str | None = None
    language: Language = "zh"


class CountsQuestion(BaseModel):
    """Features in ``bbox`` by class, of each layer with its filter (null for none); now or at a moment."""

    model_config = ConfigDict(extra="forbid")

    bbox: Box
    layers: dict[str, list[Any] | None] = Field(max_length=MOST_LAYERS)
    at: str | None = None


def layer_routes(
    store: Store, catalogue: Callable[[], Catalogue], watch: DatasetWatch, viewer_of: ViewerOf
) -> APIRouter:
    """The routes below ``/layers``, each answering for the request's viewer."""
    routes = APIRouter(tags=["layers"])
    counter = ClassCounter(store, catalogue, watch)

    @routes.get("/layers/versions")
    async def versions(request: Request) -> JSONResponse:
        """The versions of each layer that are kept, the newest first, for the parameter `at` of others."""
        viewer, known = viewer_of(request), catalogue()
        kept = [
            {"layer": layer.id, "versions": versions_of(known, viewer, layer)}
            for layer, _ in known.visible_layers(viewer)
        ]
        return JSONResponse({"layers": kept}, headers=NO_STORE)

    @routes.post("/layers/counts")
    async def counts(request: Request, question: CountsQuestion) -> JSONResponse:
        """Features in view by class: the numbers of the legend."""
        with LOOKUP_SECONDS.labels("counts").time():
            found = await counter.counts(
                viewer_of(request), question.bbox, question.layers, read_moment(question.at)
            )
        return JSONResponse({"layers": found}, headers=NO_STORE)

    @routes.post("/layers/{layer_id}/rows")
    async def rows(request: Request, layer_id: str, question: RowsQuestion) -> JSONResponse:
        """Rows of the table of features in view, and how many there are; ``position`` answers ``find``.

        Of layers that may not be taken away only the first rows of a view are listed: ``most`` says how many.
        """
        viewer = viewer_of(request)
        found, dataset_ids = visible_layer(catalogue(), viewer, layer_id, read_moment(question.at))
        layer = narrowed_by(found, question.filter)
        if layer.most_listed is not None and question.bbox is None:
            raise HTTPException(
                403,
                f"The layer “{layer.id}” may be looked at but not taken away: ask for rows in a bbox.",
            )
        limit = listed_rows(layer, question.offset, question.limit)
        page = Page(question.bbox, _order(layer, question.sort), limit, question.offset)
        asked = (store, viewer, layer, dataset_ids, page)
        with LOOKUP_SECONDS.labels("rows").time():
            listed = await rows_page(*asked, question.language)
            total = await number_of_rows(*asked)
            answer: dict[str, Any] = {"rows": listed, "total": total, "most": layer.most_listed}
            if question.find is not None:
                answer["position"] = await position_of(*asked, question.find)
        note_view(catalogue(), layer, f"{len(listed)} rows")
        return JSONResponse({"columns": columns(layer), **answer}, headers=NO_STORE)

    @routes.get("/layers/{layer_id}/rows.csv")
    async def rows_as_csv(
        request: Request,
        layer_id: str,
        bbox: str | None = None,
        filter: str | None = None,
        sort: str | None = None,
        at: str | None = None,
        language: Language = "zh",
    ) -> StreamingResponse:
        """The table as CSV, of layers whose data may be taken away; `bbox` is west,south,east,north.

        `sort` are names of fields, comma separated, a minus sign before those that descend.
        """
        viewer = viewer_of(request)
        found, dataset_ids = visible_layer(catalogue(), viewer, layer_id, read_moment(at))
        layer = narrowed(found, filter)
        if not layer.downloadable:
            raise HTTPException(403, f"The layer “{layer.id}” may be looked at here but not taken away.")
        names = sort.split(",")[:MOST_SORTS] if sort else []
        order = _order(
            layer, [Sort(field=name.removeprefix("-"), descending=name[:1] == "-") for name in names]
        )
        page = Page(_box(bbox), order)
        note_export(layer, "csv")
        lines = csv_rows(store, viewer, layer, dataset_ids, page, language)
        disposition = f'attachment; filename="{layer.id}.csv"'
        return StreamingResponse(
            lines,
            media_type="text/csv; charset=utf-8",
            headers={**NO_STORE, "Content-Disposition": disposition},
        )

    @routes.get("/layers/{layer_id}/values")
    async def values(
        request: Request,
        layer_id: str,
        field: str,
        filter: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> JSONResponse:
        """Values that a field has and how often, most frequent first."""
        viewer = viewer_of(request)
        layer, dataset_ids = _asked_layer(catalogue(), viewer, layer_id, filter)
        with LOOKUP_SECONDS.labels("values").time():
            found = await distinct_values(store, viewer, layer, dataset_ids, field, limit)
        note_view(catalogue(), layer, f"values of {field}")
        return JSONResponse(found, headers=NO_STORE)

    @routes.get("/layers/{layer_id}/statistics")
    async def numbers(
        request: Request,
        layer_id: str,
        by: Literal["street", "community", "class"] = "street",
        filter: str | None = None,
    ) -> JSONResponse:
        """Numbers of features, and lengths of lines, by area or class, largest first."""
        viewer = viewer_of(request)
        layer, dataset_ids = _asked_layer(catalogue(), viewer, layer_id, filter)
        with LOOKUP_SECONDS.labels("statistics").time():
            found = await statistics(store, catalogue(), viewer, layer, dataset_ids, by)
        note_view(catalogue(), layer, f"statistics by {by}")
        sentences = {
            "sentence_zh": layer.filter.sentence("zh") if layer.filter else None,
            "sentence_en": layer.filter.sentence("en") if layer.filter else None,
        }
        return JSONResponse({**found, **sentences}, headers=NO_STORE)

    return routes


def _asked_layer(
    catalogue: Catalogue, viewer: Viewer, layer_id: str, filter_text: str | None
) -> tuple[Layer, list[int]]:
    layer, dataset_ids = visible_layer(catalogue, viewer, layer_id)
    return narrowed(layer, filter_text), dataset_ids


def _order(layer: Layer, sort: list[Sort]) -> tuple[RowOrder, ...]:
    return tuple(RowOrder(declared_field(layer, one.field).name, one.descending) for one in sort)


def _box(text: str | None) -> Extent | None:
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise _box_fault() from error
    if not all(-1000 < part < 1000 for part in (west, south, east, north)):
        raise _box_fault()
    return west, south, east, north


def _box_fault() -> HTTPException:
    return HTTPException(400, "The parameter bbox must be west,south,east,north in degrees.")
