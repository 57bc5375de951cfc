"""What waits to be sent to one browser: bounded, whatever the browser does."""

import asyncio
from collections import deque
from collections.abc import Collection

from layers.live.event import LiveEvent, View
from layers.live.metrics import GAPS

MOST_WAITING_BYTES = 1_000_000
"""More than a snapshot of everything: whoever is so far behind is better served by one."""


class Subscription:
    """Frames for one stream. ``position`` is the last event that it was offered."""

    def __init__(self, topics: Collection[str], view: View, position: int) -> None:
        self.topics = frozenset(topics)
        self.position = position
        self._view = view
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self.is_gap = False
        """The browser has missed events, and is to be told so."""
        self._news = asyncio.Event()

    @property
    def view(self) -> View:
        """What the stream shows."""
        return self._view

    @view.setter
    def view(self, view: View) -> None:
        # What waits was chosen by other rights, and what the browser shows was as well.
        self._view = view
        self.lose()

    def offer(self, event: LiveEvent) -> None:
        """Take an event, unless it is nothing for this stream."""
        self.position = event.id
        # What comes before the browser has been told of a gap will be in the snapshot that it then takes.
        if self.is_gap or event.topic not in self.topics:
            return
        frame = event.frame(self._view)
        if frame is None:
            return
        if self._bytes + len(frame) > MOST_WAITING_BYTES:
            self.lose()
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        self._news.set()

    def lose(self) -> None:
        """Let go of what waits: the browser is to be told that it must take a snapshot."""
        self._frames.clear()
        self._bytes = 0
        self.is_gap = True
        GAPS.inc()
        self._news.set()

    def wake(self) -> None:
        """Let the stream look whether it may go on."""
        self._news.set()

    def take(self) -> tuple[bool, list[bytes]]:
        """Whether events were lost, and the frames since; both are handed out once."""
        taken = self.is_gap, list(self._frames)
        self._frames.clear()
        self._bytes = 0
        self.is_gap = False
        return taken

    async def wait(self, seconds: float) -> None:
        """Until there is something to take or to look at, or the time is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()
