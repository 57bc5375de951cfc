"""PostgreSQL's binary COPY format, encoded from Arrow columns without a loop over rows.

Each value becomes its big-endian length and its bytes; Arrow then joins a row's values in C, and the joined
column's own buffer is what goes to the server.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
from geoalchemy2 import Geometry
from psycopg import Connection, sql
from pyarrow.compute import MatchSubstringOptions
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import BigInteger, Boolean, Date, DateTime, Float, Integer, SmallInteger, TypeEngine

from geodata.arrow_call import arrow_call

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
TRAILER = struct.pack("!h", -1)
ROWS_PER_CHUNK = 20_000

_NULL = struct.pack("!i", -1)
_TEXT_OID = 25
_EPOCH_DAYS = 10_957
_EPOCH_MICROSECONDS = _EPOCH_DAYS * 86_400_000_000
# From Julian day 0 to PostgreSQL's last day, in days and microseconds since 2000-01-01.
_DATE_RANGE = (-2_451_545, 2_145_031_948)
_FIRST_MICROSECOND = -211_813_488_000_000_000

_TYPES: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (SmallInteger, "int2"),
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Float, "float8"),
    (Boolean, "bool"),
    (Date, "date"),
    (DateTime, "timestamptz"),
    (JSONB, "jsonb"),
    (ARRAY, "text[]"),
    (Geometry, "geometry"),
)


class UnencodableError(ValueError):
    """A value that PostgreSQL's type cannot hold."""


def postgres_type(column: Column[Any]) -> str:
    """The name of a model column's type as ``encode`` knows it."""
    return next((name for kind, name in _TYPES if isinstance(column.type, kind)), "text")


def copy_rows(
    connection: Connection[Any],
    schema: str,
    table: str,
    columns: Mapping[str, tuple[str, pa.Array]],
    progress: Callable[[int], None] | None = None,
) -> int:
    """COPY columns, given as name → (type, values), into a table; returns the number of rows.

    Geometries are EWKB with their SRID. ``progress`` is told the rows sent so far.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {}.{} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(schema), sql.Identifier(table), names
    )
    sent = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEADER)
        for rows, chunk in _ahead(
            encode([kind for kind, _ in columns.values()], [v for _, v in columns.values()])
        ):
            copy.write(chunk)
            sent += rows
            if progress:
                progress(sent)
        copy.write(TRAILER)
    return sent


def _ahead(chunks: Iterator[tuple[int, memoryview]]) -> Iterator[tuple[int, memoryview]]:
    """The same chunks, each encoded while the server still reads the one before."""
    with ThreadPoolExecutor(1) as encoder:
        upcoming = encoder.submit(next, chunks, None)
        while (chunk := upcoming.result()) is not None:
            upcoming = encoder.submit(next, chunks, None)
            yield chunk


def encode(types: Sequence[str], columns: Sequence[pa.Array]) -> Iterator[tuple[int, memoryview]]:
    """Pairs of row count and bytes of these rows, without header and trailer.

    Raises:
        UnencodableError: NaN or infinity in a float, a NUL in a text, a date out of PostgreSQL's range.
    """
    total = len(columns[0]) if columns else 0
    columns = [c.combine_chunks() if isinstance(c, pa.ChunkedArray) else c for c in columns]
    start_of_row = pa.scalar(struct.pack("!h", len(columns)), pa.large_binary())
    for begin in range(0, total, ROWS_PER_CHUNK):
        pieces: list[Any] = [start_of_row]
        for kind, column in zip(types, columns, strict=True):
            pieces.extend(_ENCODERS[kind](column.slice(begin, ROWS_PER_CHUNK)))
        joined = arrow_call("binary_join_element_wise", *pieces, pa.scalar(b"", pa.large_binary()))
        rows = len(joined)
        offsets = np.frombuffer(joined.buffers()[1], dtype=np.int64)[joined.offset : joined.offset + rows + 1]
        yield rows, memoryview(joined.buffers()[2])[int(offsets[0]) : int(offsets[-1])]


def _fixed(values: np.ndarray, column: pa.Array) -> list[pa.Array]:
    """Big-endian values of one width, each after its length; a null is a length of -1 alone."""
    width = values.dtype.itemsize
    packed = np.zeros(len(values), dtype=[("length", ">i4"), ("value", values.dtype.newbyteorder(">"))])
    packed["length"], packed["value"] = width, values
    if column.null_count == 0:
        offsets = np.arange(len(values) + 1, dtype=np.int64) * (4 + width)
        return [_binary(offsets, packed.tobytes())]
    given = column.is_valid().to_numpy(zero_copy_only=False)
    packed["length"][~given] = -1
    data = packed.view(np.uint8).reshape(len(values), 4 + width)
    kept = np.ones(data.shape, dtype=bool)
    kept[~given, 4:] = False
    offsets = np.concatenate([[0], np.cumsum(np.where(given, 4 + width, 4))])
    return [_binary(offsets.astype(np.int64), data[kept].tobytes())]


def _binary(offsets: np.ndarray, data: bytes | pa.Buffer) -> pa.Array:
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _number(dtype: str, kind: pa.DataType) -> Callable[[pa.Array], list[pa.Array]]:
    def encoder(column: pa.Array) -> list[pa.Array]:
        numbers = _filled(column.cast(kind), pa.scalar(0, kind)).to_numpy(zero_copy_only=False)
        if kind == pa.float64() and not np.isfinite(numbers).all():
            raise UnencodableError("a number is NaN or infinite")
        return _fixed(numbers.astype(dtype), column)

    return encoder


def _boolean(column: pa.Array) -> list[pa.Array]:
    return _fixed(_filled(column, False).to_numpy(zero_copy_only=False).astype("u1"), column)


def _date(column: pa.Array) -> list[pa.Array]:
    days = _filled(column.cast(pa.date32()).cast(pa.int32()), _EPOCH_DAYS)
    days = days.to_numpy(zero_copy_only=False).astype(np.int64) - _EPOCH_DAYS
    _check_range(days, _DATE_RANGE, "date")
    return _fixed(days.astype("i4"), column)


def _timestamp(column: pa.Array) -> list[pa.Array]:
    moments = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    microseconds = _filled(moments, _EPOCH_MICROSECONDS).to_numpy(zero_copy_only=False)
    _check_range(microseconds, (_FIRST_MICROSECOND + _EPOCH_MICROSECONDS, np.iinfo(np.int64).max), "time")
    return _fixed((microseconds - _EPOCH_MICROSECONDS).astype("i8"), column)


def _check_range(values: np.ndarray, limits: tuple[int, int], what: str) -> None:
    if len(values) and (values.min() < limits[0] or values.max() > limits[1]):
        raise UnencodableError(f"a {what} lies outside what PostgreSQL can hold")


def _text(column: pa.Array) -> list[pa.Array]:
    values = column.cast(pa.large_string())
    if _holds_nul(values):
        raise UnencodableError("a text holds a NUL character")
    return _variable(values.cast(pa.large_binary()))


def _holds_nul(values: pa.Array) -> bool:
    _, offsets, data = values.buffers()
    if data is None or not len(values):
        return False
    ends = np.frombuffer(offsets, dtype=np.int64)[values.offset : values.offset + len(values) + 1]
    if np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[-1]].all():
        return False
    # A zero byte may also lie under a null, where it is no character.
    return bool(
        arrow_call("any", arrow_call("match_substring", values, options=MatchSubstringOptions("\0"))).as_py()
    )


def _filled(values: pa.Array, filling: Any) -> Any:
    """The column with its nulls filled."""
    return values.fill_null(filling)


def _json(column: pa.Array) -> list[pa.Array]:
    return _variable(column.cast(pa.large_binary()), b"\x01")


def _geometry(column: pa.Array) -> list[pa.Array]:
    return _variable(column.cast(pa.large_binary()))


def _variable(values: pa.Array, version: bytes = b"") -> list[pa.Array]:
    """Each value after its length (and, for jsonb, a version byte that counts into it)."""
    size = 4 + len(version)
    given = values.is_valid().to_numpy(zero_copy_only=False)
    lengths = _filled(arrow_call("binary_length", values), 0).to_numpy(zero_copy_only=False) + len(version)
    if not version:
        prefix = np.where(given, lengths, -1).astype(">i4").tobytes()
        return [
            _binary(np.arange(len(values) + 1, dtype=np.int64) * size, prefix),
            _filled(values, b""),
        ]
    prefixes = [
        struct.pack("!i", int(length)) + version if is_given else _NULL
        for length, is_given in zip(lengths, given, strict=True)
    ]
    return [pa.array(prefixes, pa.large_binary()), _filled(values, b"")]


def _text_array(column: pa.Array) -> list[pa.Array]:
    """One-dimensional text[]: dimensions, null flag, element type, size, lower bound, then the elements."""
    if column.null_count == len(column):
        return [pa.array([_NULL] * len(column), pa.large_binary())]
    rows = [None if row is None else tuple(row) for row in column.to_pylist()]
    # Of a file that is wrong throughout, most rows carry the same texts.
    packed = {row: None if row is None else _packed_array(row) for row in set(rows)}
    return _variable(pa.array([packed[row] for row in rows], pa.large_binary()))


def _packed_array(texts: Sequence[str]) -> bytes:
    if not texts:
        return struct.pack("!iii", 0, 0, _TEXT_OID)
    raw = [text.encode() for text in texts]
    head = struct.pack("!iiiii", 1, 0, _TEXT_OID, len(raw), 1)
    return head + b"".join(struct.pack("!i", len(item)) + item for item in raw)


_ENCODERS: dict[str, Callable[[pa.Array], list[pa.Array]]] = {
    "int2": _number("i2", pa.int16()),
    "int4": _number("i4", pa.int32()),
    "int8": _number("i8", pa.int64()),
    "float8": _number("f8", pa.float64()),
    "bool": _boolean,
    "date": _date,
    "timestamptz": _timestamp,
    "text": _text,
    "jsonb": _json,
    "text[]": _text_array,
    "geometry": _geometry,
}
