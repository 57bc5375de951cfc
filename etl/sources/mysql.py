"""Tables and views of a department's MySQL or MariaDB database, spatial columns included."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
import shapely
from pymysql.constants import CR, FIELD_TYPE
from pymysql.cursors import SSCursor

from etl.database_reading import FETCHED_AT_ONCE, Watermark, table_parts, unreadable
from etl.fetch import Access, Credential, Fetched, FetchError
from etl.row_spool import ENDING, FetchedRow, write_rows
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions
from etl.sources.row_file import RowFileSource

CONNECT_SECONDS = 15
_LOST = tuple((number,) for number in (CR.CR_CONN_HOST_ERROR, CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST))
SRID_BYTES = 4
"""A spatial value is its SRID, little endian, followed by WKB (MySQL manual, 13.4.3)."""


def fetch(options: SourceOptions, access: Access, folder: Path, watermark: str | None) -> Fetched:
    """Fetch a table, or what is new in it since the watermark.

    Raises:
        FetchError: the database cannot be reached or has no such table or key.
    """
    mark = Watermark(options, watermark)
    reading = _Reading(options, mark)
    try:
        with _connect(access.credential(options.credential)) as connection:
            path = folder / f"table{ENDING}"
            number = write_rows(path, reading.rows(connection), reading.frame)
    except (pymysql.Error, OSError) as error:
        words = str(error.args[-1] if error.args else error)
        answered = isinstance(error, pymysql.Error) and error.args[:1] not in _LOST
        raise unreadable(options, words, answered=answered) from error
    return Fetched(path, number, mark.reached())


def _connect(credential: Credential) -> "pymysql.Connection[Any]":
    """By an address such as ``mysql://user:password@host:3306/database``."""
    parts = urlsplit(credential.url)
    if parts.scheme not in ("mysql", "mariadb") or not parts.path.strip("/"):
        raise FetchError("The credential's url must be mysql://user:password@host:port/database.")
    socket = unquote(parts.query.removeprefix("unix_socket=")) if parts.query else None
    return pymysql.connect(
        host=parts.hostname or "localhost",
        port=parts.port or 3306,
        unix_socket=socket,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/"),
        charset="utf8mb4",
        connect_timeout=CONNECT_SECONDS,
        cursorclass=SSCursor,
    )


class _Reading:
    """One pass over the table; the frame is known once the first geometry was seen."""

    def __init__(self, options: SourceOptions, mark: Watermark) -> None:
        self.options, self.mark = options, mark
        self._srids: set[int] = set()

    def frame(self) -> str | None:
        return f"EPSG:{next(iter(self._srids))}" if len(self._srids) == 1 else None

    def rows(self, connection: "pymysql.Connection[Any]") -> Iterator[FetchedRow]:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION READ ONLY")
            start = self.mark.start()
            cursor.execute(self._query(), [start] * (start is not None))
            columns = [(column[0], column[1]) for column in cursor.description or ()]
            placed = [name for name, kind in columns if kind == FIELD_TYPE.GEOMETRY]
            names = [name for name, _ in columns]
            while found := cursor.fetchmany(FETCHED_AT_ONCE):
                for row in found:
                    cells = dict(zip(names, row, strict=True))
                    if self.options.key:
                        self.mark.see(cells.get(self.options.key))
                    yield FetchedRow(
                        {name: cell for name, cell in cells.items() if name not in placed},
                        self._shape(cells[placed[0]]) if placed else None,
                    )

    def _query(self) -> str:
        table = ".".join(map(_quoted, table_parts(self.options)))
        if self.options.key is None:
            return f"SELECT * FROM {table}"  # noqa: S608  # a quoted name
        key = _quoted(self.options.key)
        new = f" WHERE {key} >= %s OR {key} IS NULL" if self.mark.start() is not None else ""
        return f"SELECT * FROM {table}{new} ORDER BY {key}"  # noqa: S608  # quoted names

    def _shape(self, value: bytes | None) -> shapely.Geometry | None:
        if not value:
            return None
        if srid := int.from_bytes(value[:SRID_BYTES], "little"):
            self._srids.add(srid)
        return shapely.from_wkb(value[SRID_BYTES:])


def _quoted(name: str) -> str:
    """A name as MySQL's identifiers are quoted (manual, 11.2); per cent signs doubled for the driver."""
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"


FORMAT = SourceFormat("mysql", (), RowFileSource, fetch)
