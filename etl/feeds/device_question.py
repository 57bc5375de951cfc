"""Questions to devices as the store keeps them: what may be asked, and the query that asks it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection

from etl.feeds import sl651_query
from etl.feeds.sl651_query import Query
from geodata.errors import UserError

DEFAULT_INTERVAL = timedelta(minutes=5)
"""Of what is asked for a period where the list of metrics states no interval: the project's own default."""
LONGEST_PERIOD = timedelta(days=31)
"""That one question asks for; stations keep more, but answer it over minutes: the project's own limit."""
MOST_ELEMENTS = 20
HOUR = timedelta(hours=1)

Asked = dict[str, Any]
"""function, and as it needs them elements, from, to (ISO, whole hours) and step_s."""


def present(elements: Sequence[str]) -> Asked:
    """What a station measures now: all of it, or the elements named.

    Raises:
        UserError: they are not all elements of SL 651, or too many.
    """
    if not elements:
        return {"function": f"{sl651_query.PRESENT:02X}"}
    _check(elements)
    return {"function": f"{sl651_query.CHOSEN:02X}", "elements": list(dict.fromkeys(elements))}


def state() -> list[Asked]:
    """The state word, the program's version and the clock of a station."""
    asked = (sl651_query.STATE, sl651_query.VERSION, sl651_query.CLOCK)
    return [{"function": f"{function:02X}"} for function in asked]


def period(
    elements: Sequence[str], begin: datetime, end: datetime, intervals: Mapping[str, timedelta]
) -> list[Asked]:
    """What a station kept of a time: a question for each element, in whole hours as the standard asks.

    Args:
        begin, end: with a zone.
        intervals: at which the station keeps elements, as far as that is known.

    Raises:
        UserError: as ``present``; or the times are in the wrong order, in the future, or too far apart.
    """
    _check(elements)
    if not elements:
        raise UserError("A period needs its elements: name them, such as Z,PN05.", zh="补测要写明要素。")
    if begin >= end or begin > datetime.now(UTC):
        raise UserError(
            "A period begins before its end and before now: change its times.",
            zh="补测的起始时间要早于结束时间和现在。",
        )
    first = begin.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    last = -(-(end - first) // HOUR) * HOUR + first
    if last - first > LONGEST_PERIOD:
        days = LONGEST_PERIOD.days
        raise UserError(
            f"A period has {days} days at most: ask for it in parts.",
            zh=f"一次补测不超过{days}天，请分段。",
        )
    return [
        {
            "function": f"{sl651_query.PERIOD:02X}",
            "elements": [element],
            "from": first.isoformat(),
            "to": last.isoformat(),
            "step_s": sl651_query.time_step(
                element, intervals.get(element, DEFAULT_INTERVAL)
            ).total_seconds(),
        }
        for element in dict.fromkeys(elements)
    ]


def _check(elements: Sequence[str]) -> None:
    unknown = [element for element in elements if not sl651_query.is_askable(element)]
    if unknown:
        raise UserError(
            f"SL 651 has no element {', '.join(unknown)}; Z, PJ, PN05 and VT are such (appendix C).",
            zh=f"SL 651 没有要素 {'、'.join(unknown)}。",
        )
    if len(elements) > MOST_ELEMENTS:
        raise UserError(
            f"Ask for {MOST_ELEMENTS} elements at most at a time.", zh=f"一次最多问{MOST_ELEMENTS}个要素。"
        )


def query_of(asked: Mapping[str, Any]) -> Query:
    """The query that asks it."""
    begin, end = (datetime.fromisoformat(asked[name]) if name in asked else None for name in ("from", "to"))
    step = timedelta(seconds=asked["step_s"]) if "step_s" in asked else None
    return Query(int(asked["function"], 16), tuple(asked.get("elements", ())), begin, end, step)


def intervals_of(connection: Connection[Any], device: str) -> dict[str, timedelta]:
    """At which interval a device reports its metrics, as far as the list of metrics says."""
    rows = connection.execute(
        "SELECT metric, interval_s FROM ioc.metric WHERE device_code = %s AND interval_s > 0", [device]
    ).fetchall()
    return {metric: timedelta(seconds=interval) for metric, interval in rows}
