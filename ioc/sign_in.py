"""Who is asking: sign-in, sign-out, and the viewer of every request."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from secrets import compare_digest
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import APIRouter, HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.office_navigation import pages_of
from dashboards.sign_in import sign_in_page
from geodata.audit import AuditEntry, disclosures, record
from geodata.store import Store
from geodata.viewer import Viewer, resolve_viewer
from ioc.accounts import (
    KIOSK_LIFETIME,
    Origin,
    SignInAttempt,
    credential_account,
    open_kiosk_link,
    revoke_credential,
    sign_in_by_password,
)
from ioc.page_choices import choices_of, keep_choices
from ioc.request_limit import RequestLimit
from ioc.request_trail import RequestTrail
from layers.problem import problem_response

COOKIE = "ioc_session"
PUBLIC_PATHS = ("/sign-in", "/sign-in/oidc", "/sign-in/oidc/callback", "/kiosk", "/health", "/favicon.ico")
METRICS_PATH = "/metrics"
PUBLIC_PREFIXES = ("/assets/", "/ingest/", "/open311/")
"""Static files; and what sources hand in, which the routes let in by tokens of their own."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CACHE_LIMIT = 10_000


class ViewerDirectory:
    """Viewers by the secret of their session or token.

    Kept in memory only while ``is_watched`` says that changes of rights are being heard of;
    ``forget`` is called at every such change.
    """

    def __init__(self, store: Store, is_watched: Callable[[], bool]) -> None:
        self._store = store
        self._is_watched = is_watched
        self._known: dict[str, tuple[Viewer, datetime | None]] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Rights or accounts have changed: resolve everybody anew."""
        with self._lock:
            self._generation += 1
            self._known.clear()

    def known(self, secret: str) -> Viewer | None:
        """The viewer, if no question to the store is needed."""
        if not self._is_watched():
            return None
        entry = self._known.get(secret)
        if entry is None or (entry[1] is not None and entry[1] <= datetime.now(UTC)):
            return None
        return entry[0]

    def resolve(self, secret: str) -> Viewer | None:
        """The viewer by the store's word; None when the session or token is not good."""
        generation = self._generation
        with self._store.app_connection() as connection:
            account = credential_account(connection, secret)
            viewer = resolve_viewer(connection, account.account_id) if account else None
        if account and viewer:
            viewer = replace(viewer, unattended=account.unattended)
            with self._lock:
                # An answer from before a change of rights must not be kept after it.
                if generation == self._generation:
                    if len(self._known) >= CACHE_LIMIT:
                        self._known.clear()
                    self._known[secret] = (viewer, account.expires_at)
        return viewer


def viewer_of(connection: HTTPConnection) -> Viewer:
    """The viewer of a request that has passed ``SignInMiddleware``."""
    return connection.scope["ioc.viewer"]


async def viewer_now(connection: HTTPConnection) -> Viewer | None:
    """The viewer as the session or token stands by now, for answers that last; None when it is over."""
    return await connection.scope["ioc.viewer_now"]()


def require_role(role: str) -> Callable[[Request], None]:
    """A dependency that lets only viewers with the role pass; the others are refused with 403."""

    def check(request: Request) -> None:
        if role not in viewer_of(request).roles:
            raise HTTPException(403, f"This page is for accounts with the role {role}.")

    return check


def may_read_metrics(request: Request) -> None:
    """Let only administrators and the bearer of the metrics token read the metrics."""
    if "ioc.viewer" in request.scope:
        require_role("admin")(request)


class SignInMiddleware:
    """Lets nobody pass who is not signed in, except to the sign-in page, static files and the sources' door.

    The bearer of ``metrics_token`` passes to the metrics and to nothing else.

    Who passes is held to the limit of requests; who is refused is written to the audit trail.
    """

    def __init__(
        self,
        app: ASGIApp,
        directory: ViewerDirectory,
        trail: RequestTrail | None = None,
        limit: RequestLimit | None = None,
        metrics_token: str | None = None,
    ) -> None:
        self.app = app
        self.metrics_token = metrics_token
        self.directory = directory
        self.trail = trail
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        if path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIXES):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        secret, by_cookie = _secret_of(connection)
        if path == METRICS_PATH and self._is_metrics_token(secret):
            await self.app(scope, receive, send)
            return
        viewer = await self._viewer(secret) if secret else None
        if viewer is None:
            if secret:
                await self._note_refusal(connection, None, 401)
            await _refuse(scope, receive, send)
        elif by_cookie and _from_another_site(scope, connection):
            await self._note_refusal(connection, viewer, 403)
            await _forbid(scope, receive, send)
        elif self.limit and (wait := self.limit.seconds_to_wait(viewer.account_id, path)):
            await _slow_down(wait, scope, receive, send)
        else:
            assert secret, "a viewer has one"
            scope["ioc.viewer"] = viewer
            scope["ioc.viewer_now"] = partial(self._viewer, secret)
            await self._pass_on(connection, viewer, receive, send)

    def _is_metrics_token(self, secret: str | None) -> bool:
        token = self.metrics_token
        return bool(token and secret) and compare_digest(str(token).encode(), str(secret).encode())

    async def _pass_on(
        self, connection: HTTPConnection, viewer: Viewer, receive: Receive, send: Send
    ) -> None:
        """Call the application; what it discloses is written down first, and what it refuses."""
        if self.trail is None or connection.scope["path"].startswith("/tiles/"):
            await self.app(connection.scope, receive, send)
            return
        trail = self.trail
        noted: list[AuditEntry] = []

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                entries = noted.copy()
                noted.clear()
                if entries and message["status"] < 400:
                    await trail.disclose(connection, viewer, entries)
                if message["status"] == 403:
                    await trail.note(connection, viewer, 403)
            await send(message)

        held = disclosures.set(noted)
        try:
            await self.app(connection.scope, receive, watch)
        finally:
            disclosures.reset(held)

    async def _note_refusal(self, connection: HTTPConnection, viewer: Viewer | None, status: int) -> None:
        if self.trail:
            await self.trail.note(connection, viewer, status)

    async def _viewer(self, secret: str) -> Viewer | None:
        return self.directory.known(secret) or await run_in_threadpool(self.directory.resolve, secret)


def _secret_of(connection: HTTPConnection) -> tuple[str | None, bool]:
    authorization = connection.headers.get("authorization", "")
    if authorization[:7].lower() == "bearer ":
        return authorization[7:].strip(), False
    return connection.cookies.get(COOKIE), True


def _from_another_site(scope: Scope, connection: HTTPConnection) -> bool:
    """A browser on another site's page is asking in the viewer's name (CSRF, cross-site websocket)."""
    if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
        return False
    origin = connection.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != connection.headers.get("host")


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4401})
        return
    wants_page = "text/html" in HTTPConnection(scope).headers.get("accept", "")
    if wants_page and scope["method"] == "GET":
        target = scope["path"] + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
        response: Response = RedirectResponse(f"/sign-in?next={quote(target, safe='/')}", 303)
    else:
        response = problem_response(
            401,
            "Not signed in",
            "Sign in at /sign-in, or send a token as “Authorization: Bearer …”.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    await response(scope, receive, send)


async def _forbid(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4403})
        return
    response = problem_response(403, "Request from another site", "Send it from a page of this server.")
    await response(scope, receive, send)


async def _slow_down(wait: int, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4429})
        return
    await too_many(wait)(scope, receive, send)


def too_many(wait: int) -> JSONResponse:
    """The answer to who asks too often, with the seconds to wait."""
    return problem_response(
        429,
        "Too many requests",
        f"Wait {wait} seconds and try again.",
        headers={"Retry-After": str(wait)},
    )


def origin_of(request: HTTPConnection) -> Origin:
    """Where a request comes from; behind a trusted proxy, the address that the proxy states."""
    return Origin(request.client.host if request.client else None, request.headers.get("user-agent"))


def with_session(response: Response, request: Request, secret: str, lifetime: timedelta) -> Response:
    """The response with the cookie that signs the browser in, out of reach of scripts."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(lifetime.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


def sign_in_router(
    store: Store,
    directory: ViewerDirectory,
    session_hours: float,
    demo_hint: Callable[[], bool],
    single_sign_on: bool = False,
) -> APIRouter:
    """Routes ``/sign-in``, ``/sign-out`` and ``/whoami``."""
    router = APIRouter(include_in_schema=False)
    lifetime = timedelta(hours=session_hours)

    def page(request: Request, error: str | None) -> str:
        wanted = request.query_params.get("next", "")
        return sign_in_page(choices_of(request), error, demo_hint(), wanted, single_sign_on)

    @router.get("/sign-in")
    def show_sign_in(request: Request) -> Response:
        return keep_choices(request, HTMLResponse(page(request, error=None)))

    @router.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        if _from_another_site(request.scope, request):
            return problem_response(403, "Request from another site", "Send it from a page of this server.")
        form, is_json = await _sign_in_form(request)
        attempt = await run_in_threadpool(_session_for, store, form, lifetime, origin_of(request))
        if attempt.wait and is_json:
            return too_many(attempt.wait)
        if attempt.wait:
            return HTMLResponse(page(request, "locked"), 429, headers={"Retry-After": str(attempt.wait)})
        if attempt.secret is None and is_json:
            return problem_response(401, "Not signed in", "Name and password do not match.")
        if attempt.secret is None:
            return HTMLResponse(page(request, error="mismatch"), 401)
        target = local_path(form.get("next") or request.query_params.get("next", ""))
        response = JSONResponse({"signed_in": True}) if is_json else RedirectResponse(target, 303)
        return with_session(response, request, attempt.secret, lifetime)

    @router.get("/kiosk")
    def kiosk(request: Request, token: str = "") -> Response:
        """Sign a screen in by a link that works once."""
        with store.app_connection() as connection:
            secret = open_kiosk_link(connection, token, origin_of(request))
        if secret is None:
            return HTMLResponse(page(request, "kiosk"), 401)
        return with_session(RedirectResponse("/", 303), request, secret, KIOSK_LIFETIME)

    @router.post("/sign-out")
    def sign_out(request: Request) -> Response:
        secret = request.cookies.get(COOKIE)
        if secret:
            viewer = viewer_of(request)
            with store.app_connection() as connection:
                revoke_credential(connection, secret)
                address = origin_of(request).address
                record(connection, AuditEntry("sign_out", viewer.account_id, viewer.name, address))
            directory.forget()
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(COOKIE)
        return response

    @router.get("/whoami")
    def whoami(request: Request) -> dict[str, Any]:
        viewer = viewer_of(request)
        return {
            "name": viewer.name,
            "display_name": viewer.display_name,
            "roles": sorted(viewer.roles),
            "department": viewer.department_code,
            "areas": list(viewer.areas),
            "pages": {page.key: page.path for page in pages_of(viewer)},
        }

    return router


def _session_for(store: Store, form: dict[str, str], lifetime: timedelta, origin: Origin) -> SignInAttempt:
    return sign_in_by_password(store, form.get("name", ""), form.get("password", ""), lifetime, origin)


async def _sign_in_form(request: Request) -> tuple[dict[str, str], bool]:
    body = (await request.body())[:10_000].decode("utf-8", "replace")
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            sent = json.loads(body)
        except ValueError:
            sent = None
        return {k: str(v) for k, v in sent.items()} if isinstance(sent, dict) else {}, True
    return {key: values[-1] for key, values in parse_qs(body).items()}, False


def local_path(target: str) -> str:
    """Where to go after signing in: a path of this server and nothing else."""
    parts = urlsplit(target)
    local = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if local and not parts.scheme and not parts.netloc else "/"
