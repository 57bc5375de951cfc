"""An event of the live stream, cut into what is under one right each, and as it is sent to a viewer."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, LiteralString, NamedTuple

from geodata.viewer import Rights

EVENTS_AFTER: LiteralString = """
    SELECT e.id, e.at, e.topic, i.item ->> 'r', string_agg((i.item - 'r')::text, ',' ORDER BY i.number)
    FROM ioc.live_events(%s, %s) e
    LEFT JOIN LATERAL jsonb_array_elements(e.items) WITH ORDINALITY i (item, number)
        ON jsonb_typeof(i.item) = 'object'
    GROUP BY e.id, e.at, e.topic, i.item ->> 'r'
    ORDER BY e.id, min(i.number)
"""
"""Parameters: the event after which, and how many at most. The store takes the items apart by their
rights, which leaves this process free."""


class ItemRight(NamedTuple):
    """Who may see an item: whoever may see a row of the dataset with this sensitivity and area.

    Instead of a sensitivity the level of a case may be a department: that whose case it is.
    """

    dataset_id: int
    level: int | str
    area_code: str


class View(NamedTuple):
    """What a stream shows of every event: what the viewer's rights cover, in one area or ('') in all."""

    rights: Rights
    area: str

    def holds(self, right: ItemRight) -> bool:
        """Whether items under this right are part of it."""
        return right.area_code.startswith(self.area) and self.rights.covers(*right)


@dataclass(frozen=True)
class LiveEvent:
    """A batch of one topic. ``portions`` are the items of each right, as JSON separated by commas."""

    id: int
    at: datetime
    topic: str
    portions: tuple[tuple[ItemRight, str], ...]
    _frames: dict[tuple[int, ...], bytes] = field(default_factory=dict, compare=False, repr=False)

    def frame(self, view: View) -> bytes | None:
        """The event as server-sent, with the items that belong to a view; None without any.

        Made once for all views that hold the same items.
        """
        held = tuple(n for n, (right, _) in enumerate(self.portions) if view.holds(right))
        if not held:
            return None
        if held not in self._frames:
            items = ",".join(self.portions[n][1] for n in held)
            self._frames[held] = frame(self.topic, f"[{items}]", self.id)
        return self._frames[held]


def frame(kind: str, data: str, event_id: int | None = None) -> bytes:
    """A message of ``text/event-stream``; the browser remembers ``event_id`` as the last it has."""
    identified = "" if event_id is None else f"id: {event_id}\n"
    return f"{identified}event: {kind}\ndata: {data}\n\n".encode()


def events_of(rows: Iterable[Sequence[Any]]) -> list[LiveEvent]:
    """Events from the rows of ``EVENTS_AFTER``, without items that state no right: nobody has that."""
    events = []
    for (event_id, at, topic), group in groupby(rows, key=lambda row: tuple(row[:3])):
        stated = [(_right(row[3]), row[4]) for row in group]
        portions = tuple((right, items) for right, items in stated if right is not None)
        events.append(LiveEvent(event_id, at, topic, portions))
    return events


def _right(text: str | None) -> ItemRight | None:
    match json.loads(text or "null"):
        case [int(dataset_id), int() | str() as level, str(area_code)]:
            return ItemRight(dataset_id, level, area_code)
    return None
