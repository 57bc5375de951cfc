"""Published rows of other datasets that a load is held against: areas, survey points, stations."""

from collections.abc import Collection
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
        self._connection: Connection[Any] | None = None
        self._state: dict[str, str] = {}
        self._tables: dict[tuple[str, str], Published] = {}
        self._columns: dict[tuple[str, str, tuple[str, ...]], pd.DataFrame] = {}

    def use(self, connection: Connection[Any], tables: Collection[str]) -> str:
        """Read through this connection from now on; returns what identifies the published versions."""
        self._connection = connection
        rows = connection.execute(
            """
            SELECT target, string_agg(published_version_id::text, ',' ORDER BY id) FROM ioc.dataset
            WHERE published_version_id IS NOT NULL GROUP BY target
            """
        ).fetchall()
        self._state = dict(rows)
        return ";".join(f"{table}={self._state.get(table, '')}" for table in sorted(tables))

    def table(self, name: str) -> Published:
        """The published rows of a table; empty when nothing is published."""
        key = (name, self._state.get(name, ""))
        if key not in self._tables:
            self._tables = {known: rows for known, rows in self._tables.items() if known[0] != name}
            self._tables[key] = self._read(name)
        return self._tables[key]

    def columns(self, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
        """These columns of a table's published rows, indexed by code."""
        key = (name, self._state.get(name, ""), columns)
        if key not in self._columns:
            self._columns = {known: rows for known, rows in self._columns.items() if known[0] != name}
            assert self._connection is not None, "use() comes first"
            statement = sql.SQL("SELECT code, {} FROM ioc.{} ORDER BY code").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(name)
            )
            rows = self._connection.execute(statement, binary=True).fetchall()
            frame = pd.DataFrame(rows, columns=["code", *columns]).set_index("code")
            self._columns[key] = pd.DataFrame(frame[~frame.index.duplicated()])
        return self._columns[key]

    def _read(self, name: str) -> Published:
        assert self._connection is not None, "use() comes first"
        model = VERSIONED_MODELS[name]
        has_name = "name" in model.__table__.columns
        has_geometry = issubclass(model, Feature)
        statement = sql.SQL("SELECT code, {}, {}, area_code FROM ioc.{} ORDER BY code").format(
            sql.Identifier("name") if has_name else sql.SQL("NULL"),
            sql.SQL("ST_AsBinary(geom)") if has_geometry else sql.SQL("NULL"),
            sql.Identifier(name),
        )
        rows = self._connection.execute(statement, binary=True).fetchall()
        codes, names, wkb, areas = zip(*rows, strict=True) if rows else ((), (), (), ())
        geometry = np.asarray(shapely.from_wkb(np.array(wkb, dtype=object)), dtype=object)
        return Published(
            pd.Index(codes, dtype="str"),
            np.array(names, dtype=object),
            geometry,
            np.array(areas, dtype=object),
        )
