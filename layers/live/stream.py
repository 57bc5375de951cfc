"""One browser's stream: what it missed, what comes, and a sign of life when nothing does."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from psycopg import OperationalError
from psycopg_pool import PoolTimeout
from starlette.responses import StreamingResponse
from starlette.types import Send

from geodata.store import Store
from geodata.viewer import Viewer
from layers.live.event import EVENTS_AFTER, events_of, frame
from layers.live.hub import EVENTS_AT_ONCE, MOST_REPLAYED, LiveHub
from layers.live.subscription import Subscription

BEAT_SECONDS = 10.0
PACE_SECONDS = 0.2
"""What comes sooner after the last is sent with the next: a browser gains nothing from more than this."""
RETRY_MILLISECONDS = 2_000
STUCK_SECONDS = 120.0

UNANSWERED = (OperationalError, PoolTimeout)
NOBODY = Viewer(0, "", "", frozenset(), None, ())
"""Events are read without a viewer's rights: the view decides what of them is sent."""

ViewerNow = Callable[[], Awaitable[Viewer | None]]


class LiveStream:
    """The messages of one stream.

    Topics are sent as events of their name with a list of items. Besides: ``beat`` (every ten seconds at
    least: since when events are not being heard of), ``gap`` (take a snapshot), ``end`` (sign in again).

    Args:
        viewer: whose session it is, asked again before anything is sent; None when the session is over.
    """

    def __init__(self, hub: LiveHub, store: Store, subscription: Subscription, viewer: ViewerNow) -> None:
        self._hub = hub
        self._store = store
        self._subscription = subscription
        self._viewer = viewer

    async def messages(self, after: int | None) -> AsyncIterator[bytes]:
        """Everything after event ``after``, or from now on; ends with the session."""
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        try:
            if after is not None:
                async for message in self._missed(after):
                    yield message
        except UNANSWERED:
            # Ended here, the browser asks again from the same event.
            return
        yield self._beat()
        while not self._hub.is_ending:
            await self._subscription.wait(BEAT_SECONDS)
            if not self._hub.is_listening:
                yield self._beat()
                continue
            try:
                goes_on = await self._follow_rights()
            except UNANSWERED:
                # The hub will notice as well; until then nobody's rights are known.
                self._subscription.wake()
            else:
                yield self._news() if goes_on else frame("end", "{}")
                if not goes_on:
                    return
            await asyncio.sleep(PACE_SECONDS)

    async def _follow_rights(self) -> bool:
        """Bring the view in line with the viewer's present rights; False: the session is over."""
        viewer = await self._viewer()
        if viewer is not None and viewer.rights != self._subscription.view.rights:
            self._subscription.view = self._subscription.view._replace(rights=viewer.rights)
        return viewer is not None

    def _news(self) -> bytes:
        is_gap, frames = self._subscription.take()
        gap = [frame("gap", "{}", self._subscription.position)] if is_gap else []
        return b"".join([*gap, *frames]) or self._beat()

    def _beat(self) -> bytes:
        since = self._hub.silent_since
        state = {"silent_since": since.isoformat() if since else None}
        # With the position, so that who sees few events need not be given all others again.
        return frame("beat", json.dumps(state), self._subscription.position)

    async def _missed(self, after: int) -> AsyncIterator[bytes]:
        """What there was for the stream between ``after`` and its subscription, or a gap."""
        subscription, until = self._subscription, self._subscription.position
        if not await self._is_kept(after, until):
            subscription.lose()
        while after < until and not subscription.is_gap:
            (rows,) = await self._store.read(NOBODY, [(EVENTS_AFTER.encode(), [after, EVENTS_AT_ONCE])])
            events = [event for event in events_of(rows) if event.id <= until]
            if not await self._follow_rights() or not events:
                break
            after = events[-1].id
            for event in events:
                message = event.frame(subscription.view) if event.topic in subscription.topics else None
                if message:
                    yield message
        subscription.wake()

    async def _is_kept(self, after: int, until: int) -> bool:
        (((first,),),) = await self._store.read(NOBODY, [(b"SELECT first_id FROM ioc.live_event_span()", [])])
        return after == until or (first <= after < until and until - after <= MOST_REPLAYED)


class LiveResponse(StreamingResponse):
    """A stream that is given up when the browser takes nothing for a long time."""

    media_type = "text/event-stream"

    async def stream_response(self, send: Send) -> None:
        """Send the messages one by one."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        messages = self.body_iterator
        assert isinstance(messages, AsyncGenerator), "made from a generator"
        async with aclosing(messages):
            async for message in messages:
                try:
                    async with asyncio.timeout(STUCK_SECONDS):
                        await send({"type": "http.response.body", "body": message, "more_body": True})
                except TimeoutError:
                    return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
