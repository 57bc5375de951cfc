"""Alarms as a viewer may see them: what is open, what was, their steps, silences and changed rules."""

from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import dict_row

MOST = 500

LISTED: LiteralString = """
    SELECT ioc.alarm_item(a) - 'r' || jsonb_build_object('worst', a.worst, 'may_act',
        ioc.may_act_on_alarm(a.dataset_id, a.sensitivity, a.area_code)) AS alarm
    FROM ioc.alarm AS a
    WHERE (%(state)s = 'all' OR (a.cleared_at IS NULL) = (%(state)s = 'open'))
        AND (%(severity)s::integer IS NULL OR a.severity <= %(severity)s)
        AND (%(rule)s::text IS NULL OR a.rule = %(rule)s)
        AND (%(device)s::text IS NULL OR a.device_code = %(device)s)
        AND (%(station)s::text IS NULL OR a.station_code = %(station)s)
        AND (%(situation)s::bigint IS NULL OR a.situation_id = %(situation)s)
        AND coalesce(a.area_code, '') ^@ %(area)s
        AND (%(before)s::bigint IS NULL OR a.id < %(before)s)
    ORDER BY a.id DESC LIMIT %(most)s
"""
ONE: LiteralString = """
    SELECT ioc.alarm_item(a) - 'r' || jsonb_build_object('worst', a.worst, 'may_act',
        ioc.may_act_on_alarm(a.dataset_id, a.sensitivity, a.area_code)) AS alarm
    FROM ioc.alarm AS a WHERE a.id = %s
"""
STEPS: LiteralString = """
    SELECT at, action, severity, value, actor, note FROM ioc.alarm_step WHERE alarm_id = %s ORDER BY id
"""
SITUATIONS: LiteralString = """
    SELECT s.id, s.kind, s.title_zh, s.title_en, s.began_at, s.ended_at, count(*) AS alarms,
        count(*) FILTER (WHERE a.cleared_at IS NULL) AS open_alarms, min(a.worst) AS worst
    FROM ioc.situation AS s JOIN ioc.alarm AS a ON a.situation_id = s.id
    GROUP BY s.id ORDER BY s.id DESC LIMIT %s
"""
SILENCES: LiteralString = """
    SELECT id, rule, device_code, station_code, area_code, maintenance, begins_at, ends_at, reason, opener,
        opened_at, lifted_at, lifter,
        opened_by = ioc.viewer_account() OR ioc.viewer_is('admin') OR ioc.viewer_is('screen') AS may_lift
    FROM ioc.alarm_silence
    WHERE ends_at > now() - interval '30 days' ORDER BY id DESC LIMIT %s
"""
CHANGES: LiteralString = """
    SELECT DISTINCT ON (rule, device_code) rule, device_code, change, reason, changer, changed_at
    FROM ioc.alarm_change ORDER BY rule, device_code, id DESC
"""


@dataclass(frozen=True)
class AlarmSearch:
    """What is asked for; ``severity`` and worse; ``before`` the id of the last alarm of the page before."""

    state: str = "open"
    severity: int | None = None
    rule: str | None = None
    device: str | None = None
    station: str | None = None
    situation: int | None = None
    area: str = ""
    before: int | None = None
    most: int = MOST


def alarms(connection: Connection[Any], search: AlarmSearch) -> list[dict[str, Any]]:
    """Alarms of the viewer's connection, the newest first."""
    return [row[0] for row in connection.execute(LISTED, vars(search))]


def alarm(connection: Connection[Any], alarm_id: int) -> dict[str, Any] | None:
    """One alarm with its steps; None when there is none for this viewer."""
    row = connection.execute(ONE, [alarm_id]).fetchone()
    return None if row is None else row[0] | {"steps": _rows(connection, STEPS, alarm_id)}


def situations(connection: Connection[Any], most: int = 50) -> list[dict[str, Any]]:
    """Situations of which the viewer sees alarms, with the numbers of those."""
    return _rows(connection, SITUATIONS, most)


def silences(connection: Connection[Any]) -> list[dict[str, Any]]:
    """Silences that are to come, hold, or ended in the last thirty days."""
    return _rows(connection, SILENCES, MOST)


def rule_changes(connection: Connection[Any]) -> list[dict[str, Any]]:
    """What holds of each rule otherwise than its file says, for all devices or for one."""
    return _rows(connection, CHANGES)


def _rows(connection: Connection[Any], statement: LiteralString, *values: Any) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, values).fetchall()
