"""What Prometheus is told of tiles and look-ups."""

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

TILES = Counter("ioc_tiles_total", "Tile requests by how they were answered.", ["answer"])
TILE_SECONDS = Histogram("ioc_tile_seconds", "Time to make a tile that was not cached.", buckets=SECONDS)
TILE_BYTES = Counter("ioc_tile_bytes_total", "Bytes of tiles sent.")
TILE_CACHE_BYTES = Gauge("ioc_tile_cache_bytes", "Bytes of tiles kept in memory.")
TILES_COARSENED = Counter("ioc_tiles_coarsened_total", "Tiles made again with less detail for their size.")
LOOKUP_SECONDS = Histogram(
    "ioc_lookup_seconds", "Time to answer a look-up of features.", ["kind"], buckets=SECONDS
)
