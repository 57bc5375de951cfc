"""Tiles stay within bounds: of size at any density, of memory, of work when many ask at once."""

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg import sql

from layers.catalogue import Catalogue
from layers.tile import MOST_BYTES
from layers.tile_cache import ENTRY_OVERHEAD, Tile, TileCache
from layers.tile_sql import STEPS, TileAddress, tile_parameters, tile_statement
from tests.layers.district import District, reload_components, tile_at
from tests.layers.district_rows import PIPE_SEGMENT, load

GATHER = sql.SQL(
    """
    UPDATE ioc.{} SET geom = ST_Scale(
        geom, ST_SetSRID(ST_MakePoint(0.25, 0.25), 4490), ST_SetSRID(ST_MakePoint(114.34, 30.556), 4490))
    """
)


def test_no_tile_exceeds_its_limit_at_ten_times_the_density(own_district: District) -> None:
    # A sixteenth of the district's components and drains ten times over, on a sixteenth of its area.
    with psycopg.connect(own_district.store.owner_url) as connection:
        reload_components(own_district, 131_250)
        load(connection, PIPE_SEGMENT, 25_000)
        for table in ("component", "pipe_segment"):
            connection.execute(GATHER.format(sql.Identifier(table)))

    async def sizes() -> dict[int, int]:
        viewer = own_district.viewer("leader")
        found = {}
        async with own_district.tile_service() as service:
            plan = service.plan(viewer, "component,pipe_segment,street,place,camera")
            for zoom in range(9, 18):
                tile = await service.tile(viewer, plan, zoom, *tile_at(114.34, 30.556, zoom))
                found[zoom] = len(tile.plain())
        return found

    found = asyncio.run(sizes())
    assert max(found.values()) <= MOST_BYTES
    assert min(found.values()) > 100


@pytest.mark.parametrize("layer_id", ["component", "place", "pipe_segment", "street"])
@pytest.mark.parametrize("zoom", [10, 13, 16])
def test_every_step_shows_less(district: District, layer_id: str, zoom: int) -> None:
    layer = Catalogue.load().by_id[layer_id]
    tile = TileAddress(zoom, *tile_at(114.34, 30.556, zoom))
    parameters = tile_parameters(layer, tile, list(district.datasets.values()))
    with psycopg.connect(district.store.owner_url) as connection:
        rows = [
            connection.execute(tile_statement(layer, zoom, step), parameters).fetchall()
            for step in range(STEPS)
        ]
    sizes = [len(row[0][0]) for row in rows]
    assert sizes[1:] == sorted(sizes[1:], reverse=True)
    assert sizes[-1] <= min(sizes[0], 20_000)


def test_the_cache_lets_go_of_what_was_used_longest_ago() -> None:
    cache = TileCache(3 * (1000 + ENTRY_OVERHEAD))
    for name in "abc":
        cache.put(name, Tile(name.encode() * 1000, False))
    assert cache.get("a") is not None
    cache.put("d", Tile(b"d" * 1000, False))
    assert cache.get("b") is None
    assert [name for name in "acd" if cache.get(name)] == ["a", "c", "d"]
    cache.put("a", Tile(b"", False))
    assert cache.size == 2000 + 3 * ENTRY_OVERHEAD


def test_a_cold_tile_asked_for_by_many_is_made_once(
    district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> tuple[int, set[bytes]]:
        async with district.tile_service() as service:
            made = 0
            make = service._mvt

            async def counting(*arguments: Any) -> bytes:
                nonlocal made
                made += 1
                return await make(*arguments)

            monkeypatch.setattr(service, "_mvt", counting)
            x, y = tile_at(114.34, 30.556, 15)
            waiting = [
                asyncio.create_task(service.tile(viewer, service.plan(viewer, "component"), 15, x, y))
                for viewer in [district.viewer("police"), district.viewer("staff")] * 20
            ]
            await asyncio.sleep(0)
            waiting[0].cancel()
            tiles = await asyncio.gather(*waiting[1:])
            return made, {tile.body for tile in tiles}

    made, bodies = asyncio.run(ask())
    assert made == 1
    assert len(bodies) == 1
