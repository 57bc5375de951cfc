"""`ioc feeds ask`: ask a station that speaks SL 651, and wait for what it says."""

import json
import time
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from psycopg import Connection, errors
from psycopg.types.json import Jsonb
from rich.console import Console
from rich.table import Table

from etl.feeds import device_question, sl651_query
from etl.feeds.device_question import Asked
from etl.feeds.frame import BEIJING
from etl.feeds.frame_record import sl651_state_said
from etl.feeds.sl651_readings import STATE
from geodata.code_table import CodeTable
from geodata.errors import UserError
from ioc.context import command_line_actor, open_store
from layers.device_question import questions_by_id

LOOK_SECONDS = 0.3
FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H", "%Y-%m-%d %H", "%Y-%m-%d"]
REFUSED = {
    "IOC04": "{code} is being asked several things already: wait for its answers.",
    "IOC07": "The doors do not run, so nobody can ask {code}: start `ioc up` or `ioc feeds run`.",
    "IOC08": "{code} does not speak SL 651: only such stations are asked.",
}
FAILED = {
    "offline": "{device} is not connected{heard}: nothing was asked of it; try again when it is back.",
    "silent": "{device} did not answer, though it was asked {sendings} times: look after it or its link.",
    "unfit": "{device} cannot be asked for this: the standard has no form for it.",
    "doors": "The doors stopped before {device} answered: see that they run (`ioc feeds status`), ask again.",
}


def ask(
    station: Annotated[str, typer.Argument(help="Address of the device, or code or name of its station.")],
    elements: Annotated[str, typer.Option(help="Elements of SL 651, such as Z,PJ; none: all it has.")] = "",
    begin: Annotated[
        datetime | None, typer.Option("--from", formats=FORMATS, help="Of what it kept, in Beijing time.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", formats=FORMATS, help="Now where not given.")
    ] = None,
    state: Annotated[
        bool, typer.Option("--state", help="Its state and alarms, its program's version, its clock.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON record for each question.")] = False,
) -> None:
    """Ask a station (SL 651, mode M4) for what it measures now, kept of a period, or how it is.

    What it answers is stored like any reading. Exits with 0 when everything is answered, else with 1.
    """
    with open_store() as store, store.owner_connection() as connection:
        connection.autocommit = True
        code, name = _device(connection, station)
        ids = [
            _put(connection, code, asked) for asked in _asked(connection, code, elements, begin, end, state)
        ]
        console = Console(highlight=False, soft_wrap=True)
        failures = []
        for number in ids:
            question = _ended(connection, number, console, quiet=as_json)
            if as_json:
                print(json.dumps(question, default=_iso, ensure_ascii=False))
            elif question["state"] == "answered":
                _print_answer(console, f"{code} ({name})" if name else code, question)
            if question["state"] == "failed":
                failures.append(_failure(question))
    if failures:
        raise UserError("\n".join(dict.fromkeys(failures)))


def _device(connection: Connection[Any], station: str) -> tuple[str, str | None]:
    """Raises:
    UserError: there is none, or several fit.
    """
    rows = connection.execute(
        """
        SELECT d.code, coalesce(t.name, d.name), d.protocol FROM ioc.device d
        LEFT JOIN ioc.station t ON t.code = d.station_code
        WHERE %(asked)s IN (d.code, d.station_code, t.name, d.name)
        ORDER BY d.protocol = 'SL 651' DESC NULLS LAST, d.code
        """,
        {"asked": station},
    ).fetchall()
    if not rows:
        raise UserError(f"There is no station or device “{station}”: give the address that it reports with.")
    fitting = [row for row in rows if row[2] == "SL 651"] or rows[:1]
    if len(fitting) > 1:
        codes = ", ".join(row[0] for row in fitting)
        raise UserError(f"“{station}” has several devices ({codes}): name one of them.")
    return fitting[0][0], fitting[0][1]


def _asked(
    connection: Connection[Any],
    code: str,
    elements: str,
    begin: datetime | None,
    end: datetime | None,
    state: bool,
) -> list[Asked]:
    named = [element.strip().upper() for element in elements.split(",") if element.strip()]
    if state:
        if named or begin or end:
            raise UserError("--state asks for no elements and no period: leave them out, or --state.")
        return device_question.state()
    if begin is None and end is None:
        return [device_question.present(named)]
    if begin is None:
        raise UserError("A period begins somewhere: give --from too.")
    until = end.replace(tzinfo=BEIJING) if end else datetime.now(BEIJING)
    intervals = device_question.intervals_of(connection, code)
    named = named or [metric for metric in intervals if sl651_query.is_askable(metric)]
    return device_question.period(named, begin.replace(tzinfo=BEIJING), until, intervals)


def _put(connection: Connection[Any], code: str, asked: Asked) -> int:
    try:
        row = connection.execute(
            "SELECT ioc.put_device_question(%s, %s, NULL, %s)", [code, Jsonb(asked), command_line_actor()]
        ).fetchone()
    except errors.Error as error:
        if error.sqlstate not in REFUSED:
            raise
        raise UserError(REFUSED[error.sqlstate].format(code=code)) from error
    assert row is not None
    return row[0]


def _ended(connection: Connection[Any], number: int, console: Console, *, quiet: bool) -> dict[str, Any]:
    """The question when it is answered or has failed; what happens until then is printed."""
    said = 0
    while True:
        (question,) = questions_by_id(connection, [number])
        if question["sendings"] > said and not quiet:
            said = question["sendings"]
            again = f" (again, {said})" if said > 1 else ""
            console.print(
                f"{_local(question['sent_at'])} sent{again}: {_what(question['asked'])}", markup=False
            )
        if question["state"] in ("answered", "failed"):
            return question
        time.sleep(LOOK_SECONDS)


def _what(asked: Asked) -> str:
    function = CodeTable.load("sl651_function").get(asked["function"])
    parts = [function.title("en") if function else asked["function"]]
    if asked.get("elements"):
        parts.append(", ".join(asked["elements"]))
    if "from" in asked:
        begin, end = (datetime.fromisoformat(asked[key]).astimezone(BEIJING) for key in ("from", "to"))
        step = timedelta(seconds=asked["step_s"])
        every = f", every {step}" if step else ""
        parts.append(f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}{every}")
    return ", ".join(parts)


def _print_answer(console: Console, name: str, question: dict[str, Any]) -> None:
    answer = question["answer"]
    # The state word is a reading too.
    values = [one for one in answer["values"] if one["metric"] != STATE]
    told = []
    if values:
        count = f"{answer['readings']:,} reading{'s' if answer['readings'] > 1 else ''}"
        told.append(f"{count}, {answer['stored']:,} new")
    if "state" in answer:
        wrong = sl651_state_said(answer["state"], "en")
        told.append(f"state {answer['state']:08X}: {'; '.join(wrong) or 'nothing is wrong'}")
    if "version" in answer:
        told.append(f"version {answer['version']}")
    if question["asked"]["function"] == f"{sl651_query.CLOCK:02X}":
        told.append(f"its clock says {_local(datetime.fromisoformat(answer['clock']))}")
    if answer["refused"]:
        told.append(f"{answer['refused']:,} refused, see `ioc feeds status`")
    said = "; ".join(told) or "it has no data for this"
    console.print(f"{_local(question['ended_at'])} {name} answered: {said}", markup=False)
    if values:
        table = Table("time", "element", "value")
        for one in values:
            table.add_row(_local(datetime.fromisoformat(one["at"])), one["metric"], f"{one['value']:g}")
        console.print(table)
        left = answer["readings"] - len(values)
        if left > 0:
            console.print(f"The last {len(values)} of them; all are in the station's course.")


def _failure(question: dict[str, Any]) -> str:
    heard = f" (heard last at {_local(question['heard_at'])})" if question["heard_at"] else ""
    return FAILED[question["reason"]].format(**question | {"heard": heard})


def _local(at: datetime) -> str:
    return f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"


def _iso(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
