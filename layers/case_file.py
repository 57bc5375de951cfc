"""Reading cases: lists with filters, the card of one, what is open, under the viewer's rights."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import Connection, sql
from psycopg.rows import dict_row

from geodata.audit import AuditEntry, disclosures
from geodata.case_deadline import FilingCondition, condition_by_key, conditions_of
from geodata.code_table import CodeTable
from geodata.viewer import CASE_POSTS, Viewer
from layers.problem import NotFoundError

MOST_ROWS = 100
MOST_COUNTED = 10_000
"""More cases than this are not counted one by one."""

CODE = re.compile(r"\d{14}")
"""A whole number of a case, of this store or of a source that numbers alike."""

Sort = Literal["time_left", "newest"]

OVERDUE = sql.SQL("c.deadline < coalesce(c.stopped_at, now())")
STAGE_OVERDUE = sql.SQL("(c.stage_deadline < now() AND c.ended_at IS NULL)")
SELECTED = sql.SQL(
    """
    c.id, c.code, c.title, c.matter_code, c.state, c.version, c.channel, c.source, c.address, c.description,
    c.area_code, s.name AS street, c.department_code, d.name_zh AS department_zh, d.name_en AS department_en,
    c.limit_value, c.limit_unit, c.deadline, c.stopped_at, c.suspended_until, c.extension_asked, c.extensions,
    c.deferral_asked, c.deferred_until, c.appeal, c.stage_deadline, c.condition_key,
    c.suspensions, c.reworks, c.returns, c.urges, c.reported_at, c.filed_at, c.dispatched_at, c.handled_at,
    c.ended_at, c.synthetic, c.component_code, c.component_id, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat,
    coalesce({overdue}, false) AS overdue, coalesce({stage_overdue}, false) AS stage_overdue
    """
).format(overdue=OVERDUE, stage_overdue=STAGE_OVERDUE)
JOINED = sql.SQL(
    """
    LEFT JOIN ioc.department d ON d.code = c.department_code
    LEFT JOIN ioc.street s ON s.code = left(c.area_code, 9)
    """
)
ORDERS: dict[Sort, sql.SQL] = {
    # What waits for nobody's clock comes after what runs out first.
    "time_left": sql.SQL("(c.stopped_at IS NOT NULL), c.deadline NULLS LAST, c.reported_at, c.id"),
    "newest": sql.SQL("c.reported_at DESC, c.id DESC"),
}
MINE = sql.SQL(
    """
    (EXISTS (
        SELECT FROM ioc.case_transition t
        WHERE t.from_state = c.state AND t.position < 70
            AND (t.posts && %(posts)s::text[]
                OR 'department' = ANY (t.posts) AND c.department_code = %(own_department)s::text)
    ) OR c.extension_asked AND '{dispatcher,duty_chief}' && %(posts)s::text[]
    OR c.deferral_asked AND 'duty_chief' = ANY (%(posts)s::text[])
    OR c.appeal = 'asked' AND 'dispatcher' = ANY (%(posts)s::text[])
    OR c.appeal = 'reviewed' AND 'duty_chief' = ANY (%(posts)s::text[]))
    """
)


WAITING = sql.SQL("(c.ended_at IS NULL OR c.appeal IN ('asked', 'reviewed'))")
"""What somebody may still have to do with: open cases, and appeals that are not decided."""


@dataclass(frozen=True)
class CaseSearch:
    """Which cases are wanted; ``state`` is one of a case, or open, ended, all; ``late``: in their stage."""

    state: str = "open"
    overdue: bool = False
    late: bool = False
    mine: bool = False
    area: str = ""
    department: str = ""
    words: str = ""
    component: int | None = None
    sort: Sort = "time_left"
    offset: int = 0
    limit: int = 50


def case_list(connection: Connection[Any], viewer: Viewer, search: CaseSearch) -> dict[str, Any]:
    """A page of cases, how many there are (at most ``MOST_COUNTED``), and what is open by state."""
    where = _where(search)
    # The clocks of ended cases do not run.
    order = ORDERS["newest" if search.state in ("all", "ended") else search.sort]
    asked = {
        **vars(search),
        **_posts(viewer),
        "like": f"%{_escaped(search.words)}%",
        "most": MOST_COUNTED + 1,
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            sql.SQL(
                "SELECT {selected} FROM ioc.case_file c {joined} WHERE {where} ORDER BY {order} "
                "LIMIT %(limit)s OFFSET %(offset)s"
            ).format(selected=SELECTED, joined=JOINED, where=where, order=order),
            asked,
        ).fetchall()
        total = cursor.execute(
            sql.SQL(
                "SELECT count(*) AS n FROM (SELECT FROM ioc.case_file c WHERE {} LIMIT %(most)s) AS found"
            ).format(where),
            asked,
        ).fetchone()
        counts = cursor.execute(
            sql.SQL(
                "SELECT c.state, c.ended_at IS NULL AS open, count(*) AS cases, "
                "count(*) FILTER (WHERE {overdue}) AS overdue, count(*) FILTER (WHERE {late}) AS late, "
                "count(*) FILTER (WHERE {mine}) AS mine FROM ioc.case_file c WHERE {waiting} GROUP BY 1, 2"
            ).format(overdue=OVERDUE, late=STAGE_OVERDUE, mine=MINE, waiting=WAITING),
            asked,
        ).fetchall()
    assert total is not None, "a count is one row"
    return {
        "cases": rows,
        "total": min(total["n"], MOST_COUNTED),
        "more": total["n"] > MOST_COUNTED,
        "open": {
            "states": {row["state"]: row["cases"] for row in counts if row["open"]},
            "overdue": sum(row["overdue"] for row in counts if row["open"]),
            "late": sum(row["late"] for row in counts),
            "mine": sum(row["mine"] for row in counts),
        },
    }


def _posts(viewer: Viewer) -> dict[str, Any]:
    return {
        "posts": sorted(viewer.roles & set(CASE_POSTS)),
        "own_department": viewer.department_code if "staff" in viewer.roles else None,
    }


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _where(search: CaseSearch) -> sql.Composed:
    conditions: list[sql.Composable] = [sql.SQL("true")]
    match search.state:
        case "open":
            conditions.append(WAITING if search.mine else sql.SQL("c.ended_at IS NULL"))
        case "ended":
            conditions.append(sql.SQL("c.ended_at IS NOT NULL"))
        case "all":
            pass
        case _:
            conditions.append(sql.SQL("c.state = %(state)s"))
    if search.overdue:
        conditions.append(OVERDUE)
    if search.late:
        conditions.append(STAGE_OVERDUE)
    if search.mine:
        conditions.append(MINE)
    if search.area:
        conditions.append(sql.SQL("c.area_code ^@ %(area)s"))
    if search.department:
        conditions.append(sql.SQL("c.department_code = %(department)s"))
    if search.component is not None:
        conditions.append(sql.SQL("c.component_id = %(component)s"))
    if CODE.fullmatch(search.words):
        conditions.append(sql.SQL("(c.code = %(words)s OR c.source_code = %(words)s)"))
    elif search.words:
        conditions.append(
            sql.SQL(
                "(c.code LIKE %(like)s OR c.source_code LIKE %(like)s OR c.title LIKE %(like)s "
                "OR c.description LIKE %(like)s OR c.address LIKE %(like)s)"
            )
        )
    return sql.SQL(" AND ").join(conditions)


def case_card(connection: Connection[Any], viewer: Viewer, case_id: int) -> dict[str, Any]:
    """A case with its steps, photographs, reporter and what the viewer may do with it.

    Raises:
        NotFoundError: there is no such case, as far as this viewer may know.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        case = cursor.execute(
            sql.SQL("SELECT {} FROM ioc.case_file c {} WHERE c.id = %s").format(SELECTED, JOINED), [case_id]
        ).fetchone()
        if case is None:
            raise NotFoundError(f"There is no case {case_id}: /cases lists those there are.")
        steps = cursor.execute(
            "SELECT s.number, s.action, s.from_state, s.to_state, s.at, s.actor, s.post, s.opinion, "
            "s.deadline, s.stage_deadline, d.name_zh AS department_zh, d.name_en AS department_en "
            "FROM ioc.case_step s "
            "LEFT JOIN ioc.department d ON d.code = s.department_code WHERE s.case_id = %s ORDER BY s.number",
            [case_id],
        ).fetchall()
        photos = cursor.execute(
            "SELECT id, step_number, taken_at FROM ioc.case_photo WHERE case_id = %s ORDER BY id", [case_id]
        ).fetchall()
        reporter = cursor.execute(
            "SELECT m.*, EXISTS (SELECT FROM ioc.case_reporter r WHERE r.case_id = %(id)s) AS may_be_shown "
            "FROM ioc.case_reporter_masked(%(id)s) m",
            {"id": case_id},
        ).fetchone()
        actions = cursor.execute(
            "SELECT t.action, t.to_state, t.reason, t.clock FROM ioc.case_file c "
            "JOIN ioc.case_transition t ON t.from_state = c.state "
            "WHERE c.id = %s AND t.posts && ioc.case_posts(c.department_code, c.area_code) "
            "AND ioc.case_rule(c, t.action) IS NULL ORDER BY t.position",
            [case_id],
        ).fetchall()
        chosen = {action["action"] for action in actions}
        departments = (
            cursor.execute("SELECT code, name_zh, name_en FROM ioc.department ORDER BY code").fetchall()
            if "dispatch" in chosen
            else []
        )
    noted = disclosures.get()
    if noted is not None:
        noted.append(AuditEntry("view", layer="case_file", subject=case["code"]))
    filed = condition_by_key(case["matter_code"][-5:], case["condition_key"] or "")
    return {
        "case": case,
        "condition": _condition(filed) if filed else None,
        "steps": steps,
        "photos": photos,
        "reporter": reporter,
        "actions": actions,
        "departments": departments,
        "conditions": conditions(case["matter_code"][-5:]) if "register" in chosen else [],
        "own": viewer.display_name,
    }


def case_reporter(connection: Connection[Any], case_id: int) -> dict[str, Any]:
    """Who reported a case, in full; that somebody looked is kept in the audit trail.

    Raises:
        NotFoundError: nobody is named, or the viewer's post does not need to know.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "SELECT c.code, r.name, r.phone, r.email FROM ioc.case_reporter r "
            "JOIN ioc.case_file c ON c.id = r.case_id WHERE r.case_id = %s",
            [case_id],
        ).fetchone()
    if found is None:
        raise NotFoundError(f"Of case {case_id} there is nobody to be named to you.")
    noted = disclosures.get()
    if noted is not None:
        noted.append(AuditEntry("view", layer="case_reporter", subject=found["code"]))
    return {"reporter": {name: found[name] for name in ("name", "phone", "email")}}


def conditions(matter_class: str) -> list[dict[str, Any]]:
    """The filing conditions of a matter with their limits, for a form."""
    return [_condition(one) for one in conditions_of(matter_class)]


def _condition(one: FilingCondition) -> dict[str, Any]:
    return {
        "key": one.key,
        "condition": one.condition,
        "threshold": one.threshold,
        "limit_value": one.limit.value,
        "limit_unit": str(one.limit.unit),
        "closing_action": one.closing_action,
    }


def matter_classes() -> list[dict[str, str]]:
    """The matters that a case may be of, by their major classes."""
    return [
        {
            "code": entry.code,
            "name_zh": entry.name,
            "name_en": entry.title("en"),
            "major": entry["major_code"],
            "major_zh": entry["major_name"],
            "component": entry["component_code"],
        }
        for entry in CodeTable.load("event").of_edition("2026")
    ]


def case_choices(connection: Connection[Any]) -> dict[str, Any]:
    """Streets and the district's box as far as the viewer may see them, and departments."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return {
            "bounds": cursor.execute(
                "SELECT ST_XMin(e) AS west, ST_YMin(e) AS south, ST_XMax(e) AS east, ST_YMax(e) AS north "
                "FROM (SELECT ST_Extent(geom) AS e FROM ioc.district) AS district WHERE e IS NOT NULL"
            ).fetchone(),
            "streets": cursor.execute("SELECT code, name FROM ioc.street ORDER BY code").fetchall(),
            "departments": cursor.execute(
                "SELECT code, name_zh, name_en FROM ioc.department ORDER BY code"
            ).fetchall(),
        }


def case_photo(connection: Connection[Any], photo_id: int) -> tuple[str, bytes]:
    """Media type and bytes of a photograph.

    Raises:
        NotFoundError: there is none, as far as this viewer may know.
    """
    row = connection.execute(
        "SELECT media_type, body FROM ioc.case_photo WHERE id = %s", [photo_id]
    ).fetchone()
    if row is None:
        raise NotFoundError(f"There is no photograph {photo_id} of a case.")
    return row[0], bytes(row[1])
