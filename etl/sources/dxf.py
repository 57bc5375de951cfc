"""DXF drawings: layers, blocks with their attributes, and texts joined to what they stand at.

Columns are ``layer``, ``handle``, ``linetype``, ``text``, ``block``, ``block_angle``, one for each tag of the
blocks' attributes, and ``label`` where the job states a ``label_distance``.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from etl.delivery import Delivery, Source, SourceError, SourceLayer, geometry_type
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions
from etl.sources.vector import VectorSource
from etl.text_encoding import shown, text_encoding, transcode

_NAMES = {
    "Layer": "layer",
    "EntityHandle": "handle",
    "Linetype": "linetype",
    "Text": "text",
    "BlockName": "block",
    "BlockAngle": "block_angle",
}


class DxfSource(Source):
    """A drawing in the ASCII form; its layers are the drawing's layers."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path, self.options = path, options
        _check(path)
        self._folder = tempfile.TemporaryDirectory(prefix="ioc-dxf-")
        self._copy = Path(self._folder.name, "drawing.dxf")
        try:
            # GDAL leaves the names of blocks and tags undecoded; in UTF-8 there is nothing left to decode.
            self.encoding = text_encoding(path, options.encoding)
            transcode(path, self.encoding, self._copy)
        except SourceError:
            self.close()
            raise

    def close(self) -> None:
        self._folder.cleanup()

    def layers(self) -> list[SourceLayer]:
        found = []
        for name in self._drawing.attributes["layer"].unique():
            part = self._part(name)
            filled = [column for column, count in part.attributes.count().items() if count]
            found.append(
                SourceLayer(
                    name,
                    len(part),
                    geometry_type(part.geometry),
                    {str(column): "number" if column == "block_angle" else "text" for column in filled},
                    shown(self.encoding),
                )
            )
        return found

    def chunks(self, layer: str | None, rows: int) -> Iterator[Delivery]:
        known = self._drawing.attributes["layer"].unique().tolist()
        for wanted in (layer, self.options.labels):
            if wanted is not None and wanted not in known:
                raise SourceError(f"{self.path} has no layer “{wanted}”; it has {', '.join(known)}.")
        part = self._part(layer)
        for at in range(0, len(part), rows):
            end = at + rows
            table = part.attributes.iloc[at:end].reset_index(drop=True)
            yield Delivery(self.path, table, part.source_row[at:end], part.geometry[at:end])

    @cached_property
    def _drawing(self) -> "_Drawing":
        options = {"INLINE_BLOCKS": "NO", "ENCODING": "UTF-8"}
        if self.options.closed_lines_as_areas:
            options["CLOSED_LINE_AS_POLYGON"] = "YES"
        with VectorSource(self.path, opened=self._copy, open_options=options) as source:
            delivery = next(source.chunks("entities", sys.maxsize), None)
        if delivery is None or delivery.geometry is None:
            raise SourceError(f"{self.path} draws nothing: deliver it again.")
        table = delivery.attributes
        named = pd.DataFrame(
            {name: table.get(column) for column, name in _NAMES.items()},
            index=table.index,
        )
        return _Drawing(_with_tags(named, table), delivery.source_row, delivery.geometry)

    def _part(self, layer: str | None) -> "_Drawing":
        drawing = self._drawing
        chosen = np.ones(len(drawing), dtype=bool)
        if layer is not None:
            chosen = (drawing.attributes["layer"] == layer).to_numpy(dtype=bool)
        if self.options.label_distance is None:
            return drawing.where(chosen)
        texts = drawing.is_text
        part = drawing.where(chosen & ~texts)
        if self.options.labels is not None:
            texts &= (drawing.attributes["layer"] == self.options.labels).to_numpy(dtype=bool)
        part.attributes["label"] = _labels(part, drawing.where(texts), self.options.label_distance)
        return part


class _Drawing:
    """Entities of a drawing: columns, their number in the file, geometries."""

    def __init__(self, attributes: pd.DataFrame, source_row: np.ndarray, geometry: np.ndarray) -> None:
        self.attributes, self.source_row, self.geometry = attributes, source_row, geometry

    def __len__(self) -> int:
        return len(self.source_row)

    @property
    def is_text(self) -> np.ndarray:
        return self.attributes["text"].notna().to_numpy() & (shapely.get_type_id(self.geometry) == 0)

    def where(self, chosen: np.ndarray) -> "_Drawing":
        kept = self.attributes.loc[chosen].reset_index(drop=True)
        return _Drawing(kept, self.source_row[chosen], self.geometry[chosen])


def _labels(part: _Drawing, texts: _Drawing, distance: float) -> pd.Series:
    """Each text goes to the geometry it lies in or nearest to; several are joined, the nearest first."""
    labels = pd.Series([None] * len(part), dtype="str")
    if not len(texts) or not len(part):
        return labels
    (text, thing), metres = shapely.STRtree(part.geometry).query_nearest(
        texts.geometry, max_distance=distance, all_matches=False, return_distance=True
    )
    order = np.argsort(metres, kind="stable")
    words = texts.attributes["text"].to_numpy()
    for place in order:
        said = labels.iat[thing[place]]
        word = str(words[text[place]]).strip()
        labels.iat[thing[place]] = word if pd.isna(said) else f"{said} {word}"
    return labels


def _with_tags(named: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """A column for each tag of the blocks' attributes."""
    if "BlockAttributes" not in table:
        return named
    columns: dict[str, list[str | None]] = {}
    for row, cell in enumerate(table["BlockAttributes"]):
        for word in json.loads(cell) if isinstance(cell, str) else ():
            tag, _, value = word.partition(" ")
            name = f"{tag}.1" if tag in named else tag
            columns.setdefault(name, [None] * len(table))[row] = value
    return pd.concat([named, pd.DataFrame(columns, dtype="str")], axis=1)


def _check(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(4_000)
    if not head:
        raise SourceError(f"{path} is empty: deliver it again.")
    if head.startswith(b"AutoCAD Binary DXF") or b"\0" in head:
        raise SourceError(f"{path} is a binary drawing: save it as DXF in the ASCII form.")
    if b"SECTION" not in head:
        raise SourceError(f"{path} is damaged or no DXF: deliver it again.")
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 64, 0))
        if b"EOF" not in file.read():
            raise SourceError(f"{path} is cut off, for it does not end in EOF: deliver it again.")


FORMAT = SourceFormat("dxf", (".dxf",), DxfSource)
