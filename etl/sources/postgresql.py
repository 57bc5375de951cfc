"""Tables and views of a department's PostgreSQL database, geometry columns of PostGIS included."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import shapely
from psycopg import sql

from etl.database_reading import FETCHED_AT_ONCE, Watermark, table_parts, unreadable
from etl.fetch import Access, Fetched
from etl.row_spool import ENDING, FetchedRow, write_rows
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions
from etl.sources.row_file import RowFileSource

CONNECT_SECONDS = 15


def fetch(options: SourceOptions, access: Access, folder: Path, watermark: str | None) -> Fetched:
    """Fetch a table, or what is new in it since the watermark.

    Raises:
        FetchError: the database cannot be reached or has no such table or key.
    """
    mark = Watermark(options, watermark)
    reading = _Reading(options, mark)
    try:
        with psycopg.connect(
            access.credential(options.credential).url,
            connect_timeout=CONNECT_SECONDS,
            options="-c default_transaction_read_only=on",
        ) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            path = folder / f"table{ENDING}"
            number = write_rows(path, reading.rows(connection), reading.frame)
    except psycopg.Error as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise unreadable(options, words, answered=not isinstance(error, psycopg.OperationalError)) from error
    return Fetched(path, number, mark.reached())


class _Reading:
    """One pass over the table; the frame is known once the first geometry was seen."""

    def __init__(self, options: SourceOptions, mark: Watermark) -> None:
        self.options, self.mark = options, mark
        self._srids: set[int] = set()

    def frame(self) -> str | None:
        return f"EPSG:{next(iter(self._srids))}" if len(self._srids) == 1 else None

    def rows(self, connection: psycopg.Connection[Any]) -> Iterator[FetchedRow]:
        query, start = self._query(), self.mark.start()
        with connection.cursor(name="ioc_reading") as cursor:
            cursor.itersize = FETCHED_AT_ONCE
            cursor.execute(query, [start] * (start is not None))
            placed = self._geometry_places(connection, cursor)
            names = [column.name for column in cursor.description or ()]
            for row in cursor:
                cells = dict(zip(names, row, strict=True))
                if self.options.key:
                    self.mark.see(cells.get(self.options.key))
                yield FetchedRow(
                    {name: cell for name, cell in cells.items() if name not in placed},
                    self._shape(cells[placed[0]]) if placed else None,
                )

    def _query(self) -> sql.Composed:
        query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(*table_parts(self.options)))
        if self.options.key is None:
            return query
        key = sql.Identifier(self.options.key)
        if self.mark.start() is not None:
            query += sql.SQL(" WHERE {key} >= %s OR {key} IS NULL").format(key=key)
        return query + sql.SQL(" ORDER BY {}").format(key)

    def _geometry_places(self, connection: psycopg.Connection[Any], cursor: Any) -> list[str]:
        types = connection.execute(
            "SELECT oid FROM pg_type WHERE typname IN ('geometry', 'geography')"
        ).fetchall()
        oids = {row[0] for row in types}
        return [column.name for column in cursor.description or () if column.type_code in oids]

    def _shape(self, text: str | None) -> shapely.Geometry | None:
        if text is None:
            return None
        shape = shapely.from_wkb(text)
        if srid := int(shapely.get_srid(shape)):
            self._srids.add(srid)
        return shape


FORMAT = SourceFormat("postgresql", (), RowFileSource, fetch)
