"""PostgreSQL arrays of one dimension in binary, encoded from columns without a loop over numbers.

A batch of readings goes to the server as a few of them: nothing is parsed, and no table lies in between.
Layout: dimensions, null flag, element type, length, lower bound, then each element after its length.
"""

import struct
from collections.abc import Sequence

import numpy as np
from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_EPOCH = np.datetime64("2000-01-01T00:00:00", "us")


class BinaryArray(bytes):
    """An encoded array of some type; made by the functions below."""


class _Int2s(BinaryArray):
    pass


class _Int4s(BinaryArray):
    pass


class _Float8s(BinaryArray):
    pass


class _Timestamps(BinaryArray):
    pass


class _Texts(BinaryArray):
    pass


# Type → (of its elements, of the array), as pg_type numbers them.
_OIDS: dict[type[BinaryArray], tuple[int, int]] = {
    _Int2s: (21, 1005),
    _Int4s: (23, 1007),
    _Float8s: (701, 1022),
    _Timestamps: (1184, 1185),
    _Texts: (25, 1009),
}


def int2_array(values: np.ndarray) -> BinaryArray:
    """``smallint[]`` of whole numbers."""
    return _fixed(_Int2s, values, "i2")


def int4_array(values: np.ndarray) -> BinaryArray:
    """``integer[]`` of whole numbers."""
    return _fixed(_Int4s, values, "i4")


def float8_array(values: np.ndarray) -> BinaryArray:
    """``double precision[]``; NaN is sent as it is."""
    return _fixed(_Float8s, values, "f8")


def timestamp_array(values: np.ndarray) -> BinaryArray:
    """``timestamptz[]`` of datetime64[us] in UTC."""
    return _fixed(_Timestamps, (values.astype("datetime64[us]") - _EPOCH).astype(np.int64), "i8")


def text_array(values: Sequence[str]) -> BinaryArray:
    """``text[]``."""
    raw = [text.encode() for text in values]
    packed = b"".join([struct.pack("!i", len(one)) + one for one in raw])
    return _Texts(_head(_Texts, len(raw)) + packed)


def understand_arrays(connection: Connection) -> None:
    """Let a connection take these arrays as parameters."""
    for kind, (_element, oid) in _OIDS.items():
        dumper = type("_Dumper", (_BinaryDumper,), {"oid": oid})
        connection.adapters.register_dumper(kind, dumper)


class _BinaryDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: BinaryArray) -> Buffer:
        return obj


def _head(kind: type[BinaryArray], length: int) -> bytes:
    if length == 0:
        return struct.pack("!iii", 0, 0, _OIDS[kind][0])
    return struct.pack("!iiiii", 1, 0, _OIDS[kind][0], length, 1)


def _fixed(kind: type[BinaryArray], values: np.ndarray, dtype: str) -> BinaryArray:
    width = np.dtype(dtype).itemsize
    packed = np.empty(len(values), dtype=[("length", ">i4"), ("value", f">{dtype}")])
    packed["length"], packed["value"] = width, values
    return kind(_head(kind, len(values)) + packed.tobytes())
