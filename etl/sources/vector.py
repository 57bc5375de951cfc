"""GeoPackage, Shapefile, GeoJSON and whatever else GDAL knows, read through Arrow."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from pyproj.exceptions import CRSError

from etl.arrow_chunks import tables_of
from etl.delivery import Delivery, Source, SourceError, SourceLayer, joined
from etl.source_format import SourceFormat, open_source
from etl.source_options import SourceOptions

_BATCH = 65_536


class VectorSource(Source):
    """A file or folder that GDAL opens; ``opened`` is what GDAL gets where that is not the file itself."""

    def __init__(
        self,
        path: Path,
        encoding: str | None = None,
        opened: Path | None = None,
        open_options: dict[str, Any] | None = None,
    ) -> None:
        self.path = path
        self.encoding = encoding
        self.opened = opened or path
        self.open_options = open_options or {}

    def layers(self) -> list[SourceLayer]:
        return [self._layer(name) for name in self._names()]

    def chunks(self, layer: str | None, rows: int) -> Iterator[Delivery]:
        chosen = self._choose(layer)
        begin = 1
        with (
            one_sentence(self.path),
            pyogrio.open_arrow(
                self.opened,
                layer=chosen,
                encoding=self.encoding,
                batch_size=min(rows, _BATCH),
                use_pyarrow=True,
                **self.open_options,
            ) as (meta, reader),
        ):
            for table in tables_of(reader, rows):
                yield _delivery(self.path, meta, table, begin)
                begin += len(table)

    def _names(self) -> list[str]:
        with one_sentence(self.path):
            return [str(name) for name in pyogrio.list_layers(self.opened)[:, 0]]

    def _choose(self, layer: str | None) -> str:
        names = self._names()
        if not names:
            raise SourceError(f"{self.path} holds no layer: deliver it again.")
        if layer is None:
            return names[0]
        if layer not in names:
            raise SourceError(f"{self.path} has no layer “{layer}”; it has {', '.join(names)}.")
        return layer

    def _layer(self, name: str) -> SourceLayer:
        with one_sentence(self.path):
            info = pyogrio.read_info(
                self.opened,
                layer=name,
                encoding=self.encoding,
                force_feature_count=True,
                **self.open_options,
            )
        return SourceLayer(
            name,
            info["features"],
            info["geometry_type"],
            fields_of(info),
            self.encoding or info["encoding"],
            _crs(info["crs"]),
        )


def read_vector(
    path: Path, layer: str | None, encoding: str | None
) -> tuple[pd.DataFrame, np.ndarray, CRS | None]:
    """All attributes, 2-D geometries (None where a row has none) and the frame the file states.

    Raises:
        SourceError: damaged, parts missing, or no such layer.
    """
    source = open_source(path, SourceOptions(path=path.name, encoding=encoding))
    parts = list(source.chunks(layer, _BATCH))
    if not parts:
        return pd.DataFrame(), np.array([], dtype=object), None
    delivery = joined(parts)
    shapes = delivery.geometry
    if shapes is None:
        shapes = np.full(len(delivery), None, dtype=object)
    return delivery.attributes, shapes, delivery.crs


@contextmanager
def one_sentence(path: Path) -> Iterator[None]:
    """What GDAL says of a file, for the person who has the file."""
    try:
        with warnings.catch_warnings():
            # GDAL warns where it renumbers features; here rows are told apart by the job's key.
            warnings.simplefilter("ignore", RuntimeWarning)
            yield
    except DataSourceError as error:
        raise SourceError(
            f"{path} is damaged or in no format this program reads (GeoPackage, Shapefile, GeoJSON and "
            "others that GDAL knows): deliver it again."
        ) from error
    except UnboundLocalError as error:
        # What pyogrio says where GDAL cannot spell out the frame.
        raise SourceError(
            f"{path} states a frame that cannot be read: replace its .prj or deliver it again."
        ) from error
    except (
        DataLayerError,
        pa.ArrowException,
        OSError,
        UnicodeDecodeError,
        shapely.errors.GEOSException,
    ) as error:
        raise SourceError(f"{path} cannot be read ({first_line(error)}): deliver it again.") from error


def _delivery(path: Path, meta: dict[str, Any], table: pa.Table, begin: int) -> Delivery:
    rows = np.arange(begin, begin + len(table))
    column = meta["geometry_name"] or "wkb_geometry"
    if column not in table.column_names:
        return Delivery(path, _frame(table), rows)
    shapes = shapely.from_wkb(table.column(column).to_numpy(zero_copy_only=False), on_invalid="fix")
    if shapely.has_z(shapes).any():
        shapes = shapely.force_2d(shapes)
    return Delivery(path, _frame(table.drop_columns([column])), rows, shapes, _crs(meta["crs"]))


def _frame(table: pa.Table) -> pd.DataFrame:
    """Whole numbers stay whole beside empty cells: a code of 17 digits would lose its last ones."""
    whole = {pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype()}
    whole[pa.int64()] = pd.Int64Dtype()
    for place, column in enumerate(table.schema):
        if pa.types.is_nested(column.type):
            texts = [
                None if cell is None else json.dumps(cell, ensure_ascii=False, default=str)
                for cell in table.column(place).to_pylist()
            ]
            table = table.set_column(place, column.name, pa.array(texts, pa.large_string()))
    return table.to_pandas(date_as_object=False, types_mapper=whole.get)


def fields_of(info: dict[str, Any]) -> dict[str, str]:
    """Columns and their types, as ``SourceLayer`` names them, of what pyogrio tells of a layer."""
    return dict(zip(info["fields"].tolist(), map(_kind, info["dtypes"].tolist()), strict=True))


def _kind(dtype: str) -> str:
    if dtype.startswith(("int", "uint")):
        return "integer"
    if dtype.startswith("float"):
        return "number"
    if dtype.startswith("datetime64[D]"):
        return "date"
    if dtype.startswith("datetime"):
        return "datetime"
    return {"bool": "boolean", "object_bytes": "binary"}.get(dtype, "text")


def check_magic(path: Path, *begins: bytes) -> None:
    """A file whose content is not what its ending says is not handed to GDAL, which would open anything.

    Raises:
        SourceError: it is empty or begins otherwise.
    """
    with path.open("rb") as file:
        head = file.read(max(map(len, begins)))
    if not head:
        raise SourceError(f"{path} is empty: deliver it again.")
    if not head.startswith(begins):
        raise SourceError(f"{path} is damaged or no {path.suffix} file: deliver it again.")


def _crs(text: str | None) -> CRS | None:
    """None where nothing is stated, or only that the axes are some plane's."""
    if not text:
        return None
    try:
        crs = CRS.from_user_input(text)
    except CRSError:
        return None
    return None if crs.is_engineering else crs


def first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")[:200] if str(error) else type(error).__name__


def _open(path: Path, options: SourceOptions) -> Source:
    magic = next((magic for ending, magic in _MAGIC.items() if path.name.lower().endswith(ending)), None)
    if magic is not None:
        check_magic(path, magic)
    elif not path.is_dir():
        raise SourceError(f"{path} is no folder: a file geodatabase is a folder that ends in .gdb.")
    return VectorSource(path, options.encoding)


_MAGIC = {".gpkg": b"SQLite format 3\0", ".fgb": b"fgb\x03"}

FORMAT = SourceFormat("vector", (*_MAGIC, ".gdb"), _open)
