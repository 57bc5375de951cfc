"""Published rows of other datasets that a load is held against: areas, survey points, stations."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import shapely
from psycopg import Connection, sql

from geodata.models import VERSIONED_MODELS, Feature


@dataclass(frozen=True)
class Published:
    """Codes, names, places and areas of a table's published rows, all in the same order."""

    codes: pd.Index
    names: np.ndarray
    geometry: np.ndarray
    area_codes: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Spatial index of the places."""
        return shapely.STRtree(self.geometry)


class References:
    """Reads each table once per set of published versions; several loads of one run share it."""

    def __init__(self) -> None:
        self._state: dict[str, str] = {}
        self._tables: dict[tuple[str, str], Published] = {}
        self._columns: dict[tuple[str, str], pd.DataFrame] = {}

    def use(self, connection: Connection[Any], tables: Collection[str]) -> str:
        """Look which versions are published now; returns what identifies those of the tables."""
        rows = connection.execute(
            """
            SELECT target, string_agg(published_version_id::text, ',' ORDER BY id) FROM ioc.dataset
            WHERE published_version_id IS NOT NULL GROUP BY target
            """
        ).fetchall()
        self._state = dict(rows)
        return ";".join(f"{table}={self._state.get(table, '')}" for table in sorted(tables))

    def read(self, connection: Connection[Any], tables: Mapping[str, Collection[str]]) -> None:
        """Read what is published of these tables, and these further columns, but for what was read before."""
        for name, columns in tables.items():
            key = (name, self._state.get(name, ""))
            if key not in self._tables:
                self._tables = {known: rows for known, rows in self._tables.items() if known[0] != name}
                self._tables[key] = self._read(connection, name)
            if not set(columns) <= set(self._columns.get(key, ())):
                self._columns = {known: rows for known, rows in self._columns.items() if known[0] != name}
                self._columns[key] = _read_columns(connection, name, sorted(columns))

    def table(self, name: str) -> Published:
        """The published rows of a table that has been read; empty when nothing is published."""
        return self._tables[(name, self._state.get(name, ""))]

    def columns(self, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
        """Columns of a table's published rows that have been read, indexed by code."""
        return pd.DataFrame(self._columns[(name, self._state.get(name, ""))][list(columns)])

    def _read(self, connection: Connection[Any], name: str) -> Published:
        model = VERSIONED_MODELS[name]
        has_name = "name" in model.__table__.columns
        has_geometry = issubclass(model, Feature)
        statement = sql.SQL("SELECT code, {}, {}, area_code FROM ioc.{} ORDER BY code").format(
            sql.Identifier("name") if has_name else sql.SQL("NULL"),
            sql.SQL("ST_AsBinary(geom)") if has_geometry else sql.SQL("NULL"),
            sql.Identifier(name),
        )
        return published_rows(connection, statement)


def published_rows(
    connection: Connection[Any], statement: sql.Composed, parameters: Mapping[str, Any] | None = None
) -> Published:
    """What a statement gives as code, name, place as WKB and area code."""
    rows = connection.execute(statement, parameters, binary=True).fetchall()
    codes, names, wkb, areas = zip(*rows, strict=True) if rows else ((), (), (), ())
    geometry = np.asarray(shapely.from_wkb(np.array(wkb, dtype=object)), dtype=object)
    return Published(
        pd.Index(codes, dtype="str"),
        np.array(names, dtype=object),
        geometry,
        np.array(areas, dtype=object),
    )


def _read_columns(connection: Connection[Any], name: str, columns: list[str]) -> pd.DataFrame:
    statement = sql.SQL("SELECT code, {} FROM ioc.{} ORDER BY code").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(name)
    )
    rows = connection.execute(statement, binary=True).fetchall()
    frame = pd.DataFrame(rows, columns=["code", *columns]).set_index("code")
    return pd.DataFrame(frame[~frame.index.duplicated()])
