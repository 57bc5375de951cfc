"""Moving cases on: steps by those whose post allows them, with the clock of each case kept right.

Which step is possible in which state, by which post, and what it does to the clock is the table
``ioc.case_transition``; the store's function ``ioc.case_step`` enforces it. Here deadlines are counted.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from psycopg import Connection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from geodata.case_deadline import HandlingClock, Limit, LimitUnit, condition_by_key, stage_deadline
from geodata.case_filing import matter_of
from geodata.case_refusal import FAULTS, MISSING, CaseRefusedError, asked
from geodata.working_calendar import CALENDAR

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Transition:
    """One way on from a state."""

    action: str
    from_state: str
    to_state: str
    posts: list[str]
    reason: bool
    clock: str | None
    position: int


@dataclass(frozen=True)
class Step:
    """A step as somebody asks for it; ``version`` is the case's as they saw it, ``place`` in degrees."""

    case_id: int
    version: int
    action: str
    opinion: str = ""
    department: str | None = None
    condition: str | None = None
    matter_class: str | None = None
    until: datetime | None = None
    place: tuple[float, float] | None = None


def transitions(connection: Connection[Any]) -> list[Transition]:
    """Every transition there is, in the order in which they are offered."""
    with connection.cursor(row_factory=class_row(Transition)) as cursor:
        return cursor.execute("SELECT * FROM ioc.case_transition ORDER BY position, action").fetchall()


def take_step(connection: Connection[Any], step: Step) -> int:
    """Move a case on as the connection's viewer; gives the case's version then.

    Raises:
        CaseRefusedError: the viewer may not, a colleague was faster, or something is missing.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        case = cursor.execute(
            """
            SELECT c.*, t.clock, t.to_state FROM ioc.case_file c
            LEFT JOIN ioc.case_transition t ON t.action = %s AND t.from_state = c.state WHERE c.id = %s
            """,
            [step.action, step.case_id],
        ).fetchone()
    if case is None:
        raise CaseRefusedError(*FAULTS["42501"])
    content: dict[str, Any] = {
        "case_id": step.case_id,
        "version": step.version,
        "action": step.action,
        "opinion": step.opinion,
        "department_code": step.department,
        "until": step.until.isoformat() if step.until else None,
        **(_registered(case, step) if step.action == "register" else {}),
        **(_located(case, step.place) if step.place else {}),
    }
    now = datetime.now(UTC)
    deadlines = {
        "deadline": _deadline(case, now),
        "stage_deadline": stage_deadline(case["to_state"] or "", now, CALENDAR),
    }
    content |= {name: moment.isoformat() if moment else None for name, moment in deadlines.items()}
    return asked(connection, "SELECT ioc.case_step(%s)", [Jsonb(content)])[0]


def _registered(case: dict[str, Any], step: Step) -> dict[str, Any]:
    """What filing settles: the matter, under which condition, and so the limit."""
    matter = matter_of(step.matter_class or case["matter_code"][-5:])
    condition = condition_by_key(matter.code, step.condition or "")
    if condition is None:
        raise CaseRefusedError("condition", MISSING["condition"])
    return {
        "matter_code": case["matter_code"][:6] + matter.code,
        "title": matter.name,
        "condition_key": condition.key,
        "limit_value": condition.limit.value,
        "limit_unit": condition.limit.unit,
    }


def _located(case: dict[str, Any], place: tuple[float, float]) -> dict[str, Any]:
    """What settling the place needs to know: where, and the type of component the matter is about."""
    component_type = matter_of(case["matter_code"][-5:])["component_code"] or None
    return {"lon": place[0], "lat": place[1], "component_type": component_type}


def clock_of(case: dict[str, Any]) -> HandlingClock | None:
    """The clock of a case's row; None before it is filed."""
    if case["limit_unit"] is None:
        return None
    return HandlingClock(Limit(case["limit_value"], LimitUnit(case["limit_unit"])), CALENDAR)


def _deadline(case: dict[str, Any], now: datetime) -> datetime | None:
    """The new deadline of a step that sets one."""
    clock = clock_of(case)
    if clock is None:
        return None
    if case["clock"] == "start":
        return clock.deadline(now)
    if case["clock"] == "extend" and case["deadline"] is not None:
        return clock.extended(case["deadline"])
    if case["clock"] == "resume" and case["deadline"] is not None:
        return clock.resumed(case["stopped_at"] or now, case["deadline"], now)
    return None


def attach_photo(connection: Connection[Any], case_id: int, step: int, photo: Any) -> int:
    """Keep a photograph, as ``etl.photo.Photo`` has it, of a step of the viewer's own.

    Raises:
        CaseRefusedError: it is another's step, or there are nine.
    """
    return asked(
        connection,
        "SELECT ioc.attach_case_photo(%s, %s, %s, %s, %s, %s, %s)",
        [case_id, step, photo.media_type, photo.body, photo.width, photo.height, photo.taken_at],
    )[0]


def resume_due(connection: Connection[Any], now: datetime) -> int:
    """End the suspensions whose day has come, as the owner; gives how many."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cases = cursor.execute(
            "SELECT c.*, 'resume' AS clock FROM ioc.case_file c "
            "WHERE c.state = 'suspended' AND c.suspended_until <= %s",
            [now],
        ).fetchall()
    resumed = 0
    for case in cases:
        row = connection.execute(
            "SELECT ioc.resume_case(%s, %s, %s)", [case["id"], case["version"], _deadline(case, now)]
        ).fetchone()
        resumed += bool(row and row[0])
    if resumed:
        log.info("suspensions of cases have ended", cases=resumed)
    return resumed
