"""The reference of ``ioc bench map``: a plain dash-leaflet page that draws points of a file as GeoJSON.

The points are circles on one canvas, the fastest way Leaflet has; as markers they would be 210,000 elements.
"""

import sys
from pathlib import Path

import dash
import dash_leaflet as dl
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

POINTS = "/points.geojson"
# The function that dash-leaflet finds by its name; a style per point would be slower still.
CIRCLES = """
window.dashExtensions = { bench: { circle: (feature, at) => L.circleMarker(at, { radius: 3, weight: 1 }) } };
L.Map.addInitHook(function () { window.bench_leaflet = this; });
"""


def create_reference(points: Path, extent: tuple[float, float, float, float]) -> FastAPI:
    """The page over a GeoJSON file; ``extent`` is west, south, east, north in degrees."""
    server = FastAPI()

    async def geojson(_request: Request) -> FileResponse:
        return FileResponse(points, media_type="application/geo+json")

    server.router.routes.append(Route(POINTS, geojson))
    app = dash.Dash(__name__, server=server, backend="fastapi", add_log_handler=False)  # pyright: ignore[reportArgumentType] -- typed for Flask, documented for FastAPI
    app.index_string = app.index_string.replace("{%renderer%}", f"<script>{CIRCLES}</script>{{%renderer%}}")
    west, south, east, north = extent
    app.layout = dl.Map(
        [dl.GeoJSON(url=POINTS, pointToLayer={"variable": "dashExtensions.bench.circle"})],
        bounds=[[south, west], [north, east]],  # pyright: ignore[reportArgumentType] -- a list is invariant
        preferCanvas=True,
        style={"height": "100vh"},
    )
    return server


def main(points: str, extent: str, port: int) -> None:
    """Serve until terminated."""
    west, south, east, north = map(float, extent.split(","))
    app = create_reference(Path(points), (west, south, east, north))
    uvicorn.run(app, port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
