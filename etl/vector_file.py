"""Reads GeoPackage, Shapefile, GeoJSON and whatever else GDAL knows, in one pass through Arrow."""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from pyproj.exceptions import CRSError

from geodata.errors import UserError

_SHAPEFILE_PARTS = (".shx", ".dbf", ".prj", ".cpg", ".SHX", ".DBF", ".PRJ", ".CPG")
_GBK_DRIVERS = frozenset({0x4D, 0x7A})
_SAMPLED_RECORDS = 5_000


class VectorFileError(UserError):
    """A vector file that cannot be read."""


def sidecars(path: Path) -> tuple[Path, ...]:
    """The other files of a shapefile; empty for other formats."""
    if path.suffix.lower() != ".shp":
        return ()
    return tuple(part for ending in _SHAPEFILE_PARTS if (part := path.with_suffix(ending)).is_file())


def read_vector(
    path: Path, layer: str | None, encoding: str | None
) -> tuple[pd.DataFrame, np.ndarray, CRS | None]:
    """All attributes, 2-D geometries (None where a row has none) and the frame the file states.

    Raises:
        VectorFileError: damaged, parts missing, or no such layer.
    """
    _check_parts(path)
    if encoding is None and path.suffix.lower() == ".shp":
        encoding = shapefile_encoding(path)
    try:
        layers = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
        chosen = _choose_layer(path, layers, layer)
        with warnings.catch_warnings():
            # GDAL warns where it renumbers features; here rows are told apart by the job's key.
            warnings.simplefilter("ignore", RuntimeWarning)
            meta, table = pyogrio.read_arrow(path, layer=chosen, encoding=encoding)
    except DataSourceError as error:
        raise VectorFileError(
            f"{path} is damaged or in no format this program reads (GeoPackage, Shapefile, GeoJSON and "
            "others that GDAL knows): deliver it again."
        ) from error
    except (DataLayerError, pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise VectorFileError(f"{path} cannot be read ({_first_line(error)}): deliver it again.") from error
    column = meta["geometry_name"] or "wkb_geometry"
    if column not in table.column_names:
        return table.to_pandas(date_as_object=False), np.full(len(table), None, dtype=object), None
    shapes = shapely.from_wkb(table.column(column).to_numpy(zero_copy_only=False), on_invalid="fix")
    if shapely.has_z(shapes).any():
        shapes = shapely.force_2d(shapes)
    return table.drop_columns([column]).to_pandas(date_as_object=False), shapes, _crs(meta["crs"])


def _choose_layer(path: Path, layers: list[str], layer: str | None) -> str:
    if not layers:
        raise VectorFileError(f"{path} holds no layer: deliver it again.")
    if layer is None:
        return layers[0]
    if layer not in layers:
        raise VectorFileError(f"{path} has no layer “{layer}”; it has {', '.join(layers)}.")
    return layer


def _check_parts(path: Path) -> None:
    if path.suffix.lower() == ".shp":
        for endings in ((".shx", ".SHX"), (".dbf", ".DBF")):
            if not any(path.with_suffix(ending).is_file() for ending in endings):
                raise VectorFileError(
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
        raise VectorFileError(
            f"{path} is one page of an ArcGIS query and not all of it: export the whole layer."
        )
    if path.stat().st_size < 50_000_000:
        try:
            json.loads(path.read_bytes())
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise VectorFileError(
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
            raise VectorFileError(f"{dbf} is cut off: deliver it again.")
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
