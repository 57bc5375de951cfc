"""Scripts and style sheets on their way to browsers: compressed once, and kept by browsers for good."""

import zlib
from hashlib import sha256
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIXES = ("/assets/", "/_dash-component-suites/")
COMPRESSED_TYPES = ("text/", "application/javascript", "application/json", "image/svg+xml")
SMALLEST_COMPRESSED = 500
FOR_GOOD = "public, max-age=31536000, immutable"


def content_mark(content: bytes) -> str:
    """What the address of a file carries as ``v``: another one for other content."""
    return sha256(content).hexdigest()[:10]


class StaticFilesMiddleware:
    """Sends static text compressed; what is asked for by its own content's mark may be kept for good.

    Compressed content is kept by its digest: there is no more of it than there is in the files.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._compressed: dict[bytes, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIXES) or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        start: Message = {}
        pieces: list[bytes] = []

        async def gather(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            if start["status"] != 200:
                await send(message)
            elif message["type"] == "http.response.body":
                pieces.append(message.get("body", b""))
                if not message.get("more_body"):
                    body = self._finished(scope, MutableHeaders(scope=start), b"".join(pieces))
                    await send(start)
                    await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, gather)

    def _finished(self, scope: Scope, headers: MutableHeaders, body: bytes) -> bytes:
        """The body as it is to be sent; its headers are brought in line."""
        stated = parse_qs(scope["query_string"].decode("latin-1")).get("v")
        if stated == [content_mark(body)]:
            headers["cache-control"] = FOR_GOOD
        if len(body) < SMALLEST_COMPRESSED or not headers.get("content-type", "").startswith(
            COMPRESSED_TYPES
        ):
            return body
        headers.add_vary_header("Accept-Encoding")
        if "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            return body
        body = self._gzip(body)
        headers["content-encoding"] = "gzip"
        headers["content-length"] = str(len(body))
        return body

    def _gzip(self, body: bytes) -> bytes:
        digest = sha256(body).digest()
        if digest not in self._compressed:
            self._compressed[digest] = zlib.compress(body, level=9, wbits=31)
        return self._compressed[digest]
