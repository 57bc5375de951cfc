"""Values that are plain words of the departments (完好, 主干路), in English; the store keeps the words."""

import csv
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("value_words.csv")


@cache
def _words() -> dict[str, str]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return {
            row["zh"]: row["en"] for row in csv.DictReader(line for line in file if not line.startswith("#"))
        }


def in_language(word: str, language: str) -> str:
    """The word in zh or en; as it is written, where it is a name or no common word."""
    return _words().get(word, word) if language == "en" else word
