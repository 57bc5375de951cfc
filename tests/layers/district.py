"""A made-up district behind the routes of layers, asked as any of its accounts."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from geodata.store import Store
from geodata.viewer import Viewer, resolve_viewer
from ioc.embedded_postgis import EmbeddedPostgis
from layers import DatasetWatch, add_problem_handlers, published_catalogue, router
from layers.ogc import ogc_router
from layers.tile import TileService
from tests.conftest import cloned_store
from tests.layers.district_rows import (
    COMPONENT,
    DISTRICT,
    EAST,
    NORTH,
    SOUTH,
    WEST,
    load,
    set_up_accounts,
)


@dataclass
class District:
    """A store with the made-up district, and what a test may do with it."""

    store: Store
    accounts: dict[str, int]
    datasets: dict[str, int]
    viewers: dict[str, Viewer] = field(default_factory=dict)

    def viewer(self, name: str) -> Viewer:
        """The viewer of an account, as sign-in would resolve and keep it."""
        if name not in self.viewers:
            with self.store.owner_connection() as connection:
                viewer = resolve_viewer(connection, self.accounts[name])
            assert viewer is not None
            self.viewers[name] = viewer
        return self.viewers[name]

    def ask(self, conversation: "Callable[[Conversation], Coroutine[Any, Any, Any]]") -> Any:
        """Run a conversation with the routes, the watch listening."""

        async def run() -> Any:
            async with self.conversation() as opened:
                return await conversation(opened)

        return asyncio.run(run())

    def get(self, path: str, who: str = "leader", **headers: str) -> httpx.Response:
        """One answer."""

        async def one(conversation: "Conversation") -> httpx.Response:
            return await conversation.get(path, who, **headers)

        return self.ask(one)

    @asynccontextmanager
    async def conversation(self) -> "AsyncIterator[Conversation]":
        store = Store(self.store.app_url, self.store.owner_url)
        watch = DatasetWatch(store.app_url, on_rights_changed=self.viewers.clear)
        await watch.start()
        app = FastAPI()
        add_problem_handlers(app)
        catalogue = published_catalogue(watch)
        app.include_router(ogc_router(store, catalogue, self._viewer_of))
        app.include_router(router(store, catalogue, watch, self._viewer_of))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield Conversation(client, watch)
        await watch.stop()
        await store.close()

    @asynccontextmanager
    async def tile_service(self) -> AsyncIterator[TileService]:
        """The maker of tiles by itself, the watch listening."""
        store = Store(self.store.app_url, self.store.owner_url)
        watch = DatasetWatch(store.app_url)
        await watch.start()
        yield TileService(store, published_catalogue(watch), watch)
        await watch.stop()
        await store.close()

    def _viewer_of(self, request: HTTPConnection) -> Viewer:
        return self.viewer(request.headers["x-account"])


@dataclass
class Conversation:
    """Requests to the routes within one event loop."""

    client: httpx.AsyncClient
    watch: DatasetWatch

    async def get(self, path: str, who: str = "leader", **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(path, headers={"x-account": who, **names})

    async def post(self, path: str, body: Any, who: str = "leader") -> httpx.Response:
        return await self.client.post(path, json=body, headers={"x-account": who})

    async def noticed(self, district: District, change: Callable[[], Any]) -> None:
        """Make a change in the store, and wait until the watch has heard of it."""
        await asyncio.to_thread(change)
        published = set(rows_of(district, "SELECT version_id, published_at FROM ioc.published_datasets()"))
        async with asyncio.timeout(20):
            while {(d.version_id, d.published_at) for d in self.watch.snapshot.datasets} != published:
                await asyncio.sleep(0)


@contextmanager
def filled(postgis: EmbeddedPostgis, template: str, counts: dict[str, int]) -> Iterator[District]:
    with cloned_store(postgis, template) as store:
        with psycopg.connect(store.owner_url) as connection:
            accounts = set_up_accounts(connection)
            datasets = {rows.code: load(connection, rows, counts.get(rows.code)) for rows in DISTRICT}
        yield District(store, accounts, datasets)


def rows_of(district: District, query: str, parameters: dict[str, Any] | None = None) -> list[tuple]:
    """Rows as the owner sees them."""
    with psycopg.connect(district.store.owner_url) as connection:
        return connection.execute(query.encode(), parameters).fetchall()


def reload_components(district: District, count: int) -> None:
    """Publish another version of the components."""
    with psycopg.connect(district.store.owner_url) as connection:
        load(connection, COMPONENT, count)


def change(district: District, statement: str, parameters: list[Any]) -> None:
    """Change something as the owner."""
    with psycopg.connect(district.store.owner_url) as connection:
        connection.execute(statement.encode(), parameters)


def tile_at(lon: float, lat: float, zoom: int) -> tuple[int, int]:
    """x and y of the tile that holds a position."""
    n = 2**zoom
    x = (lon + 180) / 360 * n
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n
    return int(x), int(y)


def tiles_of_district(zoom: int) -> Iterator[tuple[int, int]]:
    """Every tile that the district reaches into."""
    west, north = tile_at(WEST, NORTH, zoom)
    east, south = tile_at(EAST, SOUTH, zoom)
    for x in range(west, east + 1):
        for y in range(north, south + 1):
            yield x, y
