"""Geometries as PostGIS takes them over the wire: WKB with the SRID, little-endian, two-dimensional."""

import numpy as np
import pyarrow as pa
import shapely

_WITH_SRID = 0x20000000
_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("srid", "<u4"), ("x", "<f8"), ("y", "<f8")])


def ewkb(geometry: np.ndarray, srid: int) -> pa.Array:
    """EWKB of each shape, null where there is none; points alone are packed without a call per shape."""
    if len(geometry) and (shapely.get_type_id(geometry) == shapely.GeometryType.POINT).all():
        coordinates = shapely.get_coordinates(geometry)
        if len(coordinates) == len(geometry):
            return _points(coordinates, srid)
    shapes = shapely.set_srid(geometry, srid)
    packed = shapely.to_wkb(shapes, include_srid=True, output_dimension=2, byte_order=1)
    return pa.array(packed, pa.large_binary())


def _points(coordinates: np.ndarray, srid: int) -> pa.Array:
    packed = np.empty(len(coordinates), dtype=_POINT)
    packed["order"], packed["kind"], packed["srid"] = 1, shapely.GeometryType.POINT + 1 | _WITH_SRID, srid
    packed["x"], packed["y"] = coordinates.T
    offsets = np.arange(len(packed) + 1, dtype=np.int64) * _POINT.itemsize
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(packed.tobytes())]
    return pa.Array.from_buffers(pa.large_binary(), len(packed), buffers)
