"""``/catalogue``: the data catalogue (数据资源目录), and what stewards do with a dataset there.

Everything shown is read under the viewer's rights. What changes a dataset is asked of the workers: the web's
own role loads nothing.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import shapely
from fastapi import APIRouter, Depends, File, Form, HTTPException, Request, UploadFile
from psycopg import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from dashboards.extent_map import extent_map, score_line
from dashboards.office_page import office_page, office_texts
from etl.job import Job
from etl.quarantine_workbook import quarantine_workbook
from geodata.code_table import CodeTable
from geodata.errors import UserError
from geodata.store import Store
from geodata.viewer import Viewer
from ioc.audit_search import local_time
from ioc.hand_in import MOST_MEGABYTES, NoFileError, TooLargeError, keep_files, main_file
from ioc.inbox import known_jobs
from ioc.page_choices import choices_of, keep_choices, language_of
from ioc.sign_in import viewer_of
from layers.catalogue import Catalogue, may_see
from layers.data_catalogue import (
    CatalogueDataset,
    DatasetPage,
    catalogue_dataset,
    catalogue_datasets,
    catalogue_fields,
    dataset_page,
    dataset_quality,
    runs_of,
)
from layers.data_catalogue_workbook import Description, catalogue_workbook, read_catalogue_workbook
from layers.dcat import dcat_catalogue
from layers.problem import NotFoundError

NO_STORE = {"Cache-Control": "private, no-store"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
STEWARDS = frozenset({"steward", "admin"})
LARGEST_WORKBOOK = 20 << 20

Text = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True)
class CatalogueSearch:
    """What the list is narrowed to."""

    q: str = ""
    department: str = ""
    sharing: str = ""
    overdue: bool = False

    def fits(self, dataset: CatalogueDataset, now: datetime) -> bool:
        """Whether a dataset is to be listed."""
        said = (dataset.code, dataset.title_zh, dataset.title_en, dataset.description or "")
        return (
            any(self.q.lower() in text.lower() for text in said)
            and self.department in ("", dataset.department_code)
            and self.sharing in ("", dataset.sharing)
            and (not self.overdue or dataset.overdue(now))
        )


class CataloguePages:
    """What the pages are filled with, for the viewer of a request."""

    def __init__(self, store: Store, layers: Callable[[], Catalogue]) -> None:
        self.store = store
        self.layers = layers

    def page(self, name: str, request: Request, status: int = 200, **values: Any) -> Response:
        """A page with the frame's own values."""
        viewer, language = viewer_of(request), language_of(request)
        common = {
            "current": "catalogue",
            "viewer": viewer,
            "error": None,
            "notice": None,
            "secret": None,
            "steward": is_steward(viewer),
            "now": datetime.now(UTC),
            "local_time": local_time,
            "word": lambda table, code: code_word(table, code, language),
            "periods": CodeTable.load("update_period"),
            "sharing_levels": CodeTable.load("sharing_level"),
        }
        html = office_page(name, choices_of(request), **{**common, **values})
        return keep_choices(request, HTMLResponse(html, status, headers=NO_STORE))

    def datasets(self, connection: Connection[Any], viewer: Viewer) -> list[CatalogueDataset]:
        """Datasets that the viewer has a right to at their own sensitivity."""
        return [one for one in catalogue_datasets(connection) if may_see(viewer.rights, one)]

    def list_page(
        self, request: Request, search: CatalogueSearch, status: int = 200, **values: Any
    ) -> Response:
        """The list, narrowed."""
        viewer, now, zh = viewer_of(request), datetime.now(UTC), language_of(request) == "zh"
        with self.store.connect(viewer) as connection:
            known = self.datasets(connection, viewer)
            runs = runs_of(connection, most=10) if is_steward(viewer) else []
        shown = [one for one in known if search.fits(one, now)]
        departments = {one.department_code: one.department_zh if zh else one.department_en for one in known}
        return self.page(
            "catalogue",
            request,
            status,
            datasets=[(one, dataset_quality(one, [], now)) for one in shown],
            rows=sum(one.rows_loaded for one in shown),
            departments=sorted(departments.items(), key=lambda pair: pair[1]),
            search=search,
            runs=runs,
            open_runs=has_open(runs),
            **values,
        )

    def dataset(self, request: Request, code: str, status: int = 200, **values: Any) -> Response:
        """One dataset."""
        viewer = viewer_of(request)
        with self.store.connect(viewer) as connection:
            page = self.read_page(connection, viewer, code)
            outline = district_outline(connection)
        layer = self.layers().layer_of_dataset(page.dataset.id)
        return self.page(
            "catalogue_dataset",
            request,
            status,
            page=page,
            runs=page.runs if is_steward(viewer) else [],
            open_runs=is_steward(viewer) and has_open(page.runs),
            trend=score_line([score for _when, score in page.trend]),
            map=extent_map(outline, page.dataset.extent),
            map_link=map_link(layer.id) if layer else None,
            downloadable=layer.downloadable if layer else True,
            quarantined=quarantined_rows(page),
            earlier=any(one.state == "superseded" for one in page.versions),
            **values,
        )

    def read_page(self, connection: Connection[Any], viewer: Viewer, code: str) -> DatasetPage:
        """Everything of a dataset.

        Raises:
            NotFoundError: there is none that the viewer may see.
        """
        self.visible(connection, viewer, code)
        layers = [layer for layer in self.layers() if layer.datasets == (code,) or not layer.datasets]
        dataset = catalogue_dataset(connection, code)
        tables = {
            shown.name: shown.table
            for layer in layers
            if layer.table == dataset.target
            for shown in layer.fields
            if shown.table
        }
        return dataset_page(connection, code, tables, datetime.now(UTC))

    def visible(self, connection: Connection[Any], viewer: Viewer, code: str) -> CatalogueDataset:
        """The dataset, if the viewer has a right to it at its own sensitivity."""
        dataset = catalogue_dataset(connection, code)
        if not may_see(viewer.rights, dataset):
            raise NotFoundError(f"There is no dataset “{code[:60]}” that you may see; see /catalogue.")
        return dataset


def has_open(runs: list[dict[str, Any]]) -> bool:
    """Whether a run is on its way: the page asks again by itself then."""
    return any(run["state"] in ("queued", "running") for run in runs)


def map_link(layer: str) -> str:
    """Address of the one map with this layer alone, in the form of ``view_state.js``."""
    state = json.dumps({"l": [layer]}).encode()
    return f"/?view=1.{base64.urlsafe_b64encode(state).decode().rstrip('=')}"


def is_steward(viewer: Viewer) -> bool:
    """Whether the viewer looks after data."""
    return bool(STEWARDS & set(viewer.roles))


def code_word(table: str, code: str | None, language: str) -> str:
    """The word of a code, empty for none."""
    entry = CodeTable.load(table).get(code or "")
    return entry.title(language) if entry else ""


def district_outline(connection: Connection[Any]) -> list[list[tuple[float, float]]]:
    """Rings of the districts the viewer may see, in degrees, thinned for a small drawing."""
    rows = connection.execute(
        "SELECT ST_AsBinary(ST_SimplifyPreserveTopology(geom, 0.0008)) FROM ioc.district"
    ).fetchall()
    polygons = shapely.get_parts(shapely.from_wkb([bytes(row[0]) for row in rows])) if rows else []
    return [[(x, y) for x, y in polygon.exterior.coords] for polygon in polygons]


def quarantined_rows(page: DatasetPage) -> int:
    """Refused and flagged rows of what is published."""
    published = next((one for one in page.versions if one.id == page.dataset.version_id), None)
    return published.rows_refused + published.rows_flagged if published else 0


def steward_only(request: Request) -> None:
    """Refuse whoever does not look after data."""
    if not is_steward(viewer_of(request)):
        raise HTTPException(403, office_texts(language_of(request))["problem_steward"])


def data_catalogue_router(store: Store, layers: Callable[[], Catalogue], inbox: Path) -> APIRouter:
    """The routes. ``layers`` gives the layers as published now; handed-in files go to ``inbox``."""
    router = APIRouter(include_in_schema=False)
    pages = CataloguePages(store, layers)
    _add_documents(router, pages)
    _add_views(router, pages)
    stewards = APIRouter(include_in_schema=False, dependencies=[Depends(steward_only)])
    _add_descriptions(stewards, pages)
    _add_hand_ins(stewards, pages, inbox)
    _add_decisions(stewards, pages)
    router.include_router(stewards)
    return router


def _add_documents(router: APIRouter, pages: CataloguePages) -> None:
    @router.get("/catalogue/datasets.xlsx")
    def as_workbook(request: Request) -> Response:
        viewer = viewer_of(request)
        with pages.store.connect(viewer) as connection:
            known = [
                (one, catalogue_fields(one, {}, _fill(connection, one.id)))
                for one in pages.datasets(connection, viewer)
            ]
        content = catalogue_workbook(known, datetime.now(UTC))
        headers = {**NO_STORE, "Content-Disposition": 'attachment; filename="catalogue.xlsx"'}
        return Response(content, media_type=XLSX, headers=headers)

    @router.get("/catalogue/dcat.json")
    def as_dcat(request: Request) -> Response:
        viewer = viewer_of(request)
        with pages.store.connect(viewer) as connection:
            known = pages.datasets(connection, viewer)
        base = str(request.base_url).rstrip("/")
        body = dcat_catalogue(known, base, lambda dataset: _taken_by(pages.layers(), dataset))
        return JSONResponse(body, media_type="application/ld+json", headers=NO_STORE)

    @router.get("/catalogue/runs")
    def runs(request: Request) -> Response:
        with pages.store.connect(viewer_of(request)) as connection:
            rows = runs_of(connection)
        for row in rows:
            row.update({key: value.isoformat() for key, value in row.items() if isinstance(value, datetime)})
        return JSONResponse({"runs": rows}, headers=NO_STORE)


def _fill(connection: Connection[Any], dataset: int) -> dict[str, float]:
    rows = connection.execute("SELECT * FROM ioc.column_fill(%s)", [dataset]).fetchall()
    return {name: float(fill) for name, fill in rows}


def _taken_by(layers: Catalogue, dataset: int) -> str | None:
    layer = layers.layer_of_dataset(dataset)
    return layer.id if layer and layer.downloadable else None


def _add_views(router: APIRouter, pages: CataloguePages) -> None:
    @router.get("/catalogue")
    def all_datasets(
        request: Request, q: str = "", department: str = "", sharing: str = "", overdue: str = ""
    ) -> Response:
        search = CatalogueSearch(q.strip()[:80], department[:40], sharing[:40], bool(overdue))
        return pages.list_page(request, search)

    @router.get("/catalogue/{code}")
    def one_dataset(request: Request, code: str, asked: str = "") -> Response:
        notice = office_texts(language_of(request))["catalogue_asked"] if asked else None
        return pages.dataset(request, code, notice=notice)


def _add_descriptions(router: APIRouter, pages: CataloguePages) -> None:
    @router.post("/catalogue/import")
    async def import_workbook(request: Request, workbook: Annotated[UploadFile, File()]) -> Response:
        content = await workbook.read(LARGEST_WORKBOOK)
        try:
            rows = await run_in_threadpool(read_catalogue_workbook, content)
            await run_in_threadpool(_describe, pages, request, rows)
        except UserError as error:
            said = error.said(language_of(request))
            return await run_in_threadpool(pages.list_page, request, CatalogueSearch(), 400, error=said)
        notice = office_texts(language_of(request))["catalogue_saved"].format(count=len(rows))
        return await run_in_threadpool(pages.list_page, request, CatalogueSearch(), notice=notice)

    @router.post("/catalogue/{code}/description")
    def describe(
        request: Request,
        code: str,
        update_period: Text = "",
        sharing: Text = "",
        sharing_note: Text = "",
        description: Text = "",
        contact: Text = "",
    ) -> Response:
        said = Description(
            code,
            update_period if update_period in CodeTable.load("update_period") else None,
            sharing if sharing in CodeTable.load("sharing_level") else None,
            sharing_note.strip() or None,
            description.strip() or None,
            contact.strip() or None,
        )
        _describe(pages, request, [said])
        notice = office_texts(language_of(request))["saved"]
        return pages.dataset(request, code, notice=notice)


def _describe(pages: CataloguePages, request: Request, said: list[Description]) -> None:
    """Keep what is said of datasets, all of it or nothing."""
    viewer = viewer_of(request)
    with pages.store.connect(viewer) as connection:
        for one in said:
            dataset = pages.visible(connection, viewer, one.code)
            connection.execute(
                "SELECT ioc.describe_dataset(%s, %s, %s, %s, %s, %s)",
                [
                    dataset.id,
                    one.update_period,
                    one.sharing,
                    one.sharing_note,
                    one.description,
                    one.contact,
                ],
            )


def _add_hand_ins(router: APIRouter, pages: CataloguePages, inbox: Path) -> None:
    async def hand_in(request: Request, code: str, action: str, files: list[UploadFile]) -> Response:
        words = office_texts(language_of(request))
        job = await run_in_threadpool(_job, pages, request, code, inbox)
        try:
            kept = await keep_files(inbox, files)
        except TooLargeError:
            error = words["problem_too_large"].format(megabytes=MOST_MEGABYTES)
            return await run_in_threadpool(pages.dataset, request, code, 413, error=error)
        except NoFileError:
            return await run_in_threadpool(pages.dataset, request, code, 400, error=words["problem_no_file"])
        source = str(main_file(job, kept).relative_to(inbox))
        await run_in_threadpool(_ask, pages, request, code, action, source)
        return RedirectResponse(f"/catalogue/{code}?asked=1", 303, headers=NO_STORE)

    @router.post("/catalogue/{code}/load")
    async def load(request: Request, code: str, files: Annotated[list[UploadFile], File()]) -> Response:
        return await hand_in(request, code, "load", files)

    @router.post("/catalogue/{code}/corrections")
    async def correct(request: Request, code: str, workbook: Annotated[UploadFile, File()]) -> Response:
        return await hand_in(request, code, "correct", [workbook])

    @router.get("/catalogue/{code}/quarantine.xlsx")
    def quarantine(request: Request, code: str) -> Response:
        job = _job(pages, request, code, inbox)
        content = quarantine_workbook(pages.store, job, viewer_of(request))
        headers = {**NO_STORE, "Content-Disposition": f'attachment; filename="{code}_quarantine.xlsx"'}
        return Response(content, media_type=XLSX, headers=headers)


def _job(pages: CataloguePages, request: Request, code: str, inbox: Path) -> Job:
    viewer = viewer_of(request)
    with pages.store.connect(viewer) as connection:
        pages.visible(connection, viewer, code)
    for job in known_jobs(inbox):
        if job.code == code:
            return job
    raise UserError(f"There is no job “{code}”: put its file into the inbox's folder jobs.")


def _add_decisions(router: APIRouter, pages: CataloguePages) -> None:
    @router.post("/catalogue/{code}/versions/{version_id}/approve")
    def approve(request: Request, code: str, version_id: int) -> Response:
        return _asked(pages, request, code, "approve", str(version_id))

    @router.post("/catalogue/{code}/versions/{version_id}/refuse")
    def refuse(request: Request, code: str, version_id: int, reason: Text) -> Response:
        return _asked(pages, request, code, "refuse", f"{version_id} {' '.join(reason.split())}")

    @router.post("/catalogue/{code}/roll-back")
    def roll_back(request: Request, code: str) -> Response:
        return _asked(pages, request, code, "roll_back", ".")


def _asked(pages: CataloguePages, request: Request, code: str, action: str, source: str) -> Response:
    _ask(pages, request, code, action, source)
    return RedirectResponse(f"/catalogue/{code}?asked=1", 303, headers=NO_STORE)


def _ask(pages: CataloguePages, request: Request, code: str, action: str, source: str) -> None:
    """Ask the workers, in the steward's name; the store refuses whoever may not."""
    viewer = viewer_of(request)
    with pages.store.connect(viewer) as connection:
        pages.visible(connection, viewer, code)
        row = connection.execute("SELECT ioc.request_run(%s, %s, %s)", [code, action, source]).fetchone()
    if row is None or row[0] is None:
        raise HTTPException(403, office_texts(language_of(request))["problem_steward"])
