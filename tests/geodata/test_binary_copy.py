"""Everything that goes through binary COPY comes back from PostGIS as it was."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from geodata.binary_copy import UnencodableError, copy_rows, encode
from geodata.ewkb import ewkb
from geodata.store import Store

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
KINDS = {
    "int2": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "int4": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "int8": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "float8": (pa.float64(), st.floats(allow_nan=False, allow_infinity=False)),
    "bool": (pa.bool_(), st.booleans()),
    "date": (pa.date32(), st.dates()),
    "timestamptz": (pa.timestamp("us", "UTC"), st.datetimes(timezones=st.just(UTC))),
    "text": (pa.large_string(), TEXT),
    "text[]": (pa.list_(pa.large_string()), st.lists(TEXT, max_size=4)),
    "jsonb": (pa.large_string(), st.sampled_from(['{"键": "值 😀"}', "{}", "[1, null]", '"\\"引号\\""'])),
}
ROW = st.tuples(*(st.one_of(st.none(), values) for _, values in KINDS.values()))


def create(connection) -> None:
    columns = ", ".join(f'"c{number}" {kind}' for number, kind in enumerate(KINDS))
    connection.execute(f"DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (i int4, {columns})".encode())


@settings(max_examples=60)
@given(rows=st.lists(ROW, min_size=1, max_size=30))
def test_values_come_back_as_they_were(fixed_store: Store, rows: list[tuple]) -> None:
    columns = {"i": ("int4", pa.array(range(len(rows)), pa.int32()))}
    for number, (kind, values) in enumerate(zip(KINDS, zip(*rows, strict=True), strict=True)):
        columns[f"c{number}"] = (kind, pa.array(values, KINDS[kind][0]))
    with fixed_store.owner_connection() as connection:
        create(connection)
        assert copy_rows(connection, "public", "t", columns) == len(rows)
        json_column = f"c{list(KINDS).index('jsonb')}"
        same = connection.execute(
            sql.SQL("SELECT *, {}::text AS j FROM public.t ORDER BY i").format(sql.Identifier(json_column)),
            binary=True,
        ).fetchall()
        for row, back in zip(rows, same, strict=True):
            *plain, json_text = row
            assert list(back[1 : len(plain) + 1]) == plain
            wanted = connection.execute("SELECT %s::jsonb::text", [json_text]).fetchone()
            assert (back[-1],) == wanted


@pytest.fixture(scope="module")
def fixed_store(postgis, database_template):
    from tests.conftest import cloned_store

    with cloned_store(postgis, database_template) as store:
        yield store


def test_extreme_dates_are_kept(fixed_store: Store) -> None:
    moments = [date(1, 1, 1), date(9999, 12, 31), date(1970, 1, 1), None]
    times = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), None, None]
    with fixed_store.owner_connection() as connection:
        connection.execute("DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (d date, m timestamptz)")
        columns = {
            "d": ("date", pa.array(moments, pa.date32())),
            "m": ("timestamptz", pa.array(times, pa.timestamp("us", "UTC"))),
        }
        copy_rows(connection, "public", "t", columns)
        found = connection.execute("SELECT d, m FROM public.t", binary=True).fetchall()
    assert found == list(zip(moments, times, strict=True))


SHAPES = [
    shapely.Point(114.3, 30.5),
    shapely.LineString([(114.3, 30.5), (114.4, 30.6)]),
    shapely.Polygon([(0, 0), (1, 0), (1, 1)], [[(0.5, 0.1), (0.6, 0.1), (0.6, 0.2)]]),
    shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, 2, 3, 3)]),
    None,
]


@pytest.mark.parametrize("shapes", [SHAPES, SHAPES[:1] * 3, []], ids=["mixed", "points", "none"])
def test_geometries_carry_their_frame(fixed_store: Store, shapes: list) -> None:
    array = np.array([*shapes, None], dtype=object)[:-1]
    with fixed_store.owner_connection() as connection:
        connection.execute(
            "DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (i int4, g geometry(geometry, 4490))"
        )
        columns = {
            "i": ("int4", pa.array(range(len(shapes)), pa.int32())),
            "g": ("geometry", ewkb(array, 4490)),
        }
        copy_rows(connection, "public", "t", columns)
        found = connection.execute("SELECT ST_AsBinary(g) FROM public.t ORDER BY i", binary=True).fetchall()
    back = [None if wkb is None else shapely.from_wkb(wkb) for (wkb,) in found]
    assert back == shapes


def test_more_rows_than_a_chunk_keep_their_order(fixed_store: Store) -> None:
    numbers = pa.array(range(50_001), pa.int32())
    with fixed_store.owner_connection() as connection:
        connection.execute("DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (i int4, t text)")
        texts = pa.array([None if n % 3 == 0 else f"号{n}" for n in range(50_001)])
        sent: list[int] = []
        assert copy_rows(
            connection, "public", "t", {"i": ("int4", numbers), "t": ("text", texts)}, sent.append
        ) == len(numbers)
        wrong = connection.execute(
            "SELECT count(*) FROM public.t WHERE t IS DISTINCT FROM CASE WHEN i %% 3 > 0 THEN '号' || i END",
            [],
        ).fetchone()
    assert (wrong, sent) == ((0,), [20_000, 40_000, 50_001])


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("float8", pa.array([1.0, float("nan")])),
        ("float8", pa.array([float("inf")])),
        ("text", pa.array(["a\0b"])),
        ("date", pa.array([2**31 - 1], pa.int32()).cast(pa.date32())),
        ("timestamptz", pa.array([-(2**63)], pa.int64()).cast(pa.timestamp("us", "UTC"))),
    ],
)
def test_what_postgresql_cannot_hold_is_refused(kind: str, values: pa.Array) -> None:
    with pytest.raises(UnencodableError):
        list(encode([kind], [values]))
