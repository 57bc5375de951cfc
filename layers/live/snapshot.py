"""The state of topics: the present one, from which a stream goes on, and the one at an earlier moment.

A topic is a file, ``topics/<topic>.sql``. The query gives one column, the items as the topic's events have
them (JSON, without ``r``), under row-level security; ``%(area)s`` is the area code of the items wanted, ''
for all. Items as they were at a moment, ``%(at)s``, are given by ``moments/<topic>.sql``.

Where a third file is there, ``heads/<topic>.sql``, it gives what of an item stays the same while its series
reports (series, area, the beginning of the item), which is remembered for each set of rights; the two others
give the series and the rest of the item.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from psycopg import sql

from geodata.store import Store
from geodata.viewer import Viewer
from geodata.viewer_pool import Rows
from layers.series_memory import STATE, SeriesMemory

GATHERED = sql.SQL("SELECT coalesce(string_agg(item::text, ','), '') FROM ({}) AS found (item)")
TOPICS = Path(__file__).with_name("topics")
Heads = dict[int, tuple[str, str]]
"""By series: its area, and the beginning of its items."""


class Topics:
    """The topics there are, by the files of a folder and of ``moments`` beside it."""

    def __init__(self, store: Store, folder: Path = TOPICS) -> None:
        self._store = store
        self._queries = _read(folder)
        self._moments = _read(folder.with_name("moments"))
        self._heads = {
            topic: self._remembered(query) for topic, query in _read(folder.with_name("heads")).items()
        }

    def __contains__(self, topic: str) -> bool:
        return topic in self._queries

    def __iter__(self) -> Iterator[str]:
        return iter(self._queries)

    def has_past(self, topic: str) -> bool:
        """Whether the topic can be asked how it was at an earlier moment."""
        return topic in self._moments

    async def items(
        self, viewer: Viewer, topics: Sequence[str], area: str, at: datetime | None = None
    ) -> list[str]:
        """For each of ``topics`` a JSON array of its items, now or ``at`` a moment, as the viewer may see."""
        if not topics:
            return []
        queries = self._queries if at is None else self._moments
        wanted = {"area": area, "at": at}
        statements = [(self._statement(topic, queries[topic]), wanted) for topic in topics]
        ((state,),), *found = await self._store.read(viewer, [(STATE, {}), *statements])
        written = []
        for topic, rows in zip(topics, found, strict=True):
            heads = self._heads.get(topic)
            written.append(rows[0][0] if heads is None else await _joined(heads, viewer, state, area, rows))
        return [f"[{items}]" for items in written]

    def _statement(self, topic: str, query: str) -> sql.Composed:
        # A query of the program's own files, in which ``%(area)s`` and ``%(at)s`` are parameters.
        own = sql.SQL(query)  # pyright: ignore[reportArgumentType]
        return sql.Composed([own]) if topic in self._heads else GATHERED.format(own)

    def _remembered(self, query: str) -> SeriesMemory[Heads]:
        async def learn(viewer: Viewer) -> tuple[Heads, frozenset[int]]:
            (rows,) = await self._store.read(viewer, [(query.encode(), {})])
            heads = {series: (area_code, head) for series, area_code, head in rows}
            return heads, frozenset(heads)

        return SeriesMemory(learn)


async def _joined(memory: SeriesMemory[Heads], viewer: Viewer, state: str, area: str, rows: Rows) -> str:
    """Items with their beginnings, of those in an area (a prefix of its code, or '')."""
    rest = dict(rows)
    heads = await memory.of(viewer, state, rest.keys())
    # What was let go of in the same moment is nobody's any more.
    known = ((heads[series], text) for series, text in rest.items() if series in heads)
    return ",".join(head + text for (area_code, head), text in known if area_code.startswith(area))


def _read(folder: Path) -> dict[str, str]:
    return {file.stem: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.sql"))}
