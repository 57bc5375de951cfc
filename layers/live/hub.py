"""The hub: hears of every event once per process, and hands it out to the streams of this process."""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import structlog
from psycopg import AsyncConnection, Error

from layers.live.event import EVENTS_AFTER, LiveEvent, View, events_of
from layers.live.metrics import EVENTS, LAG_SECONDS, STREAMS
from layers.live.subscription import Subscription

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 5.0
RETRY_SECONDS = 1.0
EVENTS_AT_ONCE = 100
MOST_REPLAYED = 2_000
"""Events a broken stream is given one by one; after more of them a snapshot is cheaper."""
FORGET_SECONDS = 900


class LiveHub:
    """Listens to the store on one connection of its own, and reconnects when that breaks.

    After a break it goes on with the event after the last one it had, so that nothing is left out.
    """

    def __init__(self, app_url: str) -> None:
        self._app_url = app_url
        self._task: asyncio.Task[None] | None = None
        self._subscriptions: set[Subscription] = set()
        self._forgot_at = 0.0
        self._has_position = False
        self.is_ending = False
        self.position = 0
        self.silent_since: datetime | None = datetime.now(UTC)

    @property
    def is_listening(self) -> bool:
        """Whether every event is being heard of."""
        return self.silent_since is None

    async def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._watch(), name="live hub")

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    @contextmanager
    def subscribed(self, topics: Collection[str], view: View) -> Iterator[Subscription]:
        """Every event after the present ``position``, for as long as the block lasts."""
        subscription = Subscription(topics, view, self.position)
        self._subscriptions.add(subscription)
        STREAMS.inc()
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            STREAMS.dec()

    def end_streams(self) -> None:
        """The server stops: every stream ends by itself, and its browser looks for the server again."""
        self.is_ending = True
        self.review()

    def review(self) -> None:
        """Rights or accounts have changed: every stream looks whether and how it may go on."""
        for subscription in self._subscriptions:
            subscription.wake()

    async def _watch(self) -> None:
        while True:
            try:
                await self._listen()
            except (Error, TimeoutError) as error:
                log.warning("lost touch with the store; live streams stand still", reason=str(error))
                if self.silent_since is None:
                    self.silent_since = datetime.now(UTC)
                self.review()
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        connection = await AsyncConnection.connect(self._app_url, autocommit=True)
        async with connection:
            await connection.execute("LISTEN ioc_live")
            await self._take_position(connection)
            await self._read(connection)
            self.silent_since = None
            self.review()
            while True:
                async for _notice in connection.notifies(timeout=HEARTBEAT_SECONDS, stop_after=1):
                    pass
                # Asked for even if nothing was heard: the answer tells that the connection lives.
                await self._read(connection)
                await self._forget(connection)

    async def _take_position(self, connection: AsyncConnection[Any]) -> None:
        """Where to go on. After a restored backup, or too many events, that is not where we were."""
        last = await _last_event(connection)
        if self._has_position and 0 <= last - self.position <= MOST_REPLAYED:
            return
        self.position = last
        self._has_position = True
        for subscription in self._subscriptions:
            subscription.position = last
            subscription.lose()

    async def _read(self, connection: AsyncConnection[Any]) -> None:
        while True:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                cursor = await connection.execute(EVENTS_AFTER, [self.position, EVENTS_AT_ONCE])
                events = events_of(await cursor.fetchall())
            for event in events:
                self._hand_out(event)
            if len(events) < EVENTS_AT_ONCE:
                return

    def _hand_out(self, event: LiveEvent) -> None:
        self.position = event.id
        for subscription in self._subscriptions:
            subscription.offer(event)
        EVENTS.labels(event.topic).inc()
        LAG_SECONDS.observe(max(0.0, (datetime.now(UTC) - event.at).total_seconds()))

    async def _forget(self, connection: AsyncConnection[Any]) -> None:
        """Events are kept for a day; every process looks after that, and it is done once."""
        now = asyncio.get_running_loop().time()
        if now - self._forgot_at >= FORGET_SECONDS:
            self._forgot_at = now
            await connection.execute("SELECT ioc.forget_live_events()")


async def _last_event(connection: AsyncConnection[Any]) -> int:
    cursor = await connection.execute("SELECT last_id FROM ioc.live_event_span()")
    row = await cursor.fetchone()
    assert row is not None, "the span is one row"
    return row[0]
