"""``/devices/…/questions``: stations are asked for what they measure now or kept (召测, 补测)."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from psycopg import Connection, errors
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import JSONResponse, Response

from etl.feeds import device_question
from etl.feeds.device_question import Asked
from geodata.audit import act_as
from geodata.store import Store
from ioc.sign_in import origin_of, viewer_of
from layers.device_question import askable_devices, questions_by_id, questions_of
from layers.problem import ForbiddenError, NotFoundError, problem_response

NO_STORE = {"Cache-Control": "private, no-store"}
Code = Annotated[str, Field(pattern=r"^[^\x00-\x1f]{1,64}$")]
REFUSED = {
    "IOC04": (
        409,
        "Busy",
        "The device is being asked several things already; wait for its answers.",
        "这个设备还有几个问题在等回答，请稍候再问。",
    ),
    "IOC07": (
        503,
        "Doors shut",
        "The process that speaks with the stations does not run; `ioc feeds status` tells of it.",
        "接收程序没有运行，暂时不能召测。",
    ),
    "IOC08": (
        400,
        "Not askable",
        "The device does not speak SL 651.",
        "这个设备不是 SL 651 测站，不能召测。",
    ),
}
"""Status, title and sentences by the SQLSTATE that the store's function raises."""


class Question(BaseModel):
    """What a station is asked: what it measures now, or with times what it kept of elements."""

    model_config = ConfigDict(extra="forbid")
    elements: Annotated[list[Annotated[str, Field(max_length=8)]], Field(max_length=20)] = []
    begin: datetime | None = Field(None, alias="from")
    end: datetime | None = Field(None, alias="to")

    @model_validator(mode="after")
    def _whole(self) -> "Question":
        if (self.begin is None) != (self.end is None):
            raise ValueError("a period has both its times")
        if any(at is not None and at.tzinfo is None for at in (self.begin, self.end)):
            raise ValueError("times need their zone, such as +08:00")
        return self


def device_questions_router(store: Store) -> APIRouter:
    """The routes, each answering for the request's viewer."""
    routes = APIRouter(tags=["devices"])

    @routes.get("/devices/questions")
    def listed(request: Request, device: Annotated[list[Code], Query(max_length=20)]) -> Response:
        """The questions to devices within a day, and which of the devices the viewer may ask."""
        with store.connect(viewer_of(request)) as connection:
            askable = [] if viewer_of(request).unattended else askable_devices(connection, device)
            return _answer({"askable": askable, "questions": questions_of(connection, device)})

    @routes.post("/devices/{code}/questions")
    def ask(request: Request, code: Code, sent: Question) -> Response:
        """Ask a station; what it answers comes in as readings, and the question says when."""
        if viewer_of(request).unattended:
            raise ForbiddenError(
                "A wall screen only shows stations: sign in with your own account to ask them."
            )
        try:
            with store.connect(viewer_of(request)) as connection:
                act_as(connection, None, origin_of(request).address)
                ids = [_put(connection, code, asked) for asked in _questions(connection, code, sent)]
                put = questions_by_id(connection, ids)
        except errors.InsufficientPrivilege:
            return problem_response(
                403,
                "Forbidden",
                "Your account does not ask this device.",
                detail_zh="你的账号无权召测这个设备。",
            )
        except errors.Error as error:
            if error.sqlstate not in REFUSED:
                raise
            status, title, en, zh = REFUSED[error.sqlstate]
            return problem_response(status, title, en, detail_zh=zh)
        return _answer({"questions": put})

    return routes


def _questions(connection: Connection[Any], code: str, sent: Question) -> list[Asked]:
    if sent.begin is None or sent.end is None:
        return [device_question.present(sent.elements)]
    intervals = device_question.intervals_of(connection, code)
    return device_question.period(sent.elements, sent.begin, sent.end, intervals)


def _put(connection: Connection[Any], code: str, asked: Asked) -> int:
    row = connection.execute("SELECT ioc.ask_device(%s, %s)", [code, Jsonb(asked)]).fetchone()
    if row is None or row[0] is None:
        raise NotFoundError(f"There is no device {code[:64]}.", zh="没有这个设备。")
    return row[0]


def _answer(content: Any) -> Response:
    return JSONResponse(jsonable_encoder(content), headers=NO_STORE)
