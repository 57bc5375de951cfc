"""Rules that look back over a window, silence, frozen values; situations; silences that begin or end.

Called every few seconds by one process; a second one finds the lock taken and leaves it.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import Connection

from etl.alarms.grade import HIGHEST, Floats, Grades
from etl.alarms.judge import Judged, graded, read_watches, settle
from etl.alarms.limits import Limits, LimitTable
from etl.alarms.rule import AlarmRule, packaged_rules
from etl.feeds.frame import BEIJING

SITUATIONS = Path(__file__).parent / "situations.toml"
LEAST_SILENCE_S = 600.0
"""A device is not called silent before ten minutes, however often it is to report."""

TAKE_TURN = "SELECT pg_try_advisory_xact_lock(hashtext('ioc.alarm_sweep'))"
SUMS = "SELECT series_id, total FROM ioc.reading_sums(%s, %s, %s)"
RISES = "SELECT series_id, rise FROM ioc.reading_rises(%s, %s, %s)"
AGES = "SELECT series_id, age_s FROM ioc.reading_ages(%s, %s, %s)"
FROZEN = "SELECT series_id, frozen_s FROM ioc.reading_frozen(%s, %s, %s)"
WHILE = "SELECT series_id, value FROM ioc.reading_while(%s, %s, %s)"
GROUP = "SELECT ioc.group_alarms(%s, %s)"
APPLY_SILENCES = "SELECT ioc.apply_alarm_silences()"

Values = dict[int, float]
"""By series."""
Pairs = npt.NDArray[np.intp]


@dataclass(frozen=True)
class _Turn:
    """One sweep: its connection and limits, the moment it is as of, and since when somebody listens."""

    connection: Connection[Any]
    table: LimitTable
    moment: datetime | None
    listening: datetime | None


class AlarmSweep:
    """Judges what no single reading tells.

    Args:
        listening: since when devices can be heard; before that none was silent.
    """

    def __init__(
        self, rules: Mapping[str, AlarmRule] | None = None, listening: datetime | None = None
    ) -> None:
        self._listening = listening
        self._rules = packaged_rules() if rules is None else rules
        self._limits = Limits(self._rules)
        self._situations = json.dumps(_situations(self._rules))

    def sweep(self, connection: Connection[Any], now: datetime | None = None) -> bool:
        """Once over all series as of a moment, in the transaction of the connection.

        False when another process is at it.
        """
        row = connection.execute(TAKE_TURN).fetchone()
        if not (row and row[0]):
            return False
        today = (now or datetime.now(UTC)).astimezone(BEIJING).date()
        table = self._limits.table(connection, today, at_once=False)
        turn = _Turn(connection, table, now, self._listening)
        judged = [
            one for code in dict.fromkeys(rule.code for rule in table.rules) for one in _swept(turn, code)
        ]
        watches = read_watches(connection, np.unique(table.series))
        settle(connection, watches, [one for one in judged if one.entered or one.key in watches], now)
        connection.execute(APPLY_SILENCES)
        connection.execute(GROUP, [self._situations, now])
        return True


def _swept(turn: _Turn, code: str) -> list[Judged]:
    """The grades of every series under one rule."""
    table = turn.table
    pair = np.array([n for n, rule in enumerate(table.rules) if rule.code == code])
    if table.rules[pair[0]].kind in ("sum", "rise"):
        return _windowed(turn, pair)
    values = _VALUES[table.rules[pair[0]].kind](turn, pair)
    value = np.array([values.get(int(series), np.nan) for series in table.series[pair]])
    return _graded(turn, pair, value, *graded(table, pair, value))


def _graded(turn: _Turn, pair: Pairs, value: Floats, entered: Grades, kept: Grades) -> list[Judged]:
    at = turn.moment or datetime.now(UTC)
    return [
        Judged(turn.table, int(p), at, float(v), int(e), int(k))
        for p, v, e, k in zip(pair, value, entered, kept, strict=True)
        if not np.isnan(v)
    ]


def _windowed(turn: _Turn, pair: Pairs) -> list[Judged]:
    """Each level has a window of its own; the highest level that is reached counts, with its value."""
    table, rule = turn.table, turn.table.rules[pair[0]]
    statement = SUMS if rule.kind == "sum" else RISES
    series = table.series[pair].tolist()
    entered, kept = np.zeros((2, len(pair)), dtype=np.int8)
    shown = np.full(len(pair), np.nan)
    for level in sorted(rule.levels, key=lambda level: -level.severity):
        grade = HIGHEST + 1 - level.severity
        asked = [series, level.window_s, turn.moment]
        found: Values = dict(turn.connection.execute(statement, asked).fetchall())
        value = np.array([found.get(one, np.nan) for one in series])
        limit = table.limits[pair, grade - 1]
        reached = value >= limit
        entered[reached] = grade
        kept[value + table.hysteresis[pair] >= limit] = grade
        shown = np.where(reached | np.isnan(shown), value, shown)
    return _graded(turn, pair, shown, entered, kept)


def _ages(turn: _Turn, pair: Pairs) -> Values:
    """How many of its intervals a series has not been heard of."""
    table = turn.table
    asked = [table.series[pair].tolist(), turn.moment, turn.listening]
    ages: Values = dict(turn.connection.execute(AGES, asked).fetchall())
    return {
        int(series): ages[int(series)] / every if ages[int(series)] >= LEAST_SILENCE_S else 0.0
        for series, every in zip(table.series[pair], table.interval_s[pair], strict=True)
        if int(series) in ages
    }


def _frozen(turn: _Turn, pair: Pairs) -> Values:
    """How many hours a series has had one value."""
    hours = float(np.nanmax(turn.table.limits[pair]))
    asked = [turn.table.series[pair].tolist(), hours * 3600, turn.moment]
    return {series: seconds / 3600 for series, seconds in turn.connection.execute(FROZEN, asked).fetchall()}


def _while(turn: _Turn, pair: Pairs) -> Values:
    """Latest values of series whose device's other metric is low enough; of the others minus infinity."""
    condition = turn.table.rules[pair[0]].only_while
    assert condition is not None, "rules judged reading by reading are not swept"
    series = turn.table.series[pair].tolist()
    asked = [series, condition.metric, condition.at_most]
    found: Values = dict(turn.connection.execute(WHILE, asked).fetchall())
    return {one: found.get(one, -np.inf) for one in series}


_VALUES: dict[str, Callable[[_Turn, Pairs], Values]] = {
    "silent": _ages,
    "frozen": _frozen,
    "above": _while,
    "below": _while,
}


def _situations(rules: Mapping[str, AlarmRule]) -> list[dict[str, Any]]:
    kinds = tomllib.loads(SITUATIONS.read_text(encoding="utf-8"))
    return [
        {"kind": kind, "rules": [rule.code for rule in rules.values() if rule.situation == kind], **fields}
        for kind, fields in kinds.items()
    ]
