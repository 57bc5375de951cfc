"""The review queue ``/review``: what was edited by hand and waits for a decision."""

from typing import Any

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
    "review_note.js",
    "review.js",
)


def review_page(choices: dict[str, Any], viewer: Viewer) -> str:
    """HTML of the page, which its scripts fill; ``choices`` as for ``office_page``."""
    return office_page(
        "review",
        choices,
        current="review",
        viewer=viewer,
        scripts=SCRIPTS,
        page_json=page_data({}),
        error=None,
        notice=None,
        secret=None,
    )
