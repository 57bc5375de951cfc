"""Problem documents as pages: who follows a link in a browser reads a sentence and finds the way back."""

import json
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.office_page import office_page
from ioc.page_choices import choices_of
from layers.problem import MEDIA_TYPE

KEPT_HEADERS = ("retry-after", "www-authenticate")


class ErrorPageMiddleware:
    """Turns problem documents into pages for browsers that ask for one; programs still get the document."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "text/html" not in HTTPConnection(scope).headers.get("accept", ""):
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def watch(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_problem(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await _page(Request(scope), start, json.loads(body))(scope, receive, send)

        await self.app(scope, receive, watch)


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith(MEDIA_TYPE)


def _page(request: Request, start: Message, problem: dict[str, Any]) -> HTMLResponse:
    choices = choices_of(request)
    detail = problem.get("detail_zh") if choices["language"] == "zh" else problem["detail"]
    page = office_page("error", choices, status=kind_of(start["status"]), detail=detail)
    given = Headers(raw=start["headers"])
    kept = {name: given[name] for name in KEPT_HEADERS if name in given}
    return HTMLResponse(page, start["status"], headers={"Cache-Control": "no-store", **kept})


def kind_of(status: int) -> int:
    """The status under which the texts have words (``problem_status_…``) for an answer's."""
    if status >= 500:
        return 500
    return status if status in (403, 404, 413, 429) else 400
