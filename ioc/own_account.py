"""``/account``: one's own password, sessions and tokens."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dashboards.office_page import office_page, office_texts
from geodata.audit import act_as
from geodata.store import Store
from ioc.accounts import MIN_PASSWORD_LENGTH, change_own_password
from ioc.credential_list import credential_rows, revoke_by_id
from ioc.page_choices import choices_of, keep_choices, language_of
from ioc.sign_in import COOKIE, origin_of, too_many, viewer_of

Password = Annotated[str, Form(max_length=500)]


def own_account_router(store: Store, on_change: Callable[[], None]) -> APIRouter:
    """The routes; ``on_change`` is called when sessions have ended."""
    router = APIRouter(include_in_schema=False)

    def page(
        request: Request, status: int = 200, error: str | None = None, notice: str | None = None
    ) -> Response:
        viewer = viewer_of(request)
        with store.session(viewer) as session:
            rows = credential_rows(session, request, viewer.account_id)
        words = office_texts(language_of(request))
        html = office_page(
            "own_account",
            choices_of(request),
            current="own_account",
            viewer=viewer,
            credentials=rows,
            error=words[error] if error else None,
            notice=words[notice] if notice else None,
            secret=None,
        )
        answer = HTMLResponse(html, status, headers={"Cache-Control": "private, no-store"})
        return keep_choices(request, answer)

    @router.get("/account")
    def show(request: Request) -> Response:
        return page(request)

    @router.post("/account/password")
    def change_password(request: Request, old: Password, new: Password, again: Password) -> Response:
        if new != again:
            return page(request, 400, error="problem_passwords_differ")
        if len(new) < MIN_PASSWORD_LENGTH:
            return page(request, 400, error="problem_too_short")
        viewer, origin = viewer_of(request), origin_of(request)
        with store.app_connection() as connection:
            row = connection.execute(
                "SELECT ioc.begin_sign_in(%s, %s)", [viewer.name, origin.address]
            ).fetchone()
        if row and row[0]:
            return too_many(row[0])
        with store.connect(viewer) as connection:
            act_as(connection, None, origin.address)
            kept = request.cookies.get(COOKIE)
            if not change_own_password(connection, viewer.account_id, old, new, kept):
                return page(request, 400, error="problem_old_password")
            connection.execute("SELECT ioc.end_sign_in(%s, %s)", [viewer.name, origin.address])
        on_change()
        return page(request, notice="password_changed")

    @router.post("/account/sessions/{credential_id}/revoke")
    def revoke(request: Request, credential_id: int) -> Response:
        viewer = viewer_of(request)
        with store.session(viewer) as session:
            act_as(session, None, origin_of(request).address)
            revoke_by_id(session, credential_id, viewer.account_id)
        on_change()
        return RedirectResponse("/account", 303)

    return router
