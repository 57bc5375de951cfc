"""The web server: sign-in in front of tiles, features, search, health and the pages, on one FastAPI app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pyproj
from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from dashboards import MapSettings, create_dash
from dashboards.static_files import StaticFilesMiddleware
from geodata.store import Store
from ioc.admin import admin_router
from ioc.alarms import alarms_router
from ioc.case_ingest import case_ingest_router
from ioc.cases import cases_router
from ioc.data_catalogue import CataloguePages, data_catalogue_router
from ioc.device_questions import device_questions_router
from ioc.devices import devices_router
from ioc.door_metrics import DoorMetrics
from ioc.edits import edits_router
from ioc.error_page import ErrorPageMiddleware
from ioc.feed_source import SourceDoor
from ioc.hand_in_routes import hand_in_router
from ioc.ingest import LazyIntake, ingest_router
from ioc.oidc import OidcProvider, oidc_router, read_claims
from ioc.open311 import open311_router
from ioc.own_account import own_account_router
from ioc.request_limit import RequestLimit
from ioc.request_trail import RequestTrail
from ioc.security_headers import SecurityHeadersMiddleware, content_policy, inline_scripts, script_hash
from ioc.settings import Settings
from ioc.sign_in import (
    METRICS_PATH,
    SignInMiddleware,
    ViewerDirectory,
    may_read_metrics,
    sign_in_router,
    viewer_now,
    viewer_of,
)
from layers.basemap import PACKAGED, read_basemaps
from layers.basemap_http import basemap_router
from layers.catalogue import published_catalogue
from layers.dataset_watch import DatasetWatch
from layers.http import router as layers_router
from layers.live import LiveHub, Topics, live_router
from layers.ogc import document_tiles, ogc_router
from layers.problem import add_problem_handlers, problem_response
from layers.tile_endpoint import ROUTE as TILE_ROUTE


def create_app(settings: Settings, store: Store) -> FastAPI:
    """The application over ``store``; it closes the store when it ends."""
    hub = LiveHub(store.app_url)

    def rights_changed() -> None:
        directory.forget()
        hub.review()

    watch = DatasetWatch(store.app_url, on_rights_changed=rights_changed)
    directory = ViewerDirectory(store, watch.is_watched)
    catalogue = published_catalogue(watch)
    trail = RequestTrail(store)
    intake = LazyIntake(store.app_url, settings.readings_kept_days)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await watch.start()
        await hub.start()
        yield
        await run_in_threadpool(intake.close)
        await hub.stop()
        await watch.stop()
        await trail.close()
        await store.close()

    # The interactive documentation would load its scripts from the internet.
    app = FastAPI(title="IOC", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.end_streams = hub.end_streams
    add_problem_handlers(app)
    provider = _oidc_provider(settings)
    hours = settings.session_hours
    layers = layers_router(store, catalogue, watch, viewer_of, settings.district_projection)
    # Ahead of all others: matching their paths costs four times as much as a tile that is in memory.
    app.router.routes.insert(
        0, next(one for one in layers.routes if getattr(one, "path", None) == TILE_ROUTE)
    )
    app.include_router(
        sign_in_router(store, directory, hours, lambda: _is_demo(watch), single_sign_on=provider is not None)
    )
    if provider:
        app.include_router(
            oidc_router(store, provider, read_claims(settings.oidc_claims), timedelta(hours=hours))
        )
    app.include_router(ogc_router(store, catalogue, viewer_of, settings.district_projection))
    app.include_router(layers)
    app.include_router(live_router(store, hub, Topics(store), viewer_of, viewer_now))
    sources = SourceDoor(store, RequestLimit(settings.requests_per_second))
    app.include_router(ingest_router(store, sources, intake))
    app.include_router(case_ingest_router(store, sources, settings.district_code))
    app.include_router(open311_router(store, sources, settings.district_code))
    app.include_router(_basemap_router(settings))
    app.include_router(_monitoring_router(watch, store))
    app.include_router(admin_router(store, directory.forget))
    app.include_router(alarms_router(store))
    app.include_router(edits_router(store, catalogue))
    app.include_router(cases_router(store, settings.district_code))
    app.include_router(own_account_router(store, directory.forget))
    app.include_router(data_catalogue_router(store, catalogue, settings.inbox_folder))
    app.include_router(device_questions_router(store))
    app.include_router(devices_router(store, CataloguePages(store, catalogue)))
    app.include_router(
        hand_in_router(CataloguePages(store, catalogue), settings.inbox_folder, settings.district_projection)
    )
    dash = create_dash(app, _map_settings(settings, store))
    # Dash would answer any other address with the map; this comes before its catch-all.
    app.add_api_route("/{path:path}", _no_such_page, include_in_schema=False)
    document_tiles(app)
    app.add_middleware(
        SignInMiddleware,
        directory=directory,
        trail=trail,
        limit=RequestLimit(settings.requests_per_second),
        metrics_token=settings.metrics_token,
    )
    app.add_middleware(StaticFilesMiddleware)
    app.add_middleware(ErrorPageMiddleware)
    # Added last, so it is the outermost: refusals of the sign-in carry the headers too.
    hashes = [*map(script_hash, inline_scripts(dash.index_string)), *dash.csp_hashes()]
    app.add_middleware(SecurityHeadersMiddleware, policy=content_policy(hashes, settings.embed_origins))
    return app


def _no_such_page(path: str) -> Response:
    return problem_response(
        404,
        "Not found",
        f"There is no page “/{path[:80]}”; the map is at “/”.",
        detail_zh=f"没有“/{path[:80]}”这个页面。",
    )


def _basemap_router(settings: Settings) -> APIRouter:
    folders = [PACKAGED, *([settings.basemap_dir.expanduser()] if settings.basemap_dir else [])]
    basemaps = read_basemaps(folders, {"tianditu": settings.tianditu_key})
    return basemap_router(basemaps, settings.data_dir.expanduser().absolute() / "basemap_tiles")


def _oidc_provider(settings: Settings) -> OidcProvider | None:
    if settings.oidc_issuer is None:
        return None
    return OidcProvider(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret)


def _is_demo(watch: DatasetWatch) -> bool:
    return any(dataset.synthetic for dataset in watch.snapshot.datasets)


def _map_settings(settings: Settings, store: Store) -> MapSettings:
    """What the page must know before it asks for anything: the district's name, extent and zone."""
    with store.app_connection() as connection:
        row = connection.execute(
            "SELECT * FROM ioc.district_outline(%s)", [settings.district_code]
        ).fetchone()
    operation = pyproj.CRS(settings.district_projection).coordinate_operation
    meridian = next(
        parameter.value
        for parameter in (operation.params if operation else [])
        if parameter.name == "Longitude of natural origin"
    )
    common = {
        "meridian": round(float(meridian)),
        "zone_crs": settings.district_projection,
        "review_number": settings.map_approval_number,
        "alarm_sound_severity": settings.alarm_sound_severity,
    }
    if row is None:
        return MapSettings(**common)
    name, west, south, east, north, synthetic = row
    return MapSettings(district_zh=name, extent=(west, south, east, north), synthetic=synthetic, **common)


def _monitoring_router(watch: DatasetWatch, store: Store) -> APIRouter:
    router = APIRouter()
    doors = CollectorRegistry()
    doors.register(DoorMetrics(store))

    @router.get("/health")
    def health() -> Response:
        healthy = watch.is_watched()
        body = {"status": "ok" if healthy else "no database", "datasets": len(watch.snapshot.datasets)}
        return JSONResponse(body, 200 if healthy else 503, headers={"Cache-Control": "no-store"})

    @router.get(METRICS_PATH, include_in_schema=False, dependencies=[Depends(may_read_metrics)])
    async def metrics() -> Response:
        content = await run_in_threadpool(lambda: generate_latest() + generate_latest(doors))
        return Response(content, media_type=CONTENT_TYPE_LATEST)

    return router
