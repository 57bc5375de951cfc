"""``ioc bench tiles``: tiles of the components, cold and warm, beside what they are to be compared with.

Every contender gets the same tiles in the same run, in turns: this server (sign-in, rights, gzip and all),
the bare ST_AsMVT query on the same number of connections as the owner of the tables, and tipg on the same
table. Then this server again, from its cache, beside a constant response of its own.
"""

import asyncio
import json
import random
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

from psycopg import AsyncConnection, conninfo
from psycopg.rows import class_row
from rich.console import Console

from geodata.errors import UserError
from geodata.store import Store
from ioc.bench.http_load import Load, drive, request_all
from ioc.bench.server_process import credential, serving
from ioc.bench.tile_server import CONSTANT_PATH
from ioc.context import open_store
from layers.catalogue import Catalogue
from layers.dataset_watch import PUBLISHED, PublishedDataset
from layers.layer import Layer
from layers.mercator import mercator
from layers.tile_sql import WORLD_METRES, TileAddress, tile_parameters, tile_statement

SEED = 420106
ROUNDS = 3
CONNECTIONS = 4
TILES_OF_A_ROUND = {14: 5, 15: 18, 16: 60, 17: 120}
DETAIL_ZOOM = 16
"""From here on all contenders answer the same features; below, this server answers clusters."""
WARM_REPEATS = 8


@dataclass
class Measured:
    """The loads of all rounds, by contender."""

    cold: Load = field(default_factory=Load)
    cold_detail: Load = field(default_factory=Load)
    raw: Load = field(default_factory=Load)
    tipg: Load = field(default_factory=Load)
    warm: Load = field(default_factory=Load)
    constant: Load = field(default_factory=Load)


@dataclass(frozen=True)
class Bench:
    """What is measured: the layer, its datasets, the servers."""

    layer: Layer
    dataset_ids: list[int]
    owner_url: str
    port: int
    token: str
    tipg_port: int | None


def bench_tiles(as_json: bool = False) -> None:
    """Measure and print; figures and references last.

    Raises:
        UserError: there are no components to make tiles of, or nobody who may see them.
    """
    console = Console(highlight=False, soft_wrap=True, stderr=as_json)
    with ExitStack() as stack:
        store = stack.enter_context(open_store())
        layer = Catalogue.load().by_id["component"]
        datasets = _component_datasets(store, layer)
        token = stack.enter_context(credential(store, "token"))
        port = stack.enter_context(serving([sys.executable, "-m", "ioc.bench.tile_server"], {}, "/health"))
        tipg_port = stack.enter_context(_tipg(store)) if find_spec("tipg") else None
        if tipg_port is None:
            console.print("tipg is not installed (it is a development dependency): not compared with it.")
        bench = Bench(layer, [d.id for d in datasets], store.owner_url, port, token, tipg_port)
        measured = asyncio.run(_measure(bench, _tiles(datasets), console))
    figures = _figures(measured, tipg_port is not None)
    if as_json:
        print(json.dumps(figures, ensure_ascii=False, indent=2))
    else:
        _print(console, figures)


def _component_datasets(store: Store, layer: Layer) -> list[PublishedDataset]:
    with store.owner_connection() as connection:
        cursor = connection.cursor(row_factory=class_row(PublishedDataset))
        datasets = [d for d in cursor.execute(PUBLISHED).fetchall() if d.target == layer.table]
    if not datasets or any(dataset.extent is None for dataset in datasets):
        raise UserError("There are no components to make tiles of: load the demo district (make run).")
    return datasets


def _tiles(datasets: Sequence[PublishedDataset]) -> list[list[TileAddress]]:
    """Tiles for each round, none of them twice, at random places of the district."""
    extents = [dataset.extent for dataset in datasets if dataset.extent is not None]
    west, south = mercator(min(e[0] for e in extents), min(e[1] for e in extents))
    east, north = mercator(max(e[2] for e in extents), max(e[3] for e in extents))
    chance = random.Random(SEED)
    rounds: list[list[TileAddress]] = [[] for _ in range(ROUNDS)]
    for zoom, wanted in TILES_OF_A_ROUND.items():
        size, half = WORLD_METRES / 2**zoom, WORLD_METRES / 2
        everywhere = [
            TileAddress(zoom, x, y)
            for x in range(int((west + half) / size), int((east + half) / size) + 1)
            for y in range(int((half - north) / size), int((half - south) / size) + 1)
        ]
        chance.shuffle(everywhere)
        share = max(1, min(wanted, len(everywhere) // ROUNDS))
        for number, tiles in enumerate(rounds):
            tiles += everywhere[number * share : (number + 1) * share]
    for tiles in rounds:
        chance.shuffle(tiles)
    return rounds


async def _measure(bench: Bench, rounds: list[list[TileAddress]], console: Console) -> Measured:
    measured = Measured()
    connections = [
        await AsyncConnection.connect(bench.owner_url, autocommit=True, prepare_threshold=0)
        for _ in range(CONNECTIONS)
    ]
    await _warm_up(bench, connections)
    for number, tiles in enumerate(rounds, 1):
        console.print(f"round {number} of {ROUNDS}: {len(tiles)} tiles", style="dim")
        detail = [tile for tile in tiles if tile.z >= DETAIL_ZOOM]
        overview = [tile for tile in tiles if tile.z < DETAIL_ZOOM]
        for contender in _turns(["own", "raw", "tipg"], number):
            if contender == "own":
                detailed = await _own(bench, detail)
                measured.cold_detail.add(detailed)
                measured.cold.add(detailed)
                measured.cold.add(await _own(bench, overview))
            elif contender == "raw":
                measured.raw.add(await _raw(bench, connections, tiles))
            elif bench.tipg_port is not None:
                paths = [_tipg_path(tile) for tile in detail]
                measured.tipg.add(await request_all(bench.tipg_port, paths, CONNECTIONS))
        again = tiles * WARM_REPEATS
        for contender in _turns(["warm", "constant"], number):
            if contender == "warm":
                measured.warm.add(await _own(bench, again))
            else:
                paths = [CONSTANT_PATH] * len(again)
                measured.constant.add(await request_all(bench.port, paths, CONNECTIONS, bench.token))
    for connection in connections:
        await connection.close()
    return measured


def _turns(contenders: list[str], number: int) -> list[str]:
    """The contenders in an order that changes with the round, so that none is always first."""
    first = number % len(contenders)
    return contenders[first:] + contenders[:first]


async def _warm_up(bench: Bench, connections: list[AsyncConnection]) -> None:
    """Connections made and statements prepared, by tiles of the sea that hold nothing of the district."""
    sea = [TileAddress(zoom, 2**zoom // 3 + i, 2**zoom // 3) for zoom in TILES_OF_A_ROUND for i in range(24)]
    await _raw(bench, connections, sea)
    await _own(bench, sea)
    if bench.tipg_port is not None:
        await request_all(bench.tipg_port, [_tipg_path(tile) for tile in sea], CONNECTIONS)


async def _own(bench: Bench, tiles: Sequence[TileAddress]) -> Load:
    paths = [f"/tiles/{bench.layer.id}/{tile.z}/{tile.x}/{tile.y}.mvt" for tile in tiles]
    return await request_all(bench.port, paths, CONNECTIONS, bench.token)


async def _raw(bench: Bench, connections: list[AsyncConnection], tiles: Sequence[TileAddress]) -> Load:
    left = iter(tiles)

    def requester(connection: AsyncConnection) -> Callable[[], Awaitable[int]]:
        async def request() -> int:
            tile = next(left, None)
            if tile is None:
                return -1
            parameters = tile_parameters(bench.layer, tile, bench.dataset_ids)
            cursor = await connection.execute(tile_statement(bench.layer, tile.z, 0), parameters)
            row = await cursor.fetchone()
            return len(row[0] or b"") if row else 0

        return request

    return await drive([requester(connection) for connection in connections])


def _tipg_path(tile: TileAddress) -> str:
    return (
        f"/collections/ioc.component/tiles/WebMercatorQuad/{tile.z}/{tile.x}/{tile.y}"
        "?geom-column=geom_3857&properties=type_code"
    )


@contextmanager
def _tipg(store: Store) -> Iterator[int]:
    command = [sys.executable, "-m", "uvicorn", "tipg.main:app", "--log-level", "error", "--port"]
    environment = {
        "DATABASE_URL": _tipg_url(store.owner_url),
        "TIPG_DB_SCHEMAS": '["ioc"]',
        "TIPG_DB_TABLES": '["ioc.component"]',
        "TIPG_DB_SPATIAL_EXTENT": "false",
        "TIPG_DB_DATETIME_EXTENT": "false",
        "TIPG_TILE_BUFFER": "64",
        "DB_MIN_CONN_SIZE": str(CONNECTIONS),
        "DB_MAX_CONN_SIZE": str(CONNECTIONS),
    }
    with serving(command, environment, "/healthz") as port:
        yield port


def _tipg_url(owner_url: str) -> str:
    """A URL in the one form that tipg takes: a socket's folder written as the host."""
    parts = conninfo.conninfo_to_dict(owner_url)
    user, host = (
        quote(str(parts.get("user", "")), safe=""),
        quote(str(parts.get("host", "localhost")), safe=""),
    )
    password = f":{quote(str(parts['password']), safe='')}" if parts.get("password") else ""
    return f"postgresql://{user}{password}@{host}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


def _figures(measured: Measured, with_tipg: bool) -> dict[str, Any]:
    pairs = [
        ("cold: time per tile ÷ bare ST_AsMVT", measured.raw.rate / measured.cold.rate, 1.3, "at most"),
        ("warm: tiles/s ÷ constant response", measured.warm.rate / measured.constant.rate, 0.5, "at least"),
    ]
    if with_tipg:
        tipg = measured.tipg.rate
        pairs.append(("cold: tiles/s ÷ tipg (z16, z17)", measured.cold_detail.rate / tipg, 2.0, "at least"))
        pairs.append(("warm: tiles/s ÷ tipg", measured.warm.rate / tipg, 10.0, "at least"))
    loads = {
        "cold": measured.cold,
        "cold z16-z17": measured.cold_detail,
        "bare ST_AsMVT": measured.raw,
        "tipg z16-z17": measured.tipg,
        "warm": measured.warm,
        "constant": measured.constant,
    }
    return {
        "tiles": {
            name: {
                "requests": len(load.latencies),
                "per_second": round(load.rate, 1),
                "p50_ms": round(load.percentile(50), 2),
                "p95_ms": round(load.percentile(95), 2),
                "mean_bytes": round(load.bytes / max(1, len(load.latencies))),
            }
            for name, load in loads.items()
            if load.latencies
        },
        "figures": [
            {
                "figure": name,
                "measured": round(value, 2),
                "reach": f"{word} {limit}",
                "reached": value <= limit if word == "at most" else value >= limit,
            }
            for name, value, limit, word in pairs
        ],
    }


def _print(console: Console, figures: dict[str, Any]) -> None:
    for name, row in figures["tiles"].items():
        console.print(
            f"{name:16} {row['per_second']:>9.1f}/s   p50 {row['p50_ms']:>8.2f} ms   "
            f"p95 {row['p95_ms']:>8.2f} ms   {row['mean_bytes']:>7} bytes   {row['requests']} requests"
        )
    for row in figures["figures"]:
        verdict = "[green]reached[/]" if row["reached"] else "[red]not reached[/]"
        console.print(f"{row['figure']:40} {row['measured']:>8.2f}   reach {row['reach']:14} {verdict}")
