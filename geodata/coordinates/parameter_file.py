"""The TOML file in which a user states a local frame, or the parameters of an old datum.

[local_frame]                     # a city's own plane
name = "城市2000"
central_meridian = 114.3333333333 # degrees, or text such as "114°20′"
false_easting = 800000.0          # metres; also false_northing, scale, latitude_of_origin
[local_frame.similarity]          # optional, applied after the projection
east_shift = 0.0                  # metres; also north_shift, rotation (arc seconds), scale_ppm

[helmert]                         # seven parameters, old datum to CGCS2000
source = "EPSG:4214"
convention = "position_vector"    # or "coordinate_frame": must be stated
tx = 0.0                          # metres; ty, tz; rx, ry, rz (arc seconds); scale_ppm
reference = "who issued them"

[plane]                           # or four parameters between planes
source = "EPSG:2435"
target = "EPSG:4547"              # or "local" for the local frame of the same file
east_shift = 0.0                  # metres; north_shift, rotation (arc seconds), scale_ppm
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geodata.coordinates.datum_shift import DatumParameters, HelmertShift, PlaneShift
from geodata.coordinates.degrees import parse_angle
from geodata.coordinates.frame import Frame
from geodata.coordinates.local_frame import LocalFrame, PlaneSimilarity
from geodata.errors import UserError

_SIMILARITY = frozenset({"east_shift", "north_shift", "rotation", "scale_ppm"})
_HELMERT = ("tx", "ty", "tz", "rx", "ry", "rz", "scale_ppm")
_LOCAL_NUMBERS = frozenset({"false_easting", "false_northing", "scale", "latitude_of_origin"})


@dataclass(frozen=True)
class StatedParameters:
    """What a parameter file holds: a local frame, datum parameters, or both."""

    local_frame: LocalFrame | None = None
    datum: DatumParameters | None = None

    def frame(self, text: str) -> Frame:
        """The frame a name means, the file's local frame ('local' or its own name) included."""
        if self.local_frame and text.strip().lower() in ("local", self.local_frame.name.lower()):
            return Frame.of_local(self.local_frame)
        return Frame.parse(text)


def load_parameters(path: Path) -> StatedParameters:
    """Read a parameter file; UserError names the file and what is wrong with it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"Parameter file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"Parameter file {path} is not in UTF-8: save it so.") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"Parameter file {path} is not valid TOML: {error}.") from error
    try:
        return _parameters(content)
    except UserError as error:
        raise UserError(f"Parameter file {path}: {error}") from error


def _parameters(content: dict[str, Any]) -> StatedParameters:
    _only(content, frozenset({"local_frame", "helmert", "plane"}), "the file")
    if not content:
        raise UserError("it states nothing: give a [local_frame], [helmert] or [plane] table.")
    if "helmert" in content and "plane" in content:
        raise UserError("it states both [helmert] and [plane]: keep the one to be used.")
    local = _local_frame(_table(content, "local_frame")) if "local_frame" in content else None
    datum: DatumParameters | None = None
    if "helmert" in content:
        datum = _helmert(_table(content, "helmert"))
    elif "plane" in content:
        datum = _plane(_table(content, "plane"), StatedParameters(local))
    return StatedParameters(local, datum)


def _local_frame(table: dict[str, Any]) -> LocalFrame:
    _only(table, _LOCAL_NUMBERS | {"name", "central_meridian", "similarity"}, "[local_frame]")
    meridian = table.get("central_meridian")
    if meridian is None:
        raise UserError("[local_frame] lacks central_meridian: give it in degrees.")
    if isinstance(meridian, str):
        meridian = parse_angle(meridian, "lon").degrees
    else:
        meridian = _number(table, "central_meridian")
    similarity = _table(table, "similarity") if "similarity" in table else {}
    _only(similarity, _SIMILARITY, "[local_frame.similarity]")
    return LocalFrame(
        name=str(table.get("name", "local")),
        central_meridian=meridian,
        similarity=_similarity(similarity),
        **{name: _number(table, name) for name in _LOCAL_NUMBERS & table.keys()},
    )


def _helmert(table: dict[str, Any]) -> HelmertShift:
    _only(table, frozenset({"source", "convention", "reference", *_HELMERT}), "[helmert]")
    for name in ("source", "convention", "tx", "ty", "tz"):
        if name not in table:
            raise UserError(f"[helmert] lacks {name}: state it as the source of the parameters gives it.")
    return HelmertShift(
        source=Frame.parse(str(table["source"])),
        convention=table["convention"],
        reference=str(table.get("reference", "")),
        **{name: _number(table, name) for name in _HELMERT if name in table},
    )


def _plane(table: dict[str, Any], stated: StatedParameters) -> PlaneShift:
    _only(table, _SIMILARITY | {"source", "target", "reference"}, "[plane]")
    for name in ("source", "target", "east_shift", "north_shift"):
        if name not in table:
            raise UserError(f"[plane] lacks {name}: state it as the source of the parameters gives it.")
    return PlaneShift(
        source=Frame.parse(str(table["source"])),
        target=stated.frame(str(table["target"])),
        similarity=_similarity(table),
        reference=str(table.get("reference", "")),
    )


def _similarity(table: dict[str, Any]) -> PlaneSimilarity:
    return PlaneSimilarity(**{name: _number(table, name) for name in _SIMILARITY & table.keys()})


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    table = content[name]
    if not isinstance(table, dict):
        raise UserError(f"{name} must be a table: write [{name}].")
    return table


def _number(table: dict[str, Any], name: str) -> float:
    value = table[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{name} = {value!r} is not a number.")
    return float(value)


def _only(table: dict[str, Any], known: frozenset[str], where: str) -> None:
    if unknown := sorted(table.keys() - known):
        raise UserError(f"{where} has an unknown entry '{unknown[0]}': known are {', '.join(sorted(known))}.")
