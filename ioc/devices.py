"""``/devices``: devices that wait to be accepted, and which of the others report, for stewards."""

from typing import Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Form, Request
from psycopg import Error
from starlette.responses import RedirectResponse, Response

from dashboards.office_page import office_texts
from geodata.feature_id import feature_ids
from geodata.store import Store
from ioc.data_catalogue import CataloguePages, is_steward
from ioc.page_choices import language_of
from ioc.sign_in import viewer_of
from layers.device_contact import DeviceContact, device_contacts, waiting_devices
from layers.problem import ForbiddenError

MOST_SHOWN = 200
FRAMES = ("CGCS2000", "GCJ-02")
FAULTS = {
    "IOC04": "devices_decided",
    "IOC07": "devices_no_dataset",
    "IOC08": "devices_no_station",
    "55P03": "devices_loading",
    "42501": "devices_no_right",
}
"""Keys of the page's words, by the SQLSTATE that the store's functions raise."""

Text = Annotated[str, Form(max_length=64)]


def devices_router(store: Store, pages: CataloguePages) -> APIRouter:
    """The page and what its buttons do."""
    router = APIRouter(include_in_schema=False)

    def page(request: Request, error: str | None = None, status: int = 200) -> Response:
        viewer = viewer_of(request)
        if not is_steward(viewer):
            raise ForbiddenError("This page is for stewards and administrators.")
        asked = request.query_params.get("q", "").strip()[:64]
        state = request.query_params.get("state", "")
        with store.connect(viewer) as connection:
            waiting = waiting_devices(connection)
            contacts = device_contacts(connection)
            stations = connection.execute("SELECT code, name FROM ioc.station ORDER BY code").fetchall()
        shown = [one for one in contacts if _fits(one, asked.lower(), state)]
        return pages.page(
            "devices",
            request,
            status,
            current="devices",
            error=error,
            waiting=waiting,
            contacts=shown[:MOST_SHOWN],
            fitting=len(shown),
            online=sum(one.online for one in contacts),
            never=sum(one.received_at is None for one in contacts),
            all=len(contacts),
            stations=stations,
            frames=FRAMES,
            q=asked,
            state=state,
        )

    def decided(request: Request, statement: Any, parameters: list[Any]) -> Response:
        try:
            with store.connect(viewer_of(request)) as connection:
                connection.execute(statement, parameters)
        except Error as error:
            if error.sqlstate not in FAULTS:
                raise
            words = office_texts(language_of(request))
            return page(request, words[FAULTS[error.sqlstate]], 409 if error.sqlstate != "42501" else 403)
        return RedirectResponse("/devices", 303)

    @router.get("/devices")
    def show(request: Request) -> Response:
        return page(request)

    @router.post("/devices/accept")
    def accept(
        request: Request, code: Text = "", name: Text = "", station: Text = "", frame: Text = FRAMES[0]
    ) -> Response:
        number = int(feature_ids("device", pa.array([code]))[0])
        datum = frame if frame in FRAMES else FRAMES[0]
        return decided(
            request,
            "SELECT ioc.accept_device(%s, %s, %s, %s, %s)",
            [code, number, name.strip(), station.strip(), datum],
        )

    @router.post("/devices/refuse")
    def refuse(request: Request, code: Text = "") -> Response:
        return decided(request, "SELECT ioc.refuse_device(%s)", [code])

    return router


def _fits(device: DeviceContact, asked: str, state: str) -> bool:
    said = (device.code, device.name, device.station, device.station_code, device.protocol)
    kept = {
        "online": device.online,
        "offline": not device.online and device.received_at is not None,
        "never": device.received_at is None,
        "clock": device.ahead_s is not None,
    }.get(state, True)
    return kept and any(asked in (text or "").lower() for text in said)
