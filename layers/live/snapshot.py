"""The present state of topics, from which a stream goes on. A topic is a file: ``topics/<topic>.sql``.

The query gives one column, the items as the topic's events have them (jsonb, without ``r``), under row-level
security; ``%(area)s`` is the area code whose items are wanted, '' for all.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from psycopg import sql

from geodata.store import Store
from geodata.viewer import Viewer

GATHERED = sql.SQL("SELECT coalesce(string_agg(item::text, ','), '') FROM ({}) AS found (item)")
TOPICS = Path(__file__).with_name("topics")


class Topics:
    """The topics there are, by the files of a folder."""

    def __init__(self, folder: Path = TOPICS) -> None:
        self._queries: Mapping[str, str] = {
            file.stem: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.sql"))
        }

    def __contains__(self, topic: str) -> bool:
        return topic in self._queries

    def __iter__(self) -> Iterator[str]:
        return iter(self._queries)

    async def items(self, store: Store, viewer: Viewer, topics: Sequence[str], area: str) -> list[str]:
        """For each of ``topics`` a JSON array of its items, as ``viewer`` may see them."""
        statements = [(self._statement(topic), {"area": area}) for topic in topics]
        return [f"[{rows[0][0]}]" for rows in await store.read(viewer, statements)] if statements else []

    def _statement(self, topic: str) -> sql.Composed:
        # A query of the program's own files, in which ``%(area)s`` is a parameter.
        query = sql.SQL(self._queries[topic])  # pyright: ignore[reportArgumentType]
        return GATHERED.format(query)
