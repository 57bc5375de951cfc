"""What browsers are told not to do with the pages: foreign scripts, framing, guessing types."""

import base64
import hashlib
import re
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
HSTS_SECONDS = 31_536_000


def script_hash(script: str) -> str:
    """How a content security policy names an inline script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def inline_scripts(html: str) -> list[str]:
    """The inline scripts of a page; blocks of data are none."""
    return INLINE_SCRIPT.findall(html)


def content_policy(hashes: Iterable[str], embed_origins: str = "") -> str:
    """The content security policy of the pages; ``hashes`` name the inline scripts that may run.

    Pages of ``embed_origins`` (by commas or spaces) may show them in a frame, beside the program's own.

    Inline styles are allowed: Leaflet, Mantine and the grid set them on elements. Blobs are MapLibre's
    workers and its images.
    """
    framing = " ".join(["'self'", *embed_origins.replace(",", " ").split()])
    allowed = " ".join(["'self'", *sorted(set(hashes))])
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {allowed}",
            "worker-src 'self' blob:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            f"frame-ancestors {framing}",
        )
    )


class SecurityHeadersMiddleware:
    """Adds the headers to every answer but tiles, to which only the type's certainty matters."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self.app = app
        self._headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
        }
        # The older header knows no origins; browsers of today heed the policy where both are there.
        if policy.endswith("frame-ancestors 'self'"):
            self._headers["x-frame-options"] = "SAMEORIGIN"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/tiles/"):
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, text in self._headers.items():
                    headers.setdefault(name, text)
                if scope["scheme"] == "https":
                    headers.setdefault("strict-transport-security", f"max-age={HSTS_SECONDS}")
            await send(message)

        await self.app(scope, receive, with_headers)
