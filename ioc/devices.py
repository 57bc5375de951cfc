"""``/devices``: devices that wait to be accepted, and which of the others report, for stewards."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Form, Request
from psycopg import Error
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from dashboards.office_page import office_texts
from geodata.feature_id import feature_ids
from geodata.store import Store
from ioc.data_catalogue import CataloguePages, is_steward
from ioc.page_choices import language_of
from ioc.sign_in import viewer_of
from layers.device_contact import DeviceContact, device_contacts, doors_noted_at, waiting_devices
from layers.device_proposal import device_proposals
from layers.problem import ForbiddenError

MOST_SHOWN = 200
MOST_AT_ONCE = 500
LONGEST = 64
FRAMES = ("CGCS2000", "GCJ-02")
FAULTS = {
    "IOC04": "devices_decided",
    "IOC07": "devices_no_dataset",
    "IOC08": "devices_no_station",
    "55P03": "devices_loading",
    "42501": "devices_no_right",
}
"""Keys of the page's words, by the SQLSTATE that the store's functions raise."""
STATES = ("", "offline", "online", "never", "clock")

Text = Annotated[str, Form(max_length=LONGEST)]


def devices_router(store: Store, pages: CataloguePages) -> APIRouter:
    """The page and what its buttons do."""
    router = APIRouter(include_in_schema=False)

    def page(
        request: Request, error: str | None = None, status: int = 200, typed: Mapping[str, Any] | None = None
    ) -> Response:
        viewer = viewer_of(request)
        if not is_steward(viewer):
            raise ForbiddenError("This page is for stewards and administrators.")
        asked = request.query_params.get("q", "").strip()[:LONGEST]
        state = request.query_params.get("state", "")
        with store.connect(viewer) as connection:
            waiting = waiting_devices(connection)
            proposals = device_proposals(connection, waiting)
            contacts = device_contacts(connection)
            noted_at = doors_noted_at(connection)
            stations = connection.execute("SELECT code, name FROM ioc.station ORDER BY code").fetchall()
        shown = [one for one in contacts if _fits(one, asked.lower(), state)]
        return pages.page(
            "devices",
            request,
            status,
            current="devices",
            scripts=("devices.js",),
            error=error,
            waiting=waiting,
            proposals=proposals,
            typed=typed or {},
            types=sorted({one.device_type for one in contacts if one.device_type}),
            contacts=shown[:MOST_SHOWN],
            fitting=len(shown),
            counts=Counter(one.state for one in contacts),
            all=len(contacts),
            noted_at=noted_at,
            stations=stations,
            frames=FRAMES,
            states=STATES,
            q=asked,
            state=state,
        )

    def fault(request: Request, error: Error) -> str:
        if error.sqlstate not in FAULTS:
            raise error
        return office_texts(language_of(request))[FAULTS[error.sqlstate]]

    def decided(
        request: Request, faults: list[tuple[str, Error]], typed: Mapping[str, Any] | None = None
    ) -> Response:
        if not faults:
            return RedirectResponse("/devices", 303)
        said = " ".join(f"{code}: {fault(request, error)}" for code, error in faults)
        forbidden = any(error.sqlstate == "42501" for _, error in faults)
        return page(request, said, 403 if forbidden else 409, typed)

    def accept_all(request: Request, form: FormData) -> Response:
        one = _text(form, "one")
        codes = [one] if one else [str(code)[:LONGEST] for code in form.getlist("code")][:MOST_AT_ONCE]
        if not codes:
            return page(request, office_texts(language_of(request))["devices_none_chosen"], 400, form)
        numbers = feature_ids("device", pa.array(codes))
        faults = []
        for code, number in zip(codes, numbers, strict=True):
            frame = _text(form, f"frame:{code}")
            fields = (_text(form, f"{name}:{code}") for name in ("name", "type", "station"))
            try:
                with store.connect(viewer_of(request)) as connection:
                    connection.execute(
                        "SELECT ioc.accept_device(%s, %s, %s, %s, %s, %s)",
                        [code, int(number), *fields, frame if frame in FRAMES else FRAMES[0]],
                    )
            except Error as error:
                faults.append((code, error))
        with store.connect(viewer_of(request)) as connection:
            # It has been heard already: nobody need wait for the next look.
            connection.execute("SELECT ioc.note_presence(now())")
        return decided(request, faults, form)

    @router.get("/devices")
    def show(request: Request) -> Response:
        return page(request)

    @router.post("/devices/accept")
    async def accept(request: Request) -> Response:
        form = await request.form()
        return await run_in_threadpool(accept_all, request, form)

    @router.post("/devices/refuse")
    def refuse(request: Request, one: Text = "") -> Response:
        try:
            with store.connect(viewer_of(request)) as connection:
                connection.execute("SELECT ioc.refuse_device(%s)", [one])
        except Error as error:
            return decided(request, [(one, error)])
        return decided(request, [])

    return router


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip()[:LONGEST] if isinstance(value, str) else ""


def _fits(device: DeviceContact, asked: str, state: str) -> bool:
    said: Iterable[Any] = (device.code, device.name, device.station, device.station_code, device.protocol)
    is_wrong = device.ahead_s is not None or device.behind_s is not None
    kept = is_wrong if state == "clock" else state in ("", device.state) or state not in STATES
    return kept and any(asked in (text or "").lower() for text in said)
