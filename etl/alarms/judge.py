"""Readings judged as they come in, and what is judged kept: inside the transaction that stores them."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import Connection
from psycopg.rows import dict_row

from etl.alarms.grade import HIGHEST, Floats, Grades, Watch, grades
from etl.alarms.limits import Limits, LimitTable
from etl.alarms.rule import AlarmRule, packaged_rules
from etl.feeds.frame import BEIJING
from etl.feeds.reading import ReadingBatch

WATCHES = "SELECT * FROM ioc.alarm_watches(%s)"
KEEP_WATCHES = "SELECT ioc.keep_alarm_watches(%s)"
SET_ALARMS = "SELECT ioc.set_alarms(%s, %s)"
NEVER = datetime.min.replace(tzinfo=UTC)

Key = tuple[int, str]
"""Series and rule."""


@dataclass(frozen=True)
class _Kept:
    watch: Watch
    judged_at: datetime


@dataclass(frozen=True)
class Judged:
    """One value under one rule: the grade it reaches, and the grade it does not yet leave."""

    table: LimitTable
    pair: int
    at: datetime
    value: float
    entered: int
    kept: int

    @property
    def key(self) -> Key:
        return int(self.table.series[self.pair]), self.rule.code

    @property
    def rule(self) -> AlarmRule:
        return self.table.rules[self.pair]

    def limit(self, grade: int) -> float | None:
        """The limit of a grade, of the lowest one for grade 0."""
        limits = self.table.limits[self.pair] * self.table.sign[self.pair]
        if grade:
            return float(limits[grade - 1])
        return float(limits[np.flatnonzero(~np.isnan(limits))[0]])


class AlarmJudge:
    """Judges batches of readings against the rules that look at each reading by itself.

    Args:
        clock: tells the moment as of which alarms are raised and cleared; without it that is now.
    """

    def __init__(
        self, rules: Mapping[str, AlarmRule] | None = None, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._limits = Limits(packaged_rules() if rules is None else rules)
        self._clock = clock

    def judge(self, connection: Connection[Any], batch: ReadingBatch) -> None:
        """Raise, change and clear alarms by these readings; ``latest`` knows them already.

        Readings older than what a series was judged by change nothing.
        """
        moment = self._clock() if self._clock else None
        today = (moment or datetime.now(UTC)).astimezone(BEIJING).date()
        table = self._limits.table(connection, today, at_once=True)
        reading, pair = table.pairs_of(batch.series)
        if not len(reading):
            return
        entered, kept = graded(table, pair, batch.value[reading])
        watches = read_watches(connection, np.unique(batch.series[reading]))
        # All readings of a series that breaks a rule or has broken one, and of which something new came.
        concerned = {series for series, _ in watches} | set(batch.series[reading[entered > 0]].tolist())
        fresh = set(batch.series[batch.newest].tolist())
        wanted = np.isin(batch.series[reading], list(concerned & fresh))
        chosen = (reading[wanted], pair[wanted], entered[wanted], kept[wanted])
        settle(connection, watches, _judged(table, batch, *chosen), moment)


def graded(table: LimitTable, pair: npt.NDArray[np.intp], values: Floats) -> tuple[Grades, Grades]:
    """Grades the values reach under their pairs, and grades they do not yet leave."""
    signed = values * table.sign[pair]
    limits = table.limits[pair]
    return grades(signed, limits), grades(signed + table.hysteresis[pair], limits)


def read_watches(connection: Connection[Any], series: npt.NDArray[np.int32]) -> dict[Key, _Kept]:
    """What is not at rest of these series, held until the end of the transaction."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return {
            (row["series_id"], row["rule"]): _Kept(
                Watch(row["grade"], row["since"], row["rising"]), row["judged_at"]
            )
            for row in cursor.execute(WATCHES, [series.tolist()])
        }


def settle(
    connection: Connection[Any],
    watches: Mapping[Key, _Kept],
    judged: Iterable[Judged],
    moment: datetime | None,
) -> None:
    """Take values one after another, keep where the alarms then stand, and write what changed.

    Alarms are raised and cleared as of ``moment``; None is now.
    """
    now = dict(watches)
    first, last = {}, {}
    for one in judged:
        before = now.get(one.key, _Kept(Watch(), NEVER))
        if one.at <= before.judged_at:
            continue
        first.setdefault(one.key, before.watch.grade)
        after = before.watch.judged(one.entered, one.kept, one.at, timedelta(seconds=one.rule.hold_s))
        now[one.key] = _Kept(after, one.at)
        last[one.key] = one
    moved = {key: now[key] for key in last if key in watches or not now[key].watch.at_rest}
    if not moved:
        return
    connection.execute(KEEP_WATCHES, [json.dumps([_watch_row(key, kept) for key, kept in moved.items()])])
    changes = [
        _change(last[key], first[key], kept.watch)
        for key, kept in moved.items()
        if kept.watch.grade != first[key]
    ]
    if changes:
        connection.execute(SET_ALARMS, [json.dumps(changes), moment])


def _judged(
    table: LimitTable,
    batch: ReadingBatch,
    reading: npt.NDArray[np.intp],
    pair: npt.NDArray[np.intp],
    entered: Grades,
    kept: Grades,
) -> list[Judged]:
    """What is asked for of single pairs, by series and rule, in order of time."""
    times = batch.observed_at[reading].astype("datetime64[us]").tolist()
    judged = [
        Judged(table, int(p), at.replace(tzinfo=UTC), float(batch.value[r]), int(e), int(k))
        for r, p, e, k, at in zip(reading, pair, entered, kept, times, strict=True)
    ]
    return sorted(judged, key=lambda one: (one.key, one.at))


def _watch_row(key: Key, kept: _Kept) -> dict[str, Any]:
    series, rule = key
    watch = kept.watch
    return {
        "rule": rule,
        "series_id": series,
        "grade": watch.grade,
        "since": watch.since and watch.since.isoformat(),
        "rising": watch.rising,
        "judged_at": kept.judged_at.isoformat(),
    }


def _change(one: Judged, before: int, after: Watch) -> dict[str, Any]:
    level = one.rule.level(HIGHEST + 1 - after.grade) if after.grade else None
    return {
        "rule": one.rule.code,
        "series_id": one.key[0],
        "severity": level and level.severity,
        "former": HIGHEST + 1 - before,
        "value": one.value if np.isfinite(one.value) else None,
        "limit": one.limit(after.grade),
        "at": one.at.isoformat(),
        "title_zh": level and f"{one.rule.title_zh}：{level.name_zh}",
        "title_en": level and f"{one.rule.title_en}: {level.name_en}",
        "unit": one.rule.unit,
    }
