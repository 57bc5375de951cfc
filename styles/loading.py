"""Reads the style documents and resolves their colour tokens for a theme.

A style is a list of MapLibre style layers without ``source``; a string ``"@name"`` (or ``name`` after an
``@`` inside a longer string, as in ``"camera:@accent"``) stands for a token of the theme. What a legend shows
is read from the same layers, so that map and legend cannot drift apart.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

THEMES = ("night", "day", "print")
FOLDER = Path(__file__).parent
TOKEN = re.compile(r"@([a-z][a-z-]*[a-z])")
COLOUR_PROPERTIES = ("circle-color", "line-color", "fill-color", "text-color", "heatmap-color")

StyleLayer = dict[str, Any]


class UnknownStyleError(LookupError):
    """A style, theme or colour token that no file of this package defines."""


def style_of(name: str, theme: str = "night") -> list[StyleLayer]:
    """MapLibre layers of a layer style in a theme; the names of base map layers are styles too."""
    own = [layer for layer in _document("base_map.json") if layer.get("source-layer") == name]
    if own:
        return _resolve(own, theme_tokens(theme))
    if name not in style_names():
        raise UnknownStyleError(f"no style {name!r}; styles/layers has {', '.join(style_names())}")
    return _resolve(_document(f"layers/{name}.json"), theme_tokens(theme))


def variants_of(name: str, theme: str = "night") -> list[dict[str, Any]]:
    """Other ways to draw a layer style (id, zh, en, layers): graduated, as heat map, with labels."""
    path = f"layers/variants/{name}.json"
    if not (FOLDER / path).is_file():
        return []
    return _resolve(_document(path), theme_tokens(theme))


def base_map(theme: str = "night") -> list[StyleLayer]:
    """MapLibre layers of the whole base map in drawing order, each naming its ``source-layer``."""
    return _resolve(_document("base_map.json"), theme_tokens(theme))


@cache
def style_names() -> tuple[str, ...]:
    """Names of the styles in ``styles/layers``."""
    return tuple(sorted(path.stem for path in (FOLDER / "layers").glob("*.json")))


def theme_tokens(theme: str) -> dict[str, Any]:
    """Colours and fonts of a theme by token; the page uses them as CSS custom properties."""
    if theme not in THEMES:
        raise UnknownStyleError(f"no theme {theme!r}; themes are {', '.join(THEMES)}")
    return {**_document("themes/common.json"), **_document(f"themes/{theme}.json")}


@cache
def symbols() -> dict[str, str]:
    """SVG text of every symbol by name; ``currentColor`` is the colour after the colon of an icon image."""
    return {path.stem: path.read_text("utf-8").strip() for path in sorted((FOLDER / "symbols").glob("*.svg"))}


def legend_of(style: list[StyleLayer]) -> list[dict[str, Any]]:
    """Legend entries of a style, read from what it paints; ``values`` are the classes an entry stands for."""
    entries = []
    for layer in style:
        for entry in layer.get("metadata", {}).get("legend", ()):
            entries.append(_legend_entry(layer, entry, style))
    return entries


def _legend_entry(layer: StyleLayer, entry: dict[str, Any], style: list[StyleLayer]) -> dict[str, Any]:
    value = entry.get("value")
    painted = {**layer.get("layout", {}), **layer.get("paint", {})}
    colour = next((_outcome(painted[name], value) for name in COLOUR_PROPERTIES if name in painted), None)
    outline = painted.get("circle-stroke-color", painted.get("fill-outline-color"))
    symbol = ""
    if "icon-image" in painted:
        symbol, _, colour = _outcome(painted["icon-image"], value).partition(":")
    elif layer["type"] == "circle":
        symbol = _symbol_over(style, value)
    return {
        "zh": entry["zh"],
        "en": entry["en"],
        "value": value,
        "values": _values_painted_alike(painted, value),
        "kind": "circle" if layer["type"] == "heatmap" else layer["type"],
        "counted": entry.get("counted", True),
        "colour": colour,
        "outline": _outcome(outline, value) if outline else None,
        "opacity": _opacity(painted),
        "dashed": "line-dasharray" in painted,
        "symbol": symbol or None,
    }


def _values_painted_alike(painted: dict[str, Any], value: str | None) -> list[str] | None:
    """Classes that are painted as this one; None where it stands for all that the style does not name."""
    for name in (*COLOUR_PROPERTIES, "icon-image"):
        expression = painted.get(name)
        while isinstance(expression, list) and expression[0] == "concat":
            expression = next((part for part in expression if isinstance(part, list)), None)
        if isinstance(expression, list) and expression[0] == "match":
            for labels in expression[2:-1:2]:
                listed = labels if isinstance(labels, list) else [labels]
                if value in listed:
                    return listed
            return None
    return None


def _symbol_over(style: list[StyleLayer], value: str | None) -> str:
    """Name of the symbol that the style draws on top of a point of this class, if it tells classes apart."""
    for layer in style:
        icon = layer.get("layout", {}).get("icon-image")
        if icon and "type_code" not in json.dumps(icon):
            return _outcome(icon, value).partition(":")[0]
    return ""


def _opacity(painted: dict[str, Any]) -> float:
    opacity = painted.get("fill-opacity", 1)
    return opacity if isinstance(opacity, int | float) else 1


def _outcome(expression: Any, value: str | None) -> str:
    """What a match, concat, step or interpolate gives for a class; plain strings are themselves."""
    if not isinstance(expression, list):
        return str(expression)
    operator, *arguments = expression
    if operator == "step" and value and value.isdigit():
        _, outcome, *stops = arguments
        for stop, above in zip(stops[::2], stops[1::2], strict=True):
            outcome = above if int(value) >= stop else outcome
        return _outcome(outcome, value)
    if operator == "concat":
        return "".join(_outcome(argument, value) for argument in arguments)
    if operator == "match":
        _, *branches, fallback = arguments
        for labels, outcome in zip(branches[::2], branches[1::2], strict=True):
            if value in (labels if isinstance(labels, list) else [labels]):
                return _outcome(outcome, value)
        return _outcome(fallback, value)
    return _outcome(arguments[-1], value)


@cache
def _document(path: str) -> Any:
    return json.loads((FOLDER / path).read_text("utf-8"))


def _resolve(node: Any, tokens: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        return {key: _resolve(value, tokens) for key, value in node.items()}
    if isinstance(node, list):
        return [_resolve(value, tokens) for value in node]
    if not isinstance(node, str) or "@" not in node:
        return node
    try:
        if node.startswith("@"):
            return tokens[node[1:]]
        return TOKEN.sub(lambda found: tokens[found[1]], node)
    except KeyError as missing:
        raise UnknownStyleError(f"no colour token {missing} in the themes, used in {node!r}") from missing
