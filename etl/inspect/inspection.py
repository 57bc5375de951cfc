"""What a file holds: encoding, frame, fields, target, what speaks for each, and a job that would load it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from psycopg import Connection

from etl.inspect.content import Content, content_of
from etl.inspect.coordinate_columns import CoordinateColumns, coordinates, find_columns
from etl.inspect.fields import FieldMatch, match_as_told
from etl.inspect.frame import FrameFinding, extent, find_frame, frame_as_told, representative
from etl.inspect.hypotheses import Statement, statement_of_crs, statement_of_words
from etl.inspect.knowledge import Knowledge
from etl.inspect.proposal import proposed_job
from etl.inspect.reading import RawLayer, raw_layers
from etl.inspect.target import TargetFinding, find_target
from etl.inspect.written_places import note_on_columns
from geodata.coordinates import CGCS2000, convert

_KINDS = {"Point": "point", "LineString": "line", "LinearRing": "line", "Polygon": "polygon"}
_DRAWN = 2_000
_DRAWN_LINES = 300
_FINENESS = 1e-4
"""Degrees, some ten metres, that nobody sees on a small map."""


@dataclass(frozen=True)
class Told:
    """What a person knows better of a layer: its target, its frame, which column each of its fields fills."""

    layer: str
    target: str
    crs: str | None
    fields: Mapping[str, str | None]


@dataclass
class LayerInspection:
    """One layer understood; ``job`` is the text of the proposed job file."""

    raw: RawLayer
    frame: FrameFinding
    target: TargetFinding
    columns: CoordinateColumns | None
    geometry_types: dict[str, int]
    job: str

    def to_json(self) -> dict[str, Any]:
        """The finding with the keys ``ioc etl inspect --json`` prints."""
        frame, target, raw = self.frame, self.target, self.raw
        return {
            "layer": raw.name,
            "file": raw.file,
            "encoding": raw.encoding.name,
            "encoding_confidence": raw.encoding.confidence,
            "encoding_runner_up": raw.encoding.runner_up,
            "encoding_evidence": {"zh": raw.encoding.reason_zh, "en": raw.encoding.reason_en},
            "bom": raw.encoding.bom,
            "crs": frame.crs,
            "crs_confidence": frame.confidence,
            "crs_runner_up": frame.runner_up,
            "crs_runner_up_confidence": frame.runner_up_confidence,
            "crs_stated": frame.stated,
            "crs_choose": frame.choose,
            "crs_needs_parameters": frame.needs_parameters,
            "crs_evidence": [{"zh": zh, "en": en} for zh, en in frame.evidence],
            "packed_angles": frame.packed,
            "swapped_axes": frame.swapped,
            "rows": raw.rows,
            "geometry_types": self.geometry_types,
            "extent": extent(frame.lon, frame.lat),
            "target": target.target,
            "target_score": target.score,
            "target_kind": target.kind,
            "target_runner_up": target.runner_up,
            "target_runner_up_score": target.runner_up_score,
            "fields": [_field_json(match, self.columns) for match in target.fields],
            "titles": list(raw.titles),
            "header_row": raw.source.get("header_row", 1),
            "notes": [{"zh": zh, "en": en} for zh, en in raw.notes],
            "job": self.job,
        }


@dataclass
class Inspection:
    """All layers of a file."""

    path: Path
    layers: list[LayerInspection]

    def to_json(self) -> list[dict[str, Any]]:
        """One object per layer."""
        return [layer.to_json() for layer in self.layers]


def inspect_file(
    path: Path,
    store: Connection[Any] | Knowledge | None,
    home: str = "EPSG:4547",
    wanted: str | None = None,
    told: Told | None = None,
) -> Inspection:
    """Understand a file.

    Args:
        store: a connection with the rights of who asks, or what one has read already; None looks at the file
            alone.
        home: the district's projected frame.
        wanted: the target, where the steward knows it.
        told: what a person corrected in one of the layers.

    Raises:
        SourceError: of no format known, damaged, or missing.
        UserError: the frame that was told is none.
    """
    knowledge = store if isinstance(store, Knowledge) or store is None else Knowledge(store)
    if knowledge is not None and knowledge.district is None:
        knowledge = None
    layers = []
    for raw in raw_layers(path):
        own = told if told is not None and told.layer == raw.name else None
        layers.append(_layer(raw, knowledge, home, own.target if own else wanted, own))
    return Inspection(path, layers)


def _layer(
    raw: RawLayer, knowledge: Knowledge | None, home: str, wanted: str | None, told: Told | None
) -> LayerInspection:
    contents = {str(name): content_of(pd.Series(raw.attributes[name])) for name in raw.attributes.columns}
    shapes, columns = raw.geometry, None
    if shapes is None or bool(shapely.is_missing(shapes).all()):
        columns = find_columns(contents)
    if columns is not None:
        x, y, shapes = coordinates(raw.attributes, columns)
    elif shapes is not None:
        x, y = representative(shapes)
    else:
        x = y = np.full(len(raw.attributes), np.nan)
    types = geometry_types(shapes, x)
    frame = find_frame(x, y, raw.attributes, _stated(raw, columns), knowledge, home, shapes)
    if told is not None and told.crs:
        frame = frame_as_told(frame, x, y, told.crs)
    if columns is None and (note := note_on_columns(raw.attributes, contents, x, y, frame)):
        raw.notes.append(note)
    target = find_target(
        _without_places(contents, columns),
        _kind(types),
        " ".join((raw.file, *raw.words)),
        raw.cut_names,
        wanted,
    )
    if told is not None:
        target.fields[:] = [
            match_as_told(match, target.target, told.fields[match.source])
            if match.source in told.fields
            else match
            for match in target.fields
        ]
    _add_places(target, contents, columns)
    job = proposed_job(raw, frame, target, columns, _kind(types))
    return LayerInspection(raw, frame, target, columns, types, job)


def _stated(raw: RawLayer, columns: CoordinateColumns | None) -> Statement | None:
    """What the file states; column names, titles and its own name count where it states nothing itself."""
    said = statement_of_words(columns.words if columns else "", *raw.words)
    if raw.crs is not None:
        stated = statement_of_crs(raw.crs)
        if stated is not None and said is not None and said.frame in ("GCJ-02", "BD-09"):
            return said
        return stated or said
    if said is not None:
        return said
    if raw.implied:
        return Statement(raw.implied, "format", raw.implied, 0.75)
    return None


def geometry_types(shapes: np.ndarray | None, x: np.ndarray) -> dict[str, int]:
    """How many shapes of each type; bare coordinates are points."""
    if shapes is None:
        count = int(np.isfinite(x).sum())
        return {"Point": count} if count else {}
    ids, counts = np.unique(shapely.get_type_id(shapes), return_counts=True)
    names = {member.value: member.name for member in shapely.GeometryType if member.value >= 0}
    spelled = {
        "LINESTRING": "LineString",
        "LINEARRING": "LinearRing",
        "GEOMETRYCOLLECTION": "GeometryCollection",
    }
    spelled |= {
        "MULTILINESTRING": "MultiLineString",
        "MULTIPOINT": "MultiPoint",
        "MULTIPOLYGON": "MultiPolygon",
    }
    return {
        spelled.get(names[int(one)], names[int(one)].title()): int(count)
        for one, count in zip(ids, counts, strict=True)
        if one >= 0
    }


def _kind(types: dict[str, int]) -> str:
    if not types:
        return "none"
    return _KINDS.get(max(types, key=lambda name: types[name]).removeprefix("Multi"), "none")


def _without_places(contents: dict[str, Content], columns: CoordinateColumns | None) -> dict[str, Content]:
    taken = set(columns.names) if columns else set()
    for pair in columns.others if columns else ():
        taken |= set(pair)
    return {name: content for name, content in contents.items() if name not in taken}


def _add_places(
    target: TargetFinding, contents: dict[str, Content], columns: CoordinateColumns | None
) -> None:
    """Coordinate columns among the matches, in the file's order."""
    if columns is None:
        return
    roles = {columns.x: "x", columns.y: "y", columns.xy: "xy", columns.wkt: "wkt"}
    known = {match.source: match for match in target.fields}
    target.fields[:] = [
        known.get(name) or FieldMatch(name, content, roles.get(name), 1.0 if name in roles else 0.0)
        for name, content in contents.items()
    ]


def _field_json(match: FieldMatch, columns: CoordinateColumns | None) -> dict[str, Any]:
    place = columns is not None and match.source in columns.names
    return {
        "source": match.source,
        "target": match.target,
        "score": match.score,
        "runner_up": match.runner_up,
        "runner_up_score": match.runner_up_score,
        "type": match.content.type,
        "content": match.content.kinds,
        "null_share": match.content.null_share,
        "examples": match.content.examples,
        "unit": match.unit,
        "factor": match.factor,
        "coordinate": place,
    }


def drawn_lines(layer: LayerInspection) -> list[list[tuple[float, float]]]:
    """Lines and outlines of at most 300 sampled rows in degrees of CGCS2000, simplified for a small map."""
    frame, shapes = layer.frame, layer.raw.geometry
    if layer.columns is not None and layer.columns.wkt:
        shapes = coordinates(layer.raw.attributes, layer.columns)[2]
    if shapes is None or frame.crs is None or frame.needs_parameters:
        return []
    parts = shapely.get_parts(shapes[shapely.get_dimensions(shapes) >= 1])
    polygons = shapely.get_dimensions(parts) == 2
    parts[polygons] = shapely.get_exterior_ring(parts[polygons])
    parts = parts[np.linspace(0, len(parts) - 1, min(len(parts), _DRAWN_LINES)).astype(np.intp)]
    crs = frame.crs

    def degrees(points: np.ndarray) -> np.ndarray:
        x, y = points.T[::-1] if frame.swapped else points.T
        return np.column_stack(convert(x, y, crs, CGCS2000))

    placed = shapely.simplify(shapely.transform(parts, degrees), _FINENESS)
    lines = (shapely.get_coordinates(one) for one in np.atleast_1d(placed))
    return [
        [(round(float(x), 6), round(float(y), 6)) for x, y in line]
        for line in lines
        if len(line) > 1 and np.isfinite(line).all()
    ]


def drawn_places(layer: LayerInspection) -> list[tuple[float, float]]:
    """Places of at most 2,000 sampled rows in degrees of CGCS2000, for a small map."""
    if layer.frame.lon is None or layer.frame.lat is None:
        return []
    pairs = np.column_stack([layer.frame.lon, layer.frame.lat])
    pairs = pairs[np.isfinite(pairs).all(axis=1)][:_DRAWN]
    return [(round(float(lon), 6), round(float(lat), 6)) for lon, lat in pairs]
