"""The page of alarms ``/alarms``: what is open, what was, situations, silences and the rules behind them."""

from typing import Any

from dashboards.office_page import office_page
from dashboards.page_frame import page_data
from geodata.viewer import Viewer

SCRIPTS = ("page.js", "service.js", "alarm_words.js", "alarm_list.js", "alarm_rules.js", "alarms.js")


def alarm_page(choices: dict[str, Any], viewer: Viewer) -> str:
    """HTML of the page, which its scripts fill; ``choices`` as for ``office_page``."""
    return office_page(
        "alarms",
        choices,
        current="alarms",
        viewer=viewer,
        scripts=SCRIPTS,
        page_json=page_data({}),
        error=None,
        notice=None,
        secret=None,
    )
