"""Drainage networks of EPA SWMM 5 models (.inp) as nodes, segments and subcatchments, in metres.

Sections and their columns after the SWMM 5.2 User's Manual (EPA/600/R-22/030), appendix D.2. Lengths and
heights of models in US units (flow units CFS, GPM, MGD) are converted; coordinates stay as they are, since
the model does not say in which frame or unit they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from etl.delivery import Delivery, Source, SourceError, SourceLayer, geometry_type
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions
from etl.text_encoding import shown, text_encoding

FOOT = 0.3048
ACRE, HECTARE = 4046.8564224, 10_000.0
"""Square metres. The acre is the international one; subcatchments are in acres or hectares."""

US_UNITS = frozenset({"CFS", "GPM", "MGD"})
METRIC_UNITS = frozenset({"CMS", "LPS", "MLD"})
NODES = {"JUNCTIONS": "junction", "OUTFALLS": "outfall", "DIVIDERS": "divider", "STORAGE": "storage"}
LINKS = {"CONDUITS": "conduit", "PUMPS": "pump", "ORIFICES": "orifice", "WEIRS": "weir", "OUTLETS": "outlet"}
_OFFSETS = {"CONDUITS": (5, 6), "ORIFICES": (4, None), "WEIRS": (4, None), "OUTLETS": (3, None)}
"""Places of the offsets at both ends, counted from the link's name."""


@dataclass(frozen=True)
class Line:
    """A line of a section: its number in the file and its words."""

    number: int
    words: list[str]


class SwmmSource(Source):
    """A model's text; layers are ``nodes``, ``segments`` and ``subcatchments``."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path = path
        self.encoding = text_encoding(path, options.encoding)
        self.sections = _sections(path, self.encoding)
        units = self._option("FLOW_UNITS", "CFS")
        if units not in US_UNITS | METRIC_UNITS:
            raise SourceError(f"{path}: FLOW_UNITS {units} is none of SWMM: correct it in [OPTIONS].")
        self.metres = FOOT if units in US_UNITS else 1.0
        self.square_metres = ACRE if units in US_UNITS else HECTARE

    def layers(self) -> list[SourceLayer]:
        found = []
        for name, delivery in self._tables.items():
            numbers = delivery.attributes.select_dtypes("number").columns
            fields = {
                column: "number" if column in numbers else "text" for column in delivery.attributes.columns
            }
            kind = None if delivery.geometry is None else geometry_type(delivery.geometry)
            found.append(SourceLayer(name, len(delivery), kind, fields, shown(self.encoding)))
        return found

    def chunks(self, layer: str | None, rows: int) -> Iterator[Delivery]:
        if layer is None:
            raise SourceError(f"{self.path} holds several layers: name one of {', '.join(self._tables)}.")
        if layer not in self._tables:
            raise SourceError(f"{self.path} has no layer “{layer}”; it has {', '.join(self._tables)}.")
        whole = self._tables[layer]
        for at in range(0, len(whole), rows):
            end = at + rows
            table = whole.attributes.iloc[at:end].reset_index(drop=True)
            shapes = None if whole.geometry is None else whole.geometry[at:end]
            yield Delivery(self.path, table, whole.source_row[at:end], shapes)

    def _option(self, name: str, default: str) -> str:
        for line in self.sections.get("OPTIONS", []):
            if len(line.words) > 1 and line.words[0].upper() == name:
                return line.words[1].upper()
        return default

    @cached_property
    def _tables(self) -> dict[str, Delivery]:
        return {
            "nodes": self._delivery(self._nodes),
            "segments": self._delivery(self._segments()),
            "subcatchments": self._delivery(self._subcatchments()),
        }

    def _delivery(self, rows: list[dict[str, object]]) -> Delivery:
        shapes = np.empty(len(rows), dtype=object)
        shapes[:] = [row["shape"] for row in rows]
        numbers = np.array([row["row"] for row in rows], dtype=np.int64)
        table = pd.DataFrame(
            [{key: value for key, value in row.items() if key not in ("row", "shape")} for row in rows]
        )
        return Delivery(self.path, table, numbers, shapes)

    @cached_property
    def _nodes(self) -> list[dict[str, object]]:
        places = {line.words[0]: line for line in self.sections.get("COORDINATES", [])}
        rows: list[dict[str, object]] = []
        for section, kind in NODES.items():
            for line in self.sections.get(section, []):
                invert = self._metres(line, 1)
                depth = self._metres(line, 2) if section in ("JUNCTIONS", "STORAGE") else None
                ground = invert + depth if invert is not None and depth else None
                place = places.get(line.words[0])
                rows.append(
                    {
                        "row": line.number,
                        "code": line.words[0],
                        "kind": kind,
                        "invert_m": invert,
                        "depth_m": depth,
                        "ground_m": ground,
                        "shape": None if place is None else shapely.Point(self._position(place)),
                    }
                )
        return rows

    def _segments(self) -> list[dict[str, object]]:
        nodes = {row["code"]: row for row in self._nodes}
        sections = {line.words[0]: line for line in self.sections.get("XSECTIONS", [])}
        bends = self._vertices("VERTICES")
        rows: list[dict[str, object]] = []
        for section, kind in LINKS.items():
            for line in self.sections.get(section, []):
                if len(line.words) < 3:
                    raise self._fault(line, "a link needs a name and two nodes")
                code, start, end = line.words[:3]
                path = self._path(nodes.get(start), bends.get(code, []), nodes.get(end))
                first, last = _OFFSETS.get(section, (None, None))
                rows.append(
                    {
                        "row": line.number,
                        "code": code,
                        "kind": kind,
                        "start_node": start,
                        "end_node": end,
                        "length_m": self._metres(line, 3) if section == "CONDUITS" else None,
                        "roughness": self._number(line, 4) if section == "CONDUITS" else None,
                        "start_invert_m": self._level(line, first, nodes.get(start)),
                        "end_invert_m": self._level(line, last, nodes.get(end)),
                        **self._cross_section(sections.get(code)),
                        "shape": path,
                    }
                )
        return rows

    def _cross_section(self, line: Line | None) -> dict[str, object]:
        """Form and size; the first size is the height, the diameter of a circle, the second the width."""
        if line is None or len(line.words) < 3:
            return {"form": None, "height_m": None, "width_m": None, "barrels": None}
        form = line.words[1].upper()
        sized = form not in ("IRREGULAR", "STREET")
        height = self._metres(line, 2) if sized else None
        width = self._metres(line, 3) if sized and len(line.words) > 3 else None
        round_one = form in ("CIRCULAR", "FORCE_MAIN", "FILLED_CIRCULAR")
        barrels = self._number(line, 6) if len(line.words) > 6 else None
        return {
            "form": form,
            "height_m": height,
            "width_m": height if round_one else width,
            "barrels": barrels or 1,
        }

    def _level(self, line: Line, place: int | None, node: dict[str, object] | None) -> float | None:
        """Invert level of a link's end: its node's plus the offset, or the offset where those are levels."""
        invert = None if node is None else node["invert_m"]
        if place is None or len(line.words) <= place or line.words[place] == "*":
            return invert if isinstance(invert, float) else None
        offset = self._metres(line, place)
        if self._option("LINK_OFFSETS", "DEPTH") == "ELEVATION" or offset is None:
            return offset
        return invert + offset if isinstance(invert, float) else None

    def _path(
        self,
        start: dict[str, object] | None,
        bends: list[tuple[float, float]],
        end: dict[str, object] | None,
    ) -> shapely.LineString | None:
        if start is None or end is None:
            return None
        first, last = start["shape"], end["shape"]
        if not isinstance(first, shapely.Point) or not isinstance(last, shapely.Point):
            return None
        return shapely.LineString([(first.x, first.y), *bends, (last.x, last.y)])

    def _subcatchments(self) -> list[dict[str, object]]:
        rings = self._vertices("POLYGONS")
        rows: list[dict[str, object]] = []
        for line in self.sections.get("SUBCATCHMENTS", []):
            area = self._number(line, 3)
            ring = rings.get(line.words[0], [])
            rows.append(
                {
                    "row": line.number,
                    "code": line.words[0],
                    "outlet": line.words[2] if len(line.words) > 2 else None,
                    "area_m2": None if area is None else area * self.square_metres,
                    "impervious_percent": self._number(line, 4),
                    "width_m": self._metres(line, 5),
                    "slope_percent": self._number(line, 6),
                    "shape": shapely.Polygon(ring) if len(ring) > 2 else None,
                }
            )
        return rows

    def _vertices(self, section: str) -> dict[str, list[tuple[float, float]]]:
        found: dict[str, list[tuple[float, float]]] = {}
        for line in self.sections.get(section, []):
            found.setdefault(line.words[0], []).append(self._position(line))
        return found

    def _position(self, line: Line) -> tuple[float, float]:
        x, y = self._number(line, 1), self._number(line, 2)
        if x is None or y is None:
            raise self._fault(line, "a position needs two numbers")
        return x, y

    def _metres(self, line: Line, place: int) -> float | None:
        number = self._number(line, place)
        return None if number is None else number * self.metres

    def _number(self, line: Line, place: int) -> float | None:
        if len(line.words) <= place or line.words[place] == "*":
            return None
        try:
            return float(line.words[place])
        except ValueError:
            raise self._fault(line, f"“{line.words[place]}” is no number") from None

    def _fault(self, line: Line, what: str) -> SourceError:
        return SourceError(f"{self.path}, line {line.number}: {what}: correct the model.")


def _sections(path: Path, encoding: str) -> dict[str, list[Line]]:
    """Lines that say something, by section; what follows a semicolon is a remark."""
    found: dict[str, list[Line]] = {}
    lines: list[Line] = []
    with path.open(encoding=encoding) as file:
        for number, text in enumerate(file, start=1):
            words = text.partition(";")[0].split()
            if words and words[0].startswith("["):
                lines = found.setdefault(words[0].strip("[]").upper(), [])
            elif words:
                lines.append(Line(number, words))
    if not set(NODES) & set(found):
        raise SourceError(f"{path} is no SWMM model, for it has no nodes: deliver it again.")
    return found


FORMAT = SourceFormat("swmm", (".inp",), SwmmSource)
