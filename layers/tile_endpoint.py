"""GET /tiles/{layers}/{z}/{x}/{y}.mvt as bare ASGI: a tile in memory costs little more than sending it."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs

import structlog
from psycopg import Error
from psycopg_pool import PoolTimeout
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from geodata.errors import UserError
from geodata.viewer import Viewer
from layers.metrics import TILE_BYTES, TILES
from layers.problem import NotFoundError, problem_response
from layers.tile import HIGHEST_ZOOM, TilePlan, TileService
from layers.tile_cache import Tile

log = structlog.get_logger(__name__)

PATH = re.compile(r"/tiles/([^/]+)/(\d{1,2})/(\d{1,8})/(\d{1,8})\.mvt")
VERSION = re.compile(rb"(?:^|&)v=([0-9a-f-]+)(?:&|$)")
ROUTE = "/tiles/{layers}/{z}/{x}/{y}.mvt"
CONTENT_TYPE = b"application/vnd.mapbox-vector-tile"

HIT, MADE, SAME, EMPTY, UNKNOWN = (
    TILES.labels(answer) for answer in ("hit", "made", "not modified", "empty", "not found")
)
COMMON = [(b"vary", b"Accept-Encoding, Cookie, Authorization")]
ASKED_AGAIN = [*COMMON, (b"cache-control", b"private, no-cache")]
# Only where the address names the version and the rights: nobody of other rights has that address, and it is
# another one as soon as data or rights change. Twelve hours are a duty.
# The cookie does not make it another answer: it also carries the theme, which may be switched at any time.
KEPT = [
    (b"vary", b"Accept-Encoding, Authorization"),
    (b"cache-control", b"private, max-age=43200, immutable"),
]
NOT_KEPT = [*COMMON, (b"cache-control", b"no-store")]

Headers = list[tuple[bytes, bytes]]
ViewerOf = Callable[[HTTPConnection], Viewer]


class TileEndpoint:
    """An ASGI application that answers tile requests and nothing else."""

    def __init__(self, service: TileService, viewer_of: ViewerOf) -> None:
        self._service = service
        self._viewer_of = viewer_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = PATH.fullmatch(scope["path"])
        if found is None:
            await _not_found("A tile is at /tiles/{layers}/{z}/{x}/{y}.mvt.", scope, receive, send)
            return
        layers = found[1]
        z, x, y = int(found[2]), int(found[3]), int(found[4])
        if z > HIGHEST_ZOOM or x >> z or y >> z:
            await _not_found(f"There is no tile {z}/{x}/{y}.", scope, receive, send)
            return
        viewer = self._viewer_of(HTTPConnection(scope))
        try:
            plan = self._service.plan(viewer, layers, *_question(scope))
        except NotFoundError as error:
            await _not_found(str(error), scope, receive, send)
            return
        except UserError as error:
            await problem_response(400, "Bad request", str(error))(scope, receive, send)
            return
        try:
            await self._answer(viewer, plan, (z, x, y), scope, send)
        except (Error, PoolTimeout) as error:
            log.error("tile failed", path=scope["path"], exc_info=error)
            response = problem_response(
                503, "Tile not available", "The store does not answer; try again in a moment."
            )
            await response(scope, receive, send)

    async def _answer(
        self, viewer: Viewer, plan: TilePlan, address: tuple[int, int, int], scope: Scope, send: Send
    ) -> None:
        accepts, known = _asked(scope)
        if not self._service.is_cacheable():
            tile = await self._service.tile(viewer, plan, *address)
            MADE.inc()
            await _send_tile(send, tile, NOT_KEPT, accepts, scope["method"])
            return
        etag = f'W/"{plan.digest}-{address[0]}-{address[1]}-{address[2]}"'.encode()
        kept = plan.minute is None and _version(scope) == plan.version
        headers = [*(KEPT if kept else ASKED_AGAIN), (b"etag", etag)]
        if known is not None and (etag in known or known.strip() == b"*"):
            SAME.inc()
            await _send(send, 304, headers, b"")
            return
        tile = self._service.kept(plan, *address)
        if tile is None:
            tile = await self._service.tile(viewer, plan, *address)
            MADE.inc()
        else:
            HIT.inc()
        await _send_tile(send, tile, headers, accepts, scope["method"])


def _question(scope: Scope) -> tuple[str | None, str | None]:
    """The parameters ``filter`` and ``at``."""
    query = scope["query_string"]
    if b"filter=" not in query and b"at=" not in query:
        return None, None
    stated = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    return stated.get("filter", [None])[-1], stated.get("at", [None])[-1]


def _version(scope: Scope) -> str | None:
    """The parameter ``v``: the version that the client believes it asks for."""
    found = VERSION.search(scope["query_string"])
    return found[1].decode() if found else None


def _asked(scope: Scope) -> tuple[bool, bytes | None]:
    """Whether the client takes gzip, and the tags of what it has."""
    accepts, known = False, None
    for name, value in scope["headers"]:
        if name == b"accept-encoding":
            accepts = _takes_gzip(value)
        elif name == b"if-none-match":
            known = value
    return accepts, known


def _takes_gzip(value: bytes) -> bool:
    for part in value.lower().split(b","):
        coding, _, weight = part.partition(b";")
        if coding.strip() in (b"gzip", b"*"):
            return weight.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False


async def _send_tile(send: Send, tile: Tile, headers: Headers, accepts: bool, method: str) -> None:
    if not tile.body:
        EMPTY.inc()
        await _send(send, 204, headers, b"")
        return
    headers = [*headers, (b"content-type", CONTENT_TYPE)]
    body = tile.body
    if tile.compressed and accepts:
        headers.append((b"content-encoding", b"gzip"))
    elif tile.compressed:
        body = tile.plain()
    headers.append((b"content-length", str(len(body)).encode()))
    TILE_BYTES.inc(len(body))
    await _send(send, 200, headers, b"" if method == "HEAD" else body)


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _not_found(detail: str, scope: Scope, receive: Receive, send: Send) -> None:
    UNKNOWN.inc()
    await problem_response(404, "Not found", detail)(scope, receive, send)
