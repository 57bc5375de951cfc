"""Pages made on the server from templates: administration and one's own account. They need no script."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

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


@cache
def office_texts(language: str) -> dict[str, str]:
    """Texts of these pages by key, over those of the map page."""
    own = json.loads((FOLDER / "texts" / f"office_{language}.json").read_text("utf-8"))
    return {**texts(language), **own}


def office_page(name: str, language: str, **values: Any) -> str:
    """HTML of the template ``pages/NAME.html`` in zh or en."""
    return _templates.get_template(f"{name}.html").render(
        language=language,
        words=office_texts(language),
        theme_css=theme_css(),
        asset_url=asset_url,
        **values,
    )
