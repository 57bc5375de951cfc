import json
import re

import pytest

import styles
from styles.loading import FOLDER

ICON = re.compile(r'"([a-z]+)"|"([a-z]+):')
STYLES = [*styles.style_names(), "road", "water", "green", "building", "place", "boundary"]


def test_every_theme_has_the_same_tokens() -> None:
    names = [set(styles.theme_tokens(theme)) for theme in styles.THEMES]
    assert names[0] == names[1] == names[2]


@pytest.mark.parametrize("theme", styles.THEMES)
@pytest.mark.parametrize("name", STYLES)
def test_style_resolves_and_its_ids_are_unique(name: str, theme: str) -> None:
    style = styles.style_of(name, theme)
    assert "@" not in json.dumps(style)
    ids = [layer["id"] for layer in style]
    assert len(ids) == len(set(ids))
    assert all("source" not in layer for layer in style)


def test_legend_colour_is_what_the_map_paints() -> None:
    tokens = styles.theme_tokens("day")
    legend = {
        entry["value"]: entry["colour"] for entry in styles.legend_of(styles.style_of("pipe_segment", "day"))
    }
    assert legend["YS"] == tokens["pipe-rain"]
    assert legend["WS"] == tokens["pipe-sewage"]
    assert legend["HS"] == tokens["pipe-combined"]
    assert len({legend["YS"], legend["WS"], legend["HS"]}) == 3


def test_legend_names_the_symbol_on_the_map() -> None:
    entries = styles.legend_of(styles.style_of("camera", "night"))
    assert {entry["symbol"] for entry in entries} == {"camera"}
    assert len({entry["colour"] for entry in entries}) == 3


def test_legend_of_a_text_shows_its_colour() -> None:
    (entry,) = styles.legend_of(styles.style_of("place", "night"))
    assert (entry["kind"], entry["symbol"], entry["colour"]) == (
        "symbol",
        None,
        styles.theme_tokens("night")["place-ink"],
    )


@pytest.mark.parametrize("path", sorted((FOLDER / "layers").glob("*.json")), ids=lambda path: path.stem)
def test_every_icon_named_in_a_style_has_a_symbol(path) -> None:
    for layer in json.loads(path.read_text("utf-8")):
        icon = json.dumps(layer.get("layout", {}).get("icon-image", ""), ensure_ascii=False)
        words = {first or second for first, second in ICON.findall(icon)}
        words -= {
            "concat",
            "match",
            "get",
            "coalesce",
            "state",
            "subclass",
            "kind",
            "category",
            "online",
            "fault",
        }
        words -= {"misconnection"}
        assert words <= set(styles.symbols()), words - set(styles.symbols())


@pytest.mark.parametrize("theme", styles.THEMES)
@pytest.mark.parametrize(
    "path", sorted((FOLDER / "layers" / "variants").glob("*.json")), ids=lambda path: path.stem
)
def test_variants_resolve_and_say_what_they_show(path, theme: str) -> None:
    variants = styles.variants_of(path.stem, theme)
    assert len({variant["id"] for variant in variants}) == len(variants) > 0
    for variant in variants:
        assert "@" not in json.dumps(variant)
        assert variant["zh"]
        assert variant["en"]
        assert styles.legend_of(variant["layers"])


def test_legend_of_a_graduated_style_shows_the_step_of_each_value() -> None:
    tokens = styles.theme_tokens("day")
    (diameter, _) = styles.variants_of("pipe_segment", "day")
    colours = [entry["colour"] for entry in styles.legend_of(diameter["layers"])]
    assert colours == [tokens[name] for name in ("station-water", "good", "warn", "bad")]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(styles.UnknownStyleError, match="no style 'sewer'"):
        styles.style_of("sewer")
    with pytest.raises(styles.UnknownStyleError, match="no theme 'dusk'"):
        styles.theme_tokens("dusk")
