"""The review queue ``/review``: what was edited by hand and waits for a decision."""

from dashboards.office_page import office_page
from dashboards.page_frame import page_data
from geodata.viewer import Viewer

SCRIPTS = (
    "vendor/maplibre-gl.js",
    "page.js",
    "service.js",
    "layer_filter.js",
    "layer_arrangement.js",
    "base_map.js",
    "map_style.js",
    "layers.js",
    "edit_words.js",
    "review_map.js",
    "review.js",
)


def review_page(language: str, viewer: Viewer) -> str:
    """HTML of the page, which its scripts fill, in zh or en."""
    return office_page(
        "review",
        language,
        pages=(("review", "/review"),),
        current="review",
        viewer=viewer,
        scripts=SCRIPTS,
        page_json=page_data({}),
        error=None,
        notice=None,
        secret=None,
    )
