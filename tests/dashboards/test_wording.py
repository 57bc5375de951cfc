"""The interface words: in both languages, none missing, none left over, none of the other language."""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from dashboards.office_page import office_texts

ROOT = Path(__file__).parents[2]
TEXTS = ROOT / "dashboards" / "texts"
HAN = re.compile("[\u3400-\u9fff]")
SAME_ANYWHERE = {"EN", "—", "：", "，", "、", "；", "Excel", "CSV", "GeoJSON", "GeoPackage", "（{group}）"}
TO_THE_OTHER = {"other_language", "other_language_long"}
ASKED_AS_A_WHOLE = ("action_", "grid_", "statistics_", "case_condition_")
"""Composed elsewhere: by triggers of the trail, by AG Grid, by the chart, from a code table."""


def words(file: str) -> dict[str, str]:
    return json.loads((TEXTS / f"{file}.json").read_text("utf-8"), object_pairs_hook=each_once)


def each_once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """A key that stands twice has two wordings, of which JSON silently keeps the last."""
    assert [key for key, times in Counter(key for key, _ in pairs).items() if times > 1] == []
    return dict(pairs)


@cache
def source() -> str:
    """All code and data that may name a text."""
    folders = (ROOT / name for name in ("dashboards", "ioc", "layers", "geodata", "styles"))
    return "\n".join(
        path.read_text("utf-8")
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".js", ".html", ".sql", ".toml")
        and not {"vendor", "texts", "node_modules"} & set(path.parts)
    )


@cache
def named() -> set[str]:
    return set(re.findall(r"\w+", source()))


@cache
def prefixes() -> set[str]:
    """Beginnings of keys whose end is put in: `kind_${kind}`, 'role_' ~ role, f"theme_{theme}"."""
    return set(re.findall(r"\b([a-z][a-z_]*_)(?=\$\{|\{|['\"] ~)", source()))


def is_used(key: str) -> bool:
    if key in named() or key.startswith(ASKED_AS_A_WHOLE):
        return True
    stems = (key.removesuffix(end) for end in ("_long", "_date") if key.endswith(end))
    return any(key.startswith(start) and is_used(key.removeprefix(start)) for start in prefixes()) or any(
        is_used(stem) for stem in stems
    )


@pytest.mark.parametrize("file", ["", "office_"])
def test_both_languages_have_the_same_keys_and_each_is_used(file: str) -> None:
    zh, en = words(f"{file}zh"), words(f"{file}en")
    assert zh.keys() == en.keys()
    assert [key for key in zh if not is_used(key)] == []


@pytest.mark.parametrize("file", ["", "office_"])
def test_each_language_is_written_in_its_own_script(file: str) -> None:
    zh, en = words(f"{file}zh"), words(f"{file}en")
    assert [key for key, text in en.items() if HAN.search(text) and key not in TO_THE_OTHER] == []
    plain = [key for key, text in zh.items() if not HAN.search(text) and text not in SAME_ANYWHERE]
    assert set(plain) <= TO_THE_OTHER


def test_every_word_that_a_template_names_exists() -> None:
    known = office_texts("zh").keys()
    for template in (ROOT / "dashboards" / "pages").glob("*.html"):
        asked = set(re.findall(r"\bwords\.(\w+)", template.read_text("utf-8"))) - {"get"}
        assert asked <= known, template.name


def test_every_word_that_a_script_names_exists() -> None:
    for script in (ROOT / "dashboards" / "assets").glob("*.js"):
        asked = set(re.findall(r"""ioc\.text\(["'](\w+)["']""", script.read_text("utf-8")))
        assert asked <= words("zh").keys(), script.name
