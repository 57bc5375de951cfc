"""``/admin``: accounts, grants, sessions and the audit trail, for administrators.

Every route demands the role; the store demands it again of every change and of every read of the trail.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response, StreamingResponse

from dashboards.office_page import office_page, office_texts
from geodata.audit import AuditEntry, act_as, record
from geodata.errors import UserError
from geodata.models import Account, AccountRight, Dataset, Department, RoleRight, SignInAttempt
from geodata.store import Store
from geodata.viewer import ROLES
from ioc.accounts import (
    NewAccount,
    add_account,
    issue_credential,
    issue_kiosk_link,
    new_password,
    set_password,
    unlock_account,
)
from ioc.audit_search import AuditSearch, audit_csv, audit_xlsx, search_page
from ioc.credential_list import credential_rows, revoke_by_id
from ioc.page_choices import choices_of, keep_choices, language_of
from ioc.sign_in import origin_of, require_role, viewer_of

SECTIONS = (
    ("accounts", "/admin"),
    ("rights", "/admin/rights"),
    ("sessions", "/admin/sessions"),
    ("audit", "/admin/audit"),
)
TOKEN_LIFETIME = timedelta(days=365)
AREA_LENGTHS = (6, 9, 12, 15)
HEADINGS = ("when", "account", "action", "layer", "subject", "address", "detail")
NO_STORE = {"Cache-Control": "private, no-store"}

Text = Annotated[str, Form(max_length=200)]


class RefusalError(UserError):
    """A form that cannot be carried out; the message is a key of the office texts."""


class AdminPages:
    """What the pages are filled with."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def session(self, request: Request) -> Iterator[Session]:
        """A session in the administrator's name and from where the request comes."""
        with self._store.session(viewer_of(request)) as session:
            act_as(session, None, origin_of(request).address)
            yield session

    def page(self, name: str, request: Request, section: str, status: int = 200, **values: Any) -> Response:
        """A page with the frame's own values."""
        common = {
            "current": "admin",
            "sections": SECTIONS,
            "section": section,
            "viewer": viewer_of(request),
        }
        filled = {"error": None, "notice": None, "secret": None, **common, **values}
        html = office_page(name, choices_of(request), **filled)
        return keep_choices(request, HTMLResponse(html, status, headers=NO_STORE))

    def accounts(
        self, request: Request, status: int = 200, error: str | None = None, tried: Account | None = None
    ) -> Response:
        """The list of accounts, and the form for another, filled with what was ``tried``."""
        with self.session(request) as session:
            accounts = list(session.scalars(select(Account).order_by(Account.name)))
            session.expunge_all()
            common = self._common(session, request)
        filled = {"error": error, "accounts": accounts, "tried": tried, **common}
        return self.page("accounts", request, "accounts", status, **filled)

    def account(self, request: Request, account_id: int, status: int = 200, **values: Any) -> Response:
        """One account with its grants, sessions and tokens."""
        with self.session(request) as session:
            account = account_or_404(session, account_id)
            grants = list(session.scalars(select(AccountRight).where(AccountRight.account_id == account_id)))
            titles = session.execute(select(Dataset.code, Dataset.title_zh, Dataset.title_en)).all()
            session.expunge_all()
            language = language_of(request)
            common = self._common(session, request)
            credentials = credential_rows(session, request, account_id)
        names = {code: zh if language == "zh" else en for code, zh, en in titles}
        filled = {"account": account, "grants": grants, "dataset_names": names, "credentials": credentials}
        return self.page("account_edit", request, "accounts", status, **filled, **common, **values)

    def _common(self, session: Session, request: Request) -> dict[str, Any]:
        zh = language_of(request) == "zh"
        departments = [
            (d.code, d.name_zh if zh else d.name_en, d.name_en)
            for d in session.scalars(select(Department).order_by(Department.code))
        ]
        locked = session.scalars(
            select(SignInAttempt.key).where(
                SignInAttempt.key.startswith("account:"), SignInAttempt.failures >= 5
            )
        )
        return {
            "departments": departments,
            "department_names": {code: name for code, name, _ in departments},
            "roles": ROLES,
            "locked": {key.removeprefix("account:") for key in locked},
        }


def account_or_404(session: Session, account_id: int) -> Account:
    """The account, or the answer that there is none."""
    account = session.get(Account, account_id)
    if account is None:
        raise HTTPException(404, "There is no such account.")
    return account


def admin_router(store: Store, on_change: Callable[[], None]) -> APIRouter:
    """The routes; ``on_change`` is called when sessions or rights have changed."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(require_role("admin"))])
    pages = AdminPages(store)
    _add_views(router, store, pages)
    _add_account_forms(router, pages, on_change)
    _add_credential_forms(router, store, pages, on_change)
    return router


def _add_views(router: APIRouter, store: Store, pages: AdminPages) -> None:
    @router.get("/admin")
    def accounts(request: Request) -> Response:
        return pages.accounts(request)

    @router.get("/admin/accounts")
    def refused_form() -> Response:
        """Whoever asks anew for the answer to a form gets the list."""
        return RedirectResponse("/admin", 303)

    @router.get("/admin/accounts/{account_id}")
    def account(request: Request, account_id: int) -> Response:
        return pages.account(request, account_id)

    @router.get("/admin/rights")
    def rights(request: Request) -> Response:
        with pages.session(request) as session:
            rows = list(session.scalars(select(RoleRight).order_by(RoleRight.role)))
            session.expunge_all()
        return pages.page("rights", request, "rights", rights=rows)

    @router.get("/admin/sessions")
    def sessions(request: Request) -> Response:
        with pages.session(request) as session:
            rows = credential_rows(session, request)
        return pages.page("sessions", request, "sessions", credentials=rows)

    @router.get("/admin/audit")
    def audit(request: Request, search: Annotated[AuditSearch, Depends(_search)]) -> Response:
        with pages.session(request) as session:
            rows, before = search_page(session, search)
        words = office_texts("zh")
        actions = [key.removeprefix("action_") for key in words if key.startswith("action_")]
        values = {key: value for key, value in vars(search).items() if value and key != "before"}
        found = {"rows": rows, "before": before, "search": search, "actions": actions}
        return pages.page("audit", request, "audit", query=urlencode(values), **found)

    @router.get("/admin/audit.csv")
    def as_csv(request: Request, search: Annotated[AuditSearch, Depends(_search)]) -> Response:
        _note_export(store, request, search, "csv")

        def lines() -> Iterator[str]:
            with pages.session(request) as session:
                yield from audit_csv(session, replace(search, before=None), _headings(request))

        headers = {**NO_STORE, "Content-Disposition": 'attachment; filename="audit.csv"'}
        return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)

    @router.get("/admin/audit.xlsx")
    def as_xlsx(request: Request, search: Annotated[AuditSearch, Depends(_search)]) -> Response:
        _note_export(store, request, search, "xlsx")
        with pages.session(request) as session:
            path = audit_xlsx(session, replace(search, before=None), _headings(request))
        return FileResponse(
            path, filename="audit.xlsx", headers=NO_STORE, background=BackgroundTask(path.unlink)
        )


def _add_account_forms(router: APIRouter, pages: AdminPages, on_change: Callable[[], None]) -> None:
    @router.post("/admin/accounts")
    def add(
        request: Request,
        name: Text,
        display_name: Text,
        areas: Text,
        sensitivity: Annotated[int, Form(ge=1, le=3)],
        department: Text = "",
        roles: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        words, password = office_texts(language_of(request)), new_password()
        try:
            chosen = _areas(areas)
            if not roles:
                raise RefusalError("problem_roles")
            with pages.session(request) as session:
                if session.scalar(select(Account.id).where(Account.name == name)) is not None:
                    raise RefusalError("problem_name_taken")
                new = NewAccount(name, display_name, tuple(roles), department or None, chosen, sensitivity)
                made = add_account(session, new, password).id
        except RefusalError as refusal:
            tried = Account(
                name=name,
                display_name=display_name,
                roles=roles or [],
                department_code=department,
                areas=areas.split(),
                sensitivity=sensitivity,
            )
            return pages.accounts(request, 400, words[str(refusal)], tried)
        return pages.account(request, made, notice=words["password_made"], secret=password)

    @router.post("/admin/accounts/{account_id}")
    def change(
        request: Request,
        account_id: int,
        display_name: Text,
        areas: Text,
        sensitivity: Annotated[int, Form(ge=1, le=3)],
        department: Text = "",
        active: Text = "",
        roles: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        words = office_texts(language_of(request))
        try:
            chosen = _areas(areas)
            if not roles or set(roles) - set(ROLES):
                raise RefusalError("problem_roles")
            if account_id == viewer_of(request).account_id and not (active and "admin" in roles):
                raise RefusalError("problem_own_rights")
            with pages.session(request) as session:
                account = account_or_404(session, account_id)
                account.display_name, account.roles, account.areas = display_name, roles, list(chosen)
                account.department_code, account.sensitivity = department or None, sensitivity
                account.active = bool(active)
        except RefusalError as refusal:
            return pages.account(request, account_id, 400, error=words[str(refusal)])
        on_change()
        return pages.account(request, account_id, notice=words["saved"])

    @router.post("/admin/accounts/{account_id}/grants")
    def grant(
        request: Request,
        account_id: int,
        dataset: Text,
        department: Text,
        area: Text,
        sensitivity: Annotated[int, Form(ge=1, le=3)],
        may: Annotated[Literal["see", "propose", "review"], Form()] = "see",
    ) -> Response:
        words = office_texts(language_of(request))
        try:
            (code,) = _areas(area)
        except ValueError:
            return pages.account(request, account_id, 400, error=words["problem_area"])
        except RefusalError as refusal:
            return pages.account(request, account_id, 400, error=words[str(refusal)])
        with pages.session(request) as session:
            account_or_404(session, account_id)
            key = {
                "account_id": account_id,
                "dataset_code": dataset,
                "department_code": department,
                "area_code": code,
            }
            known = session.scalar(select(AccountRight).filter_by(**key))
            if known is None:
                session.add(AccountRight(**key, sensitivity=sensitivity, may=may))
            else:
                known.sensitivity, known.may = sensitivity, may
        on_change()
        return pages.account(request, account_id, notice=words["saved"])

    @router.post("/admin/accounts/{account_id}/grants/{grant_id}/remove")
    def take_back(request: Request, account_id: int, grant_id: int) -> Response:
        with pages.session(request) as session:
            right = AccountRight.account_id == account_id
            session.execute(delete(AccountRight).where(right, AccountRight.id == grant_id))
        on_change()
        return RedirectResponse(f"/admin/accounts/{account_id}", 303)


def _add_credential_forms(
    router: APIRouter, store: Store, pages: AdminPages, on_change: Callable[[], None]
) -> None:
    @router.post("/admin/accounts/{account_id}/password")
    def reset(request: Request, account_id: int) -> Response:
        password = new_password()
        with pages.session(request) as session:
            set_password(session, account_or_404(session, account_id).name, password)
        on_change()
        words = office_texts(language_of(request))
        return pages.account(request, account_id, notice=words["password_made"], secret=password)

    @router.post("/admin/accounts/{account_id}/unlock")
    def unlock(request: Request, account_id: int) -> Response:
        with pages.session(request) as session:
            unlock_account(session, account_or_404(session, account_id).name, viewer_of(request).name)
        words = office_texts(language_of(request))
        return pages.account(request, account_id, notice=words["unlocked"])

    @router.post("/admin/accounts/{account_id}/token")
    def token(request: Request, account_id: int, label: Text = "") -> Response:
        with pages.session(request) as session:
            account_or_404(session, account_id)
        with store.connect(viewer_of(request)) as connection:
            act_as(connection, None, origin_of(request).address)
            secret = issue_credential(connection, account_id, "token", TOKEN_LIFETIME, label or None)
        words = office_texts(language_of(request))
        return pages.account(request, account_id, notice=words["token_made"], secret=secret)

    @router.post("/admin/accounts/{account_id}/kiosk")
    def kiosk(request: Request, account_id: int, label: Text = "") -> Response:
        words = office_texts(language_of(request))
        try:
            with store.connect(viewer_of(request)) as connection:
                act_as(connection, None, origin_of(request).address)
                secret = issue_kiosk_link(connection, account_id, label or None)
        except UserError:
            return pages.account(request, account_id, 400, error=words["problem_not_screen"])
        link = f"{request.base_url}kiosk?token={secret}"
        return pages.account(request, account_id, notice=words["kiosk_made"], secret=link)

    @router.post("/admin/sessions/{credential_id}/revoke")
    def revoke(request: Request, credential_id: int) -> Response:
        with pages.session(request) as session:
            revoke_by_id(session, credential_id)
        on_change()
        return RedirectResponse("/admin/sessions", 303)


def _areas(text: str) -> tuple[str, ...]:
    codes = tuple(text.split())
    if not codes or any(
        code != "*" and not (code.isascii() and code.isdigit() and len(code) in AREA_LENGTHS)
        for code in codes
    ):
        raise RefusalError("problem_area")
    return codes


def _search(
    who: str = "",
    action: str = "",
    layer: str = "",
    subject: str = "",
    since: str = "",
    until: str = "",
    before: int | None = None,
) -> AuditSearch:
    return AuditSearch(who.strip(), action, layer.strip(), subject.strip(), _day(since), _day(until), before)


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"“{text[:40]}” is not a day; write it as 2026-09-30.") from error


def _headings(request: Request) -> list[str]:
    words = office_texts(language_of(request))
    return [words[key] for key in HEADINGS]


def _note_export(store: Store, request: Request, search: AuditSearch, kind: str) -> None:
    viewer = viewer_of(request)
    asked = {key: str(value) for key, value in vars(search).items() if value}
    entry = AuditEntry(
        "audit_export", viewer.account_id, viewer.name, origin_of(request).address, None, kind, asked
    )
    with store.app_connection() as connection:
        record(connection, entry)
