"""Base maps of other services (XYZ, WMTS, WMS), declared in TOML files and fetched by the server.

A template names ``{z}``, ``{x}``, ``{y}`` (from the north) or ``{bbox}`` (metres of EPSG:3857, for WMS), and
``{key}`` where the service wants one; the key never leaves the server.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any
from urllib.parse import quote, urlsplit

from geodata.errors import UserError
from layers.layer import Title
from layers.tile_sql import TileAddress

PACKAGED = Path(__file__).parent / "basemaps"
BASEMAP_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
KEYS = {"title", "url", "key", "min_zoom", "max_zoom", "tile_size", "attribution"}
PLACES = {"z", "x", "y", "bbox", "key"}
NOBODY = Title("", "")


class BasemapFileError(UserError):
    """A base map's file does not say what it must."""


@dataclass(frozen=True)
class Basemap:
    """One service of map pictures. ``template`` is the address of a tile, its key filled in already."""

    id: str
    title: Title
    template: str
    min_zoom: int = 0
    max_zoom: int = 18
    tile_size: int = 256
    attribution: Title = NOBODY

    def address(self, z: int, x: int, y: int) -> str:
        """Where the service keeps a tile."""
        west, south, east, north = TileAddress(z, x, y).bounds()
        return self.template.format(z=z, x=x, y=y, bbox=f"{west},{south},{east},{north}")


def read_basemaps(folders: list[Path], keys: Mapping[str, str | None]) -> dict[str, Basemap]:
    """The base maps of all files of the folders, by file name; those without their key are left out.

    Raises:
        BasemapFileError: a file is no TOML, or a key of it is missing, unknown or wrong.
    """
    found = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.toml"))):
        basemap = _read(path, keys)
        if basemap is not None:
            found[basemap.id] = basemap
    return found


def _read(path: Path, keys: Mapping[str, str | None]) -> Basemap | None:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BasemapFileError(f"{path} is not a TOML file in UTF-8: {error}.") from error
    if not BASEMAP_ID.fullmatch(path.stem):
        raise BasemapFileError(f"{path}: name the file in lower-case letters, digits and underscores.")
    for name in set(content) - KEYS:
        raise BasemapFileError(
            f"{path}: the key “{name}” is not known; the keys are {', '.join(sorted(KEYS))}."
        )
    name = content.get("key")
    if name is not None and name not in keys:
        raise BasemapFileError(f"{path}: the key “key” must be one of {', '.join(keys)}.")
    key = keys[name] if name is not None else ""
    if key is None:
        return None
    low, high = _whole(path, content, "min_zoom", 0), _whole(path, content, "max_zoom", 18)
    if not 0 <= low <= high <= 22:
        raise BasemapFileError(f"{path}: min_zoom and max_zoom must lie in order between 0 and 22.")
    return Basemap(
        path.stem,
        _title(path, content, "title"),
        _template(path, content).replace("{key}", quote(key, safe="").replace("{", "").replace("}", "")),
        low,
        high,
        _whole(path, content, "tile_size", 256),
        _title(path, content, "attribution") if "attribution" in content else NOBODY,
    )


def _whole(path: Path, content: dict[str, Any], name: str, default: int) -> int:
    value = content.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BasemapFileError(f"{path}: the key “{name}” must be a whole number, not {value!r}.")
    return value


def _title(path: Path, content: dict[str, Any], name: str) -> Title:
    words = content.get(name)
    if not isinstance(words, dict) or not all(isinstance(words.get(one), str) for one in ("zh", "en")):
        raise BasemapFileError(f'{path}: the key “{name}” must be {{ zh = "…", en = "…" }}.')
    return Title(words["zh"], words["en"])


def _template(path: Path, content: dict[str, Any]) -> str:
    url = content.get("url")
    if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
        raise BasemapFileError(
            f"{path}: the key “url” must be an address that begins with http:// or https://."
        )
    try:
        places = {place for _, place, _, _ in Formatter().parse(url) if place is not None}
    except ValueError as error:
        raise BasemapFileError(f"{path}: the braces of the key “url” do not match: {error}.") from error
    if places - PLACES or not (places >= {"z", "x", "y"} or "bbox" in places):
        raise BasemapFileError(f"{path}: the key “url” must hold {{z}}, {{x}} and {{y}}, or {{bbox}}.")
    return url
