"""The one table of interface texts, in Chinese and English, for Python and the browser."""

import json
from functools import cache
from pathlib import Path

LANGUAGES = ("zh", "en")


@cache
def texts(language: str) -> dict[str, str]:
    """Texts by key in a language of ``LANGUAGES``; ``{name}`` in a text stands for a value."""
    return json.loads((Path(__file__).parent / "texts" / f"{language}.json").read_text("utf-8"))
