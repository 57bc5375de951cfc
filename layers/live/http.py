"""GET /live, /live/snapshot, /live/moment, /live/timeline: what happens and what was, as one may see it."""

import gzip
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Header, HTTPException, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

from geodata.errors import UserError
from geodata.store import Store
from geodata.viewer import Viewer
from layers.live.event import View
from layers.live.hub import LiveHub
from layers.live.live_layer import live_layers
from layers.live.snapshot import Topics
from layers.live.stream import LiveResponse, LiveStream
from layers.live.timeline import past, span_of, timeline
from layers.moment import read_moment
from layers.tile_endpoint import ViewerOf

MOST_STREAMS = 100
"""Of one account: fifty screens may share one, with a page each that is just being left."""
NO_STORE = {"Cache-Control": "no-store"}
# A proxy that gathers an answer before passing it on would hold events back.
UNBUFFERED = {**NO_STORE, "X-Accel-Buffering": "no"}
Theme = Literal["night", "day", "print"]
Moment = Annotated[str, Query(max_length=60)]
AREA = r"^(\d{6}|\d{9}|\d{12}|\d{15})?$"


class UnknownTopicError(UserError):
    """A topic that nothing is told of."""


def live_router(
    store: Store,
    hub: LiveHub,
    topics: Topics,
    viewer_of: ViewerOf,
    viewer_now: Callable[[HTTPConnection], Awaitable[Viewer | None]],
) -> APIRouter:
    """The routes. ``viewer_of`` gives a request's viewer, ``viewer_now`` the same later, if signed in."""
    routes = APIRouter(tags=["live"])
    streams: Counter[int] = Counter()

    # An answer without end is nothing that a document of requests and answers can describe.
    @routes.get("/live", include_in_schema=False)
    async def live(
        request: Request,
        topics_: Annotated[str, Query(alias="topics", max_length=200)],
        area: Annotated[str, Query(pattern=AREA)] = "",
        after: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Server-sent events of topics (comma separated) after an event, in an area or everywhere."""
        wanted, viewer = _wanted(topics, topics_), viewer_of(request)
        if streams[viewer.account_id] >= MOST_STREAMS:
            raise HTTPException(
                429, f"This account has {MOST_STREAMS} live streams open: close some of its pages.", NO_STORE
            )
        # A browser that reconnects by itself says where it is, and still has the first address.
        if last_event_id and last_event_id.isdigit():
            after = min(int(last_event_id), 2**63 - 1)

        async def messages() -> AsyncGenerator[bytes]:
            streams[viewer.account_id] += 1
            try:
                with hub.subscribed(wanted, View(viewer.rights, area)) as subscription:
                    stream = LiveStream(hub, store, subscription, partial(viewer_now, request))
                    async for message in stream.messages(after):
                        yield message
            finally:
                streams[viewer.account_id] -= 1

        return LiveResponse(messages(), headers=UNBUFFERED)

    @routes.get("/live/layers")
    async def layers(theme: Theme = "night") -> JSONResponse:
        """The topics there are, and the layers that show them on the map, styled for a theme."""
        shown = [layer.listed(theme) for layer in live_layers() if layer.topic in topics]
        return JSONResponse({"topics": list(topics), "layers": shown}, headers=NO_STORE)

    @routes.get("/live/snapshot")
    async def snapshot(
        request: Request,
        topics_: Annotated[str, Query(alias="topics", max_length=200)],
        area: Annotated[str, Query(pattern=AREA)] = "",
    ) -> Response:
        """The present state of topics, and the event from which `/live` goes on."""
        wanted = _wanted(topics, topics_)
        if not hub.is_listening:
            raise HTTPException(503, "The database does not answer: ask again in a moment.", NO_STORE)
        # Known before the state is read: what is told of in between is sent again, not left out.
        event, at = hub.position, datetime.now(UTC).isoformat()
        found = await topics.items(viewer_of(request), wanted, area)
        items = ",".join(f'"{topic}":{text}' for topic, text in zip(wanted, found, strict=True))
        body = f'{{"event":{event},"at":"{at}","topics":{{{items}}}}}'
        return await run_in_threadpool(_compressed, request, body)

    @routes.get("/live/moment")
    async def moment(
        request: Request,
        at: Moment,
        topics_: Annotated[str, Query(alias="topics", max_length=200)],
        area: Annotated[str, Query(pattern=AREA)] = "",
    ) -> Response:
        """The state of topics at an earlier moment, as far as readings and steps of then are kept."""
        wanted = [topic for topic in _wanted(topics, topics_) if topics.has_past(topic)]
        found = await topics.items(viewer_of(request), wanted, area, past(read_moment(at)))
        items = ",".join(f'"{topic}":{text}' for topic, text in zip(wanted, found, strict=True))
        return await run_in_threadpool(_compressed, request, f'{{"topics":{{{items}}}}}')

    @routes.get("/live/timeline")
    async def when(
        request: Request,
        begin: Annotated[Moment, Query(alias="from")],
        end: Annotated[Moment, Query(alias="to")],
    ) -> JSONResponse:
        """Rain and alarms of a span in at most a hundred slots, and from when on moments are kept."""
        span = span_of(past(read_moment(begin)), past(read_moment(end)))
        found = await timeline(store, viewer_of(request), span)
        return JSONResponse(found, headers=NO_STORE)

    return routes


def _compressed(request: Request, body: str) -> Response:
    """The state of a district is a megabyte of words that recur."""
    headers = {**NO_STORE, "Vary": "Accept-Encoding"}
    content = body.encode()
    if "gzip" in request.headers.get("accept-encoding", ""):
        content = gzip.compress(content, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type="application/json", headers=headers)


def _wanted(topics: Topics, text: str) -> list[str]:
    wanted = sorted({name.strip() for name in text.split(",")} - {""})
    unknown = [name for name in wanted if name not in topics]
    if unknown or not wanted:
        raise UnknownTopicError(
            f"There is no topic “{unknown[0][:40]}”: the topics are {', '.join(topics)}."
            if unknown
            else f"Name topics, comma separated: they are {', '.join(topics)}."
        )
    return wanted
