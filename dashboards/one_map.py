"""The one map page ``/``: the frame that the browser code fills, with the Leaflet map in it."""

from typing import Any

from dash import html
from dash_leaflet.MapContainer import MapContainer

from dashboards.page_frame import asset_url
from dashboards.wording import texts

LARGEST_ZOOM = 21


def one_map(settings: dict[str, Any]) -> html.Div:
    """Layout of the page; ``settings`` as ``dashboards.application.MapSettings.as_page_data`` gives it."""
    words = texts("zh")
    west, south, east, north = settings["extent"]
    return html.Div(
        id="one-map",
        children=[
            html.Main([_map([(south + north) / 2, (west + east) / 2])], id="map-frame"),
            html.Header(
                [
                    html.Div(html.Img(src=asset_url("emblem.svg"), alt=""), className="emblem"),
                    html.H1(
                        [html.Strong(settings["district_zh"]), html.Span(words["product"])], id="header-title"
                    ),
                    html.Div(id="search-box", role="search"),
                    html.Div(id="header-tools"),
                ],
                id="header",
            ),
            html.Button(
                _panel_icon(),
                id="show-layers",
                hidden=True,
                title=words["show_panel"],
                className="icon-button",
            ),
            html.Aside(id="layer-panel"),
            html.Aside(id="record-card", hidden=True, **_aria(live="polite")),
            html.Section(id="map-tools", **_aria(label=words["tools"])),
            html.Aside(id="query-panel", hidden=True, **_aria(live="polite")),
            html.Section(id="feature-table", hidden=True),
            html.Section(id="layer-statistics", hidden=True),
            html.Div(id="map-buttons"),
            html.Div(id="view-tools"),
            html.Aside(id="view-panel", hidden=True),
            html.Div([html.I(), words["map_loading"]], id="map-loading", role="status"),
            html.Section(id="replay-panel", hidden=True),
            html.P(id="replay-mark", hidden=True),
            html.Div(id="replay-alarms", hidden=True, role="status"),
            html.Footer(id="status-bar"),
        ],
    )


def _map(center: Any) -> MapContainer:
    return MapContainer(
        id="map",
        center=center,
        zoom=13,
        zoomSnap=0.25,
        minZoom=9,
        maxZoom=LARGEST_ZOOM,
        zoomControl=False,
        attributionControl=False,
        trackViewport=False,
        wheelDebounceTime=60,
        wheelPxPerZoomLevel=100,
        style={"height": "100%", "width": "100%"},
    )


def _panel_icon() -> html.Span:
    return html.Span("☰", **_aria(hidden="true"))


def _aria(**attributes: str) -> dict[str, Any]:
    return {f"aria-{name}": value for name, value in attributes.items()}
