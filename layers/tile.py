"""Vector tiles for viewers: planned once per rights and layers, made once, kept while they are true."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import structlog

from geodata.store import Store
from geodata.viewer import Rights, Viewer
from layers.catalogue import Catalogue
from layers.dataset_watch import DatasetWatch, current_minute
from layers.filter_reading import FilterError, narrowed
from layers.layer import Layer
from layers.mercator import mercator
from layers.metrics import TILE_SECONDS, TILES_COARSENED
from layers.moment import layer_at, read_moment
from layers.problem import NotFoundError
from layers.tile_cache import Tile, TileCache
from layers.tile_sql import NARROW_TILES_FROM, STEPS, TileAddress, tile_parameters, tile_statement

log = structlog.get_logger(__name__)

CACHE_BYTES = 256 * 1024 * 1024
MOST_BYTES = 500_000
MOST_LAYERS = 40
MOST_PLANS = 5_000
HIGHEST_ZOOM = 22
VERSION_LENGTH = 12
"""Hexadecimal digits that tell versions and rights apart in an address, for each of its layers."""
OUTSIDE_DEGREES = 0.02
"""How far beyond its stated extent a dataset is still looked for."""

TileKey = tuple[str, int, int, int]


@dataclass(frozen=True)
class LayerPart:
    """A layer in a tile, with those of its datasets that the viewer may see."""

    layer: Layer
    dataset_ids: list[int]
    extent: tuple[float, float, float, float] | None

    def may_be_in(self, tile: TileAddress) -> bool:
        """Whether the layer is shown at the tile's zoom and has anything near it."""
        if not self.layer.min_zoom <= tile.z <= self.layer.max_zoom:
            return False
        if self.extent is None:
            return True
        west, south, east, north = tile.bounds()
        return (
            self.extent[0] <= east
            and self.extent[2] >= west
            and self.extent[1] <= north
            and (self.extent[3] >= south)
        )


@dataclass(frozen=True, eq=False)
class TilePlan:
    """What a set of layers means for viewers of the same rights, as long as the same data is published.

    ``digest`` is the same exactly when every tile of the plan is. ``version`` is that of the plan without its
    filter: what the catalogue says of each layer, joined by "-"; two viewers of other rights have others.
    ``minute`` is set where a layer changes without being published: the plan is another one in the next.
    """

    parts: tuple[LayerPart, ...]
    digest: str
    version: str
    minute: int | None = None


class UnknownLayerError(NotFoundError):
    """There is no such layer, as far as this viewer may know."""


class TileService:
    """Makes and keeps tiles."""

    def __init__(
        self,
        store: Store,
        catalogue: Callable[[], Catalogue],
        watch: DatasetWatch,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._watch = watch
        self.cache = TileCache(cache_bytes)
        self._plans: dict[tuple[Rights, str, str | None, str | None], TilePlan] = {}
        self._planned_for: Catalogue | None = None
        self._under_way: dict[TileKey, asyncio.Task[Tile]] = {}

    def plan(
        self, viewer: Viewer, layer_ids: str, filter_text: str | None = None, at: str | None = None
    ) -> TilePlan:
        """The plan for comma-separated layer ids; a filter is the compact JSON of ``filter_reading``.

        ``at`` is an earlier moment: the plan is of what was published then.

        Raises:
            UnknownLayerError: one of them does not exist, or nothing of it may be seen by the viewer.
            MomentNotKeptError: what one of them held at that moment is not kept.
            FilterError: the filter is not one of the layer, or there are several layers.
        """
        catalogue = self._catalogue()
        if catalogue is not self._planned_for:
            self._plans.clear()
            self._planned_for = catalogue
        key = (viewer.rights, layer_ids, filter_text, at)
        plan = self._plans.get(key)
        if plan is None or plan.minute not in (None, current_minute()):
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            plan = _plan(catalogue, viewer, layer_ids, filter_text, read_moment(at))
            self._plans[key] = plan
        return plan

    def is_cacheable(self) -> bool:
        """Whether tiles may be kept, and be said to be unchanged."""
        return self._watch.is_watched()

    async def tile(self, viewer: Viewer, plan: TilePlan, z: int, x: int, y: int) -> Tile:
        """The tile, from memory if it is still true; asked for by many at once it is made once."""
        if not self.is_cacheable():
            return await self._make(viewer, plan, z, x, y)
        key: TileKey = (plan.digest, z, x, y)
        tile = self.cache.get(key)
        if tile is not None:
            return tile
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._make_and_keep(viewer, plan, z, x, y))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        # A browser that turns away must not take the tile from the others who wait for it.
        return await asyncio.shield(task)

    def kept(self, plan: TilePlan, z: int, x: int, y: int) -> Tile | None:
        """The tile if it is in memory and still true."""
        return self.cache.get((plan.digest, z, x, y)) if self.is_cacheable() else None

    async def _make_and_keep(self, viewer: Viewer, plan: TilePlan, z: int, x: int, y: int) -> Tile:
        tile = await self._make(viewer, plan, z, x, y)
        if self.is_cacheable():
            self.cache.put((plan.digest, z, x, y), tile)
        return tile

    async def _make(self, viewer: Viewer, plan: TilePlan, z: int, x: int, y: int) -> Tile:
        address = TileAddress(z, x, y)
        parts = [part for part in plan.parts if part.may_be_in(address)]
        if not parts:
            return Tile(b"", False)
        begin = time.perf_counter()
        tile = Tile.of(await self._mvt(viewer, parts, address))
        TILE_SECONDS.observe(time.perf_counter() - begin)
        return tile

    async def _mvt(self, viewer: Viewer, parts: list[LayerPart], address: TileAddress) -> bytes:
        """Layers one after the other in one tile; the largest with less detail until all of it fits."""
        steps = [0] * len(parts)
        pieces = await self._pieces(viewer, parts, steps, address)
        while sum(map(len, pieces)) > MOST_BYTES:
            reducible = [i for i, step in enumerate(steps) if step < STEPS - 1 and pieces[i]]
            if not reducible:
                log.error("tile too big", tile=address, bytes=sum(map(len, pieces)))
                break
            largest = max(reducible, key=lambda i: len(pieces[i]))
            steps[largest] += 1
            TILES_COARSENED.inc()
            again = await self._pieces(viewer, [parts[largest]], [steps[largest]], address)
            pieces[largest] = again[0]
        return b"".join(pieces)

    async def _pieces(
        self, viewer: Viewer, parts: list[LayerPart], steps: list[int], address: TileAddress
    ) -> list[bytes]:
        statements = [
            (
                tile_statement(part.layer, address.z, step),
                tile_parameters(part.layer, address, part.dataset_ids),
            )
            for part, step in zip(parts, steps, strict=True)
        ]
        # How many rows a filter leaves in a wide tile depends on its values: a month of cases is 7 ms when
        # planned for that month, 115 ms when planned for any period.
        prepared = address.z >= NARROW_TILES_FROM or not any(part.layer.filter for part in parts)
        found = await self._store.read(viewer, statements, prepared=prepared)
        return [bytes(rows[0][0] or b"") for rows in found]


def _plan(
    catalogue: Catalogue, viewer: Viewer, layer_ids: str, filter_text: str | None, moment: datetime | None
) -> TilePlan:
    names = list(dict.fromkeys(layer_ids.split(",")))
    if len(names) > MOST_LAYERS:
        raise UnknownLayerError(f"A tile holds at most {MOST_LAYERS} layers: ask for the others in another.")
    if filter_text and len(names) > 1:
        raise FilterError("A filter belongs to one layer: ask for the tiles of that layer by themselves.")
    parts, versions, asked_for, minute = [], [], [], None
    for name in names:
        layer = catalogue.by_id.get(name)
        datasets = catalogue.visible_datasets(layer, viewer) if layer else ()
        if layer is None or not datasets:
            raise UnknownLayerError(f"There is no layer “{name[:80]}”: GET /layers lists those there are.")
        if any(dataset.is_live for dataset in datasets):
            minute = current_minute()
        layer, datasets = layer_at(catalogue, layer, datasets, moment)
        ids = [dataset.id for dataset in datasets]
        asked = narrowed(layer, filter_text)
        parts.append(LayerPart(asked, ids, _extent([dataset.extent for dataset in datasets])))
        keys = [_drawing(layer), *(dataset.version_key for dataset in datasets), viewer.fingerprint(ids)]
        versions.append(_digest(keys)[:VERSION_LENGTH])
        asked_for += [repr(asked), asked.filter.sql().as_string(None) if asked.filter else ""]
    return TilePlan(
        tuple(parts), _digest([*versions, *asked_for, str(minute)])[:20], "-".join(versions), minute
    )


@lru_cache(MOST_PLANS)
def _drawing(layer: Layer) -> str:
    """The same for two layers exactly when they say the same and are drawn by the same statements."""
    zooms = range(HIGHEST_ZOOM)
    return _digest([repr(layer), *(str(tile_statement(layer, z, step)) for z in zooms for step in (0, 1))])


def _digest(keys: list[str]) -> str:
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()


def _extent(extents: list[list[float] | None]) -> tuple[float, float, float, float] | None:
    """Metres of EPSG:3857 around all extents (degrees), with a margin; None where one is not known."""
    known = [extent for extent in extents if extent is not None]
    if len(known) < len(extents) or not known:
        return None
    west, south = (min(extent[i] for extent in known) - OUTSIDE_DEGREES for i in (0, 1))
    east, north = (max(extent[i] for extent in known) + OUTSIDE_DEGREES for i in (2, 3))
    return (*mercator(west, south), *mercator(east, north))
