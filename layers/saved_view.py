"""Views of the map, kept per person or shared with the department: ``/views``."""

import re
from typing import Any, LiteralString

from fastapi import APIRouter, Request
from psycopg.errors import UniqueViolation
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from geodata.errors import UserError
from geodata.store import Store
from geodata.viewer import Viewer
from layers.filter_reading import is_storable
from layers.problem import NotFoundError
from layers.tile_endpoint import ViewerOf

STATE = re.compile(r"[0-9]{1,3}\.[A-Za-z0-9_-]{1,11990}")
LONGEST_NAME = 80
MOST_VIEWS = 200
NO_STORE = {"Cache-Control": "private, no-store"}

SELECT: LiteralString = """
    SELECT id, name, state, department_code, account_id = %s AS own,
        ioc.account_display_name(account_id), created_at
    FROM ioc.saved_view ORDER BY name, id
"""
INSERT: LiteralString = """
    INSERT INTO ioc.saved_view (account_id, department_code, name, state) VALUES (%s, %s, %s, %s) RETURNING id
"""


class NewView(BaseModel):
    """A view to keep; ``state`` is what a link to the page carries in ``view``."""

    model_config = ConfigDict(extra="forbid")

    name: str
    state: str
    shared: bool = False


def view_routes(store: Store, viewer_of: ViewerOf) -> APIRouter:
    """List, keep and remove views; the store lets each viewer see their own and their department's."""
    routes = APIRouter(tags=["views"])

    @routes.get("/views")
    def list_views(request: Request) -> JSONResponse:
        """Own views and those shared in the own department, by name."""
        viewer = viewer_of(request)
        with store.connect(viewer) as connection:
            rows = connection.execute(SELECT, [viewer.account_id]).fetchall()
        return JSONResponse({"views": [_view(row) for row in rows]}, headers=NO_STORE)

    @routes.post("/views")
    def keep_view(request: Request, view: NewView) -> JSONResponse:
        """Keep a view under a name that is not yet one of the viewer's own."""
        viewer = viewer_of(request)
        name = _name(view.name)
        if not STATE.fullmatch(view.state):
            raise UserError("The state of a view is what a link to the map carries in “view”: copy it whole.")
        department = _department(viewer) if view.shared else None
        with store.connect(viewer) as connection:
            count = connection.execute(
                "SELECT count(*) FROM ioc.saved_view WHERE account_id = %s", [viewer.account_id]
            ).fetchone()
            if count is not None and count[0] >= MOST_VIEWS:
                raise UserError(
                    f"You keep {MOST_VIEWS} views already: remove one that is no longer needed.",
                    zh=f"您已保存 {MOST_VIEWS} 个视图，请先删除不再需要的。",
                )
            try:
                row = connection.execute(INSERT, [viewer.account_id, department, name, view.state]).fetchone()
            except UniqueViolation as error:
                raise UserError(
                    f"You keep a view called “{name}” already: choose another name.",
                    zh=f"您已有名为“{name}”的视图，请换个名称。",
                ) from error
        assert row is not None, "INSERT … RETURNING"
        return JSONResponse({"id": row[0], "name": name}, 201, headers=NO_STORE)

    @routes.delete("/views/{view_id}", status_code=204)
    def remove_view(request: Request, view_id: int) -> Response:
        """Remove one of the viewer's own views."""
        with store.connect(viewer_of(request)) as connection:
            # Compared as numeric: a number beyond integer is then simply not there.
            removed = connection.execute(
                "DELETE FROM ioc.saved_view WHERE id::numeric = %s::numeric RETURNING id", [str(view_id)]
            ).fetchone()
        if removed is None:
            raise NotFoundError(f"You keep no view {str(view_id)[:20]}: GET /views lists those you keep.")
        return Response(status_code=204)

    return routes


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 1 <= len(name) <= LONGEST_NAME or not is_storable(name):
        raise UserError(f"The name of a view has 1 to {LONGEST_NAME} characters: choose such a one.")
    return name


def _department(viewer: Viewer) -> str:
    if viewer.department_code is None:
        raise UserError(
            "Your account belongs to no department: keep the view for yourself.",
            zh="您的账号不属于任何部门，只能为自己保存视图。",
        )
    return viewer.department_code


def _view(row: tuple[Any, ...]) -> dict[str, Any]:
    view_id, name, state, department, own, keeper, created = row
    return {
        "id": view_id,
        "name": name,
        "state": state,
        "shared": department is not None,
        "own": own,
        "keeper": keeper,
        "created_at": created.isoformat(),
    }
