"""Tiles kept in memory, bounded in bytes; the one used longest ago goes first."""

import zlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from layers.metrics import TILE_CACHE_BYTES

ENTRY_OVERHEAD = 600
"""Bytes that an entry costs beside its bodies, counted so that empty tiles are bounded too."""
SMALLEST_COMPRESSED = 200
GZIP_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile's body as it is sent: compressed unless it is too small to gain by it. Empty for no features."""

    body: bytes
    compressed: bool

    @staticmethod
    def of(mvt: bytes) -> "Tile":
        """A Mapbox vector tile ready to be sent."""
        if len(mvt) < SMALLEST_COMPRESSED:
            return Tile(mvt, False)
        return Tile(zlib.compress(mvt, GZIP_LEVEL, wbits=31), True)

    def plain(self) -> bytes:
        """The Mapbox vector tile itself."""
        return zlib.decompress(self.body, wbits=31) if self.compressed else self.body


class TileCache:
    """Least recently used tiles by key, up to ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._tiles: OrderedDict[Hashable, Tile] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tiles)

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._size

    def get(self, key: Hashable) -> Tile | None:
        """The tile, now the most recently used; None if it is not here."""
        tile = self._tiles.get(key)
        if tile is not None:
            self._tiles.move_to_end(key)
        return tile

    def put(self, key: Hashable, tile: Tile) -> None:
        """Keep a tile, and let go of others to make room."""
        former = self._tiles.pop(key, None)
        if former is not None:
            self._size -= len(former.body) + ENTRY_OVERHEAD
        self._tiles[key] = tile
        self._size += len(tile.body) + ENTRY_OVERHEAD
        while self._size > self._limit:
            _, oldest = self._tiles.popitem(last=False)
            self._size -= len(oldest.body) + ENTRY_OVERHEAD
        TILE_CACHE_BYTES.set(self._size)
