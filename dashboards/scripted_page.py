"""Office pages that scripts fill: alarms ``/alarms``, cases ``/cases``, the review queue ``/review``."""

from typing import Any, Literal

from dashboards.office_page import office_page
from dashboards.page_frame import page_data
from geodata.viewer import Viewer

MAP = (
    "vendor/maplibre-gl.js",
    "page.js",
    "service.js",
    "layer_filter.js",
    "layer_arrangement.js",
    "base_map.js",
    "map_style.js",
    "layers.js",
)
"""What draws a small map beside a list."""
SCRIPTS = {
    "alarms": (
        "page.js",
        "service.js",
        "replay_link.js",
        "alarm_words.js",
        "alarm_list.js",
        "alarm_rules.js",
        "alarms.js",
    ),
    "cases": (
        *MAP,
        "live.js",
        "live_sign.js",
        "case_words.js",
        "case_map.js",
        "case_place.js",
        "case_card.js",
        "case_table.js",
        "case_statistics.js",
        "cases.js",
    ),
    "review": (*MAP, "edit_words.js", "review_map.js", "review_note.js", "review.js"),
}


def scripted_page(name: Literal["alarms", "cases", "review"], choices: dict[str, Any], viewer: Viewer) -> str:
    """HTML of the template ``pages/NAME.html`` with its scripts; ``choices`` as for ``office_page``."""
    return office_page(
        name,
        choices,
        current=name,
        viewer=viewer,
        scripts=SCRIPTS[name],
        page_json=page_data({}),
        error=None,
        notice=None,
        secret=None,
    )
