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
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions

_BATCH = 65_536
_SHAPEFILE_PARTS = (".shx", ".dbf", ".prj", ".cpg", ".SHX", ".DBF", ".PRJ", ".CPG")
_GBK_DRIVERS = frozenset({0x4D, 0x7A})
_SAMPLED_RECORDS = 5_000


def sidecars(path: Path) -> tuple[Path, ...]:
    """The other files of a shapefile; empty for other formats."""
    if path.suffix.lower() != ".shp":
        return ()
    return tuple(part for ending in _SHAPEFILE_PARTS if (part := path.with_suffix(ending)).is_file())


class VectorSource(Source):
    """A file or folder that GDAL opens."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        _check_parts(path)
        self.path = path
        self.encoding = options.encoding
        if self.encoding is None and path.suffix.lower() == ".shp":
            self.encoding = shapefile_encoding(path)

    def layers(self) -> list[SourceLayer]:
        return [self._layer(name) for name in self._names()]

    def chunks(self, layer: str | None, rows: int) -> Iterator[Delivery]:
        chosen = self._choose(layer)
        begin = 1
        with (
            _one_sentence(self.path),
            pyogrio.open_arrow(
                self.path,
                layer=chosen,
                encoding=self.encoding,
                batch_size=min(rows, _BATCH),
                use_pyarrow=True,
            ) as (meta, reader),
        ):
            for table in tables_of(reader, rows):
                yield _delivery(self.path, meta, table, begin)
                begin += len(table)

    def _names(self) -> list[str]:
        with _one_sentence(self.path):
            return [str(name) for name in pyogrio.list_layers(self.path)[:, 0]]

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
        with _one_sentence(self.path):
            info = pyogrio.read_info(self.path, layer=name, encoding=self.encoding, force_feature_count=True)
        return SourceLayer(
            name,
            info["features"],
            info["geometry_type"],
            dict(zip(info["fields"].tolist(), map(_kind, info["dtypes"].tolist()), strict=True)),
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
    source = VectorSource(path, SourceOptions(path=path.name, encoding=encoding))
    parts = list(source.chunks(layer, _BATCH))
    if not parts:
        return pd.DataFrame(), np.array([], dtype=object), None
    delivery = joined(parts)
    shapes = delivery.geometry
    if shapes is None:
        shapes = np.full(len(delivery), None, dtype=object)
    return delivery.attributes, shapes, delivery.crs


@contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
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
    except (DataLayerError, pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read ({_first_line(error)}): deliver it again.") from error


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
    return table.to_pandas(date_as_object=False, types_mapper=whole.get)


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


def _check_parts(path: Path) -> None:
    if path.suffix.lower() == ".shp":
        for endings in ((".shx", ".SHX"), (".dbf", ".DBF")):
            if not any(path.with_suffix(ending).is_file() for ending in endings):
                raise SourceError(
                    f"{path} has no {endings[0]} beside it: a shapefile is delivered with all its parts."
                )
    elif path.suffix.lower() in (".geojson", ".json"):
        _refuse_esri_page(path)


def _refuse_esri_page(path: Path) -> None:
    """GDAL reads one page of an ArcGIS service as if it were all of it."""
    with path.open("rb") as file:
        head = file.read(4_000)
        file.seek(max(path.stat().st_size - 400, 0))
        tail = file.read()
    if b'"exceededTransferLimit":true' in (head + tail).replace(b" ", b""):
        raise SourceError(f"{path} is one page of an ArcGIS query and not all of it: export the whole layer.")
    if path.stat().st_size < 50_000_000:
        try:
            json.loads(path.read_bytes())
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise SourceError(
                f"{path} is not whole JSON ({_first_line(error)}): deliver it again."
            ) from error


def shapefile_encoding(path: Path) -> str | None:
    """Encoding of a shapefile without .cpg; None where the .cpg says it.

    The DBF header names GBK rarely and Latin-1 never truly, so the texts themselves decide.
    """
    if any(part.suffix.lower() == ".cpg" for part in sidecars(path)):
        return None
    dbf = next(part for part in sidecars(path) if part.suffix.lower() == ".dbf")
    with dbf.open("rb") as file:
        head = file.read(32)
        if len(head) < 32:
            raise SourceError(f"{dbf} is cut off: deliver it again.")
        if head[29] in _GBK_DRIVERS:
            return "GB18030"
        header_size = int.from_bytes(head[8:10], "little")
        record_size = int.from_bytes(head[10:12], "little")
        descriptors = file.read(header_size - 32)
        records = file.read(record_size * _SAMPLED_RECORDS)
    texts = _texts(descriptors, records, record_size)
    return "UTF-8" if all(_is_utf8(text) for text in texts) else "GB18030"


def _texts(descriptors: bytes, records: bytes, record_size: int) -> Iterator[bytes]:
    """Field names, then the values of character fields."""
    begin, fields = 1, []
    for at in range(0, len(descriptors) - 31, 32):
        descriptor = descriptors[at : at + 32]
        if descriptor[0] == 0x0D:
            break
        yield descriptor[:11].split(b"\0")[0]
        if descriptor[11:12] == b"C":
            fields.append((begin, begin + descriptor[16]))
        begin += descriptor[16]
    for at in range(0, len(records) - record_size + 1, record_size):
        for start, end in fields:
            yield records[at + start : at + end].rstrip(b" \0")


def _is_utf8(text: bytes) -> bool:
    """A value cut off inside a character, as ten-byte field names are, still counts."""
    if text.isascii():
        return True
    for cut in range(4):
        try:
            text[: len(text) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return cut < len(text)
    return False


def _crs(text: str | None) -> CRS | None:
    if not text:
        return None
    try:
        return CRS.from_user_input(text)
    except CRSError:
        return None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")[:200] if str(error) else type(error).__name__


FORMAT = SourceFormat(
    "vector", (".gpkg", ".shp", ".geojson", ".json", ".fgb", ".gml", ".tab", ".mif", ".gdb"), VectorSource
)
