"""The page ``/cases``: what is open and whose turn it is, each case with its steps and what may be done."""

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
    "case_words.js",
    "case_map.js",
    "case_card.js",
    "cases.js",
)


def cases_page(choices: dict[str, Any], viewer: Viewer) -> str:
    """HTML of the page, which its scripts fill; ``choices`` as for ``office_page``."""
    return office_page(
        "cases",
        choices,
        current="cases",
        viewer=viewer,
        scripts=SCRIPTS,
        page_json=page_data({}),
        error=None,
        notice=None,
        secret=None,
    )
