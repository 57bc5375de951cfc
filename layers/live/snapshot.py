"""The state of topics: the present one, from which a stream goes on, and the one at an earlier moment.

A topic is a file, ``topics/<topic>.sql``. The query gives one column, the items as the topic's events have
them (JSON, without ``r``), under row-level security; ``%(area)s`` is the area code of the items wanted, ''
for all. Items as they were at a moment, ``%(at)s``, are given by ``moments/<topic>.sql``, or by the topic's
own query where that names the moment, which is NULL for now.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from psycopg import sql

from geodata.store import Store
from geodata.viewer import Viewer

GATHERED = sql.SQL("SELECT coalesce(string_agg(item::text, ','), '') FROM ({}) AS found (item)")
TOPICS = Path(__file__).with_name("topics")


class Topics:
    """The topics there are, by the files of a folder and of ``moments`` beside it."""

    def __init__(self, folder: Path = TOPICS) -> None:
        self._queries = _read(folder)
        own = {topic: query for topic, query in self._queries.items() if "%(at)s" in query}
        self._moments = own | _read(folder.with_name("moments"))

    def __contains__(self, topic: str) -> bool:
        return topic in self._queries

    def __iter__(self) -> Iterator[str]:
        return iter(self._queries)

    def has_past(self, topic: str) -> bool:
        """Whether the topic can be asked how it was at an earlier moment."""
        return topic in self._moments

    async def items(
        self, store: Store, viewer: Viewer, topics: Sequence[str], area: str, at: datetime | None = None
    ) -> list[str]:
        """For each of ``topics`` a JSON array of its items, now or ``at`` a moment, as the viewer may see."""
        queries = self._queries if at is None else self._moments
        statements = [(_gathered(queries[topic]), {"area": area, "at": at}) for topic in topics]
        return [f"[{rows[0][0]}]" for rows in await store.read(viewer, statements)] if statements else []


def _read(folder: Path) -> dict[str, str]:
    return {file.stem: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.sql"))}


def _gathered(query: str) -> sql.Composed:
    # A query of the program's own files, in which ``%(area)s`` and ``%(at)s`` are parameters.
    return GATHERED.format(sql.SQL(query))  # pyright: ignore[reportArgumentType]
