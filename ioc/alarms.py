"""``/alarms``: alarms, what people do with them, situations, silences, and the rules behind them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal, LiteralString

from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from psycopg import Connection, errors
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.responses import HTMLResponse, JSONResponse, Response

from dashboards.scripted_page import scripted_page
from etl.alarms.rule import AlarmRule, Change, packaged_rules
from geodata.audit import act_as
from geodata.errors import UserError
from geodata.store import Store
from ioc.page_choices import choices_of, keep_choices
from ioc.sign_in import origin_of, viewer_of
from layers import alarm as alarm_layer
from layers.feature import LARGEST_ID
from layers.problem import ForbiddenError, NotFoundError, problem_response

NO_STORE = {"Cache-Control": "private, no-store"}
Id = Annotated[int, Field(ge=0, le=LARGEST_ID)]
Code = Annotated[str | None, Field(max_length=80)]
Asked = Annotated[str | None, Query(max_length=80)]


KNOWN: dict[str, tuple[str, str, LiteralString]] = {
    "device": ("device", "设备", "SELECT FROM ioc.device WHERE code = %s LIMIT 1"),
    "station": ("station", "测站", "SELECT FROM ioc.station WHERE code = %s LIMIT 1"),
    "area": ("area with a device", "有设备的区域", "SELECT FROM ioc.device WHERE area_code ^@ %s LIMIT 1"),
}
"""What a silence may name, in English and Chinese, and whether there is such a one."""


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Action(_Sent):
    """What somebody does with an alarm."""

    action: Literal["acknowledged", "handling", "note", "cleared"]
    note: str | None = Field(None, min_length=1, max_length=500)


class Silence(_Sent):
    """Alarms that are expected: of a rule, a device, a station, an area, or of several of these at once."""

    rule: Code = None
    device: Code = None
    station: Code = None
    area: Code = None
    maintenance: bool = False
    begins_at: datetime
    ends_at: datetime
    reason: str = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _in_order(self) -> "Silence":
        if not (self.rule or self.device or self.station or self.area):
            raise ValueError("name a rule, a device, a station or an area")
        if self.begins_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise ValueError("times need their zone, such as +08:00")
        if not 0 < (self.ends_at - self.begins_at).days + 1 <= 366 or self.ends_at <= self.begins_at:
            raise ValueError("the end lies after the begin, by a year at most")
        return self


class RuleChange(_Sent):
    """A rule set otherwise, for all devices or one."""

    device: Code = None
    change: Change
    reason: str = Field(min_length=1, max_length=500)


def alarms_router(store: Store) -> APIRouter:
    """The routes, each answering for the request's viewer."""
    routes = APIRouter(tags=["alarms"])
    _add_reading(routes, store)
    _add_acting(routes, store)
    _add_silences(routes, store)
    _add_rules(routes, store)
    return routes


@contextmanager
def _opened(store: Store, request: Request) -> Iterator[Connection[Any]]:
    with store.connect(viewer_of(request)) as connection:
        act_as(connection, None, origin_of(request).address)
        yield connection


def _acting(store: Store, request: Request) -> AbstractContextManager[Connection[Any]]:
    """As ``_opened``, for whoever is there to answer for it.

    Raises:
        ForbiddenError: the session is a wall screen's.
    """
    if viewer_of(request).unattended:
        raise ForbiddenError("A wall screen only shows alarms: sign in with your own account to act on them.")
    return _opened(store, request)


def _as_seen(request: Request, alarm: dict[str, Any]) -> dict[str, Any]:
    return alarm | {"may_act": alarm["may_act"] and not viewer_of(request).unattended}


def _answer(content: Any) -> Response:
    return JSONResponse(jsonable_encoder(content), headers=NO_STORE)


def _add_reading(routes: APIRouter, store: Store) -> None:
    @routes.get("/alarms", include_in_schema=False)
    def page(request: Request) -> Response:
        html = scripted_page("alarms", choices_of(request), viewer_of(request))
        return keep_choices(request, HTMLResponse(html, headers=NO_STORE))

    @routes.get("/alarms/list")
    def listed(
        request: Request,
        state: Literal["open", "cleared", "all"] = "open",
        severity: Annotated[int | None, Query(ge=1, le=4)] = None,
        rule: Asked = None,
        device: Asked = None,
        station: Asked = None,
        situation: Annotated[int | None, Query(ge=0, le=LARGEST_ID)] = None,
        area: Annotated[str, Query(pattern=r"^\d{0,15}$")] = "",
        before: Annotated[int | None, Query(ge=0, le=LARGEST_ID)] = None,
    ) -> Response:
        """Alarms the viewer may see, the newest first; of this severity (1 is the worst) and worse."""
        search = alarm_layer.AlarmSearch(state, severity, rule, device, station, situation, area, before)
        with _opened(store, request) as connection:
            found = alarm_layer.alarms(connection, search)
        return _answer({"alarms": [_as_seen(request, one) for one in found]})

    @routes.get("/alarms/situations")
    def situations(request: Request) -> Response:
        """Situations: alarms of one cause, such as a storm."""
        with _opened(store, request) as connection:
            return _answer({"situations": alarm_layer.situations(connection)})

    @routes.get("/alarms/{alarm_id}")
    def one(request: Request, alarm_id: Id) -> Response:
        """An alarm with everything that happened to it."""
        with _opened(store, request) as connection:
            found = alarm_layer.alarm(connection, alarm_id)
        if found is None:
            raise NotFoundError(f"There is no alarm {alarm_id}.")
        return _answer(_as_seen(request, found))


def _add_acting(routes: APIRouter, store: Store) -> None:
    @routes.post("/alarms/{alarm_id}/steps")
    def act(request: Request, alarm_id: Id, sent: Action) -> Response:
        """Acknowledge an alarm, take it in hand, note something, or clear it with a reason."""
        try:
            with _acting(store, request) as connection:
                row = connection.execute(
                    "SELECT ioc.act_on_alarm(%s, %s, %s) - 'r'", [alarm_id, sent.action, sent.note]
                ).fetchone()
        except errors.InsufficientPrivilege:
            raise ForbiddenError(
                "Your account does not act on alarms of this device.", zh="您的账号不能处理此设备的告警。"
            ) from None
        except errors.CheckViolation:
            raise UserError(
                "Say in a note why the alarm is cleared by hand.", zh="人工解除须在备注中说明原因。"
            ) from None
        except errors.ObjectNotInPrerequisiteState as error:
            state = error.diag.message_primary
            return problem_response(
                409,
                "Done meanwhile",
                f"The alarm is {state} already; look at it again.",
                detail_zh="告警状态已变，请看更新后的内容。",
            )
        if row is None or row[0] is None:
            raise NotFoundError(f"There is no alarm {alarm_id}.")
        return _answer(row[0])


def _add_silences(routes: APIRouter, store: Store) -> None:
    @routes.get("/alarms/silences/list")
    def listed(request: Request) -> Response:
        """Silences that are to come, hold, or ended lately."""
        with _opened(store, request) as connection:
            return _answer({"silences": alarm_layer.silences(connection)})

    @routes.post("/alarms/silences")
    def silence(request: Request, sent: Silence) -> Response:
        """Keep alarms that are expected from being told, for a time."""
        values = [sent.rule, sent.device, sent.station, sent.area, sent.maintenance]
        values += [sent.begins_at, sent.ends_at, sent.reason]
        try:
            with _acting(store, request) as connection:
                _check_known(connection, sent)
                row = connection.execute(
                    "SELECT ioc.open_alarm_silence(%s, %s, %s, %s, %s, %s, %s, %s)", values
                ).fetchone()
        except errors.InsufficientPrivilege:
            raise ForbiddenError(
                "Your account silences alarms of its own devices only.",
                zh="您的账号只能静默本部门设备的告警。",
            ) from None
        return _answer({"id": row and row[0]})

    @routes.post("/alarms/silences/{silence_id}/lift")
    def lift(request: Request, silence_id: Id) -> Response:
        """End a silence now."""
        with _acting(store, request) as connection:
            row = connection.execute("SELECT ioc.lift_alarm_silence(%s)", [silence_id]).fetchone()
        if not (row and row[0]):
            raise NotFoundError(f"There is no silence {silence_id} that your account may lift.")
        return _answer({"id": silence_id})


def _check_known(connection: Connection[Any], sent: Silence) -> None:
    """A silence of what does not exist would hold back nothing, while its author believes that it does.

    Raises:
        UserError: a rule, device, station or area that is named is none, as far as the viewer may see.
    """
    if sent.rule and sent.rule not in packaged_rules():
        raise UserError(f"There is no alarm rule “{sent.rule}”.", zh=f"没有规则“{sent.rule}”。")
    codes = {"device": sent.device, "station": sent.station, "area": sent.area}
    for key, (name, zh, statement) in KNOWN.items():
        code = codes[key]
        if code and connection.execute(statement, [code]).fetchone() is None:
            raise UserError(
                f"There is no {name} “{code}” that your account may see: correct the code.",
                zh=f"没有您可见的{zh}“{code}”，请核对编码。",
            )


def _add_rules(routes: APIRouter, store: Store) -> None:
    @routes.get("/alarms/rules/list")
    def listed(request: Request) -> Response:
        """The rules, and what the district has set otherwise."""
        with _opened(store, request) as connection:
            changes = alarm_layer.rule_changes(connection)
            row = connection.execute("SELECT ioc.viewer_is_steward()").fetchone()
        rules = [rule.model_dump(mode="json") for rule in packaged_rules().values()]
        return _answer({"rules": rules, "changes": changes, "may_change": bool(row and row[0])})

    @routes.post("/alarms/rules/{rule_code}")
    def change(request: Request, rule_code: str, sent: RuleChange) -> Response:
        """Set a rule otherwise; an empty change brings the rule's file back."""
        rule = packaged_rules().get(rule_code)
        if rule is None:
            raise NotFoundError(f"There is no alarm rule “{rule_code[:80]}”.")
        _check_change(rule, sent.change)
        content = sent.change.model_dump_json(exclude_defaults=True)
        try:
            with _acting(store, request) as connection:
                connection.execute(
                    "SELECT ioc.change_alarm_rule(%s, %s, %s, %s)",
                    [rule_code, sent.device, content, sent.reason],
                )
        except errors.InsufficientPrivilege:
            raise ForbiddenError(
                "Stewards and administrators change alarm rules.",
                zh="只有数据管理员和系统管理员可以修改告警规则。",
            ) from None
        return _answer({"rule": rule_code})


def _check_change(rule: AlarmRule, change: Change) -> None:
    """A change fits its rule.

    Raises:
        UserError: it names a severity that the rule has not, or puts limits out of order.
    """
    if unknown := set(change.limits) - {level.severity for level in rule.levels}:
        raise UserError(f"The rule “{rule.code}” has no severity {min(unknown)}.", zh="规则没有这一级别。")
    try:
        changed = change.laid_over(rule)
    except ValidationError as error:
        raise UserError(
            f"The rule cannot be set so: {error.errors()[0]['msg']}.",
            zh="限值、回差或持续时间不合理，请核对。",
        ) from error
    levels = sorted(changed.levels if changed else (), key=lambda level: -level.severity)
    limits = [level.limit for level in levels if level.limit is not None and level.window_s is None]
    if limits != sorted(limits, reverse=rule.kind == "below"):
        raise UserError(
            "A worse severity needs a limit farther out.",
            zh="级别越高，限值应越远离正常值：请按级别核对各限值。",
        )
