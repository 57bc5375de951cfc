"""Pages made on the server from templates: administration and one's own account. They need no script."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dashboards.office_navigation import pages_of
from dashboards.page_frame import asset_url, theme_css
from dashboards.wording import texts

FOLDER = Path(__file__).parent

_templates = Environment(
    loader=FileSystemLoader(FOLDER / "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals["pages_of"] = pages_of


@cache
def office_texts(language: str) -> dict[str, str]:
    """Texts of these pages by key, over those of the map page."""
    own = json.loads((FOLDER / "texts" / f"office_{language}.json").read_text("utf-8"))
    return {**texts(language), **own}


def office_page(name: str, choices: dict[str, Any], **values: Any) -> str:
    """HTML of the template ``pages/NAME.html``.

    ``choices`` holds ``language`` (zh or en), ``theme`` (night or day), ``language_link`` to this page in
    the other language and ``theme_links`` to it in each theme.
    """
    return _templates.get_template(f"{name}.html").render(
        words=office_texts(choices["language"]),
        theme_css=theme_css(),
        asset_url=asset_url,
        **choices,
        **values,
    )
