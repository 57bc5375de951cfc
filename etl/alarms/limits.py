"""Rules brought down to numbers: which series is under which rule, with which limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import Connection
from psycopg.rows import dict_row

from etl.alarms.grade import HIGHEST, Floats
from etl.alarms.rule import AlarmRule, Change, Level

BASIS = "SELECT * FROM ioc.alarm_basis()"
CHANGES = "SELECT rule, device_code, change FROM ioc.alarm_changes()"
STATE = "SELECT ioc.alarm_basis_state()"

Basis = Mapping[str, Any]


@dataclass(frozen=True)
class LimitTable:
    """Pairs of a series and a rule, sorted by series; arrays have one entry (``limits``: four) for each.

    Values and limits of rules that watch for too little are compared with their signs changed.
    """

    rules: Sequence[AlarmRule]
    """The rule of each pair, as it holds for the device."""
    series: npt.NDArray[np.int32]
    limits: Floats
    sign: Floats
    hysteresis: Floats
    interval_s: Floats

    def pairs_of(self, series: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """For readings of these series: the number of the reading and of the pair, for each rule over it."""
        first = np.searchsorted(self.series, series, "left")
        count = np.searchsorted(self.series, series, "right") - first
        reading = np.repeat(np.arange(len(series)), count)
        offset = np.arange(len(reading)) - np.repeat(np.cumsum(count) - count, count)
        return reading, np.repeat(first, count) + offset


class Limits:
    """The limit tables of a store, read again when devices, metrics, changes or the day have changed."""

    def __init__(self, rules: Mapping[str, AlarmRule]) -> None:
        self._rules = rules
        self._state: tuple[Any, date] | None = None
        self._tables: dict[bool, LimitTable] = {}

    def table(self, connection: Connection[Any], today: date, *, at_once: bool) -> LimitTable:
        """Pairs of the rules that are judged at once, or of those that are swept, on this day in Beijing."""
        row = connection.execute(STATE).fetchone()
        state = row and row[0], today
        if state != self._state:
            with connection.cursor(row_factory=dict_row) as cursor:
                basis = cursor.execute(BASIS).fetchall()
                changes = {
                    (one["rule"], one["device_code"]): Change.model_validate(one["change"])
                    for one in cursor.execute(CHANGES).fetchall()
                }
            rules = [rule for rule in self._rules.values() if not rule.season or rule.season.holds(today)]
            self._tables = {
                kind: limit_table([rule for rule in rules if rule.at_once is kind], basis, changes)
                for kind in (True, False)
            }
            self._state = state
        return self._tables[at_once]


def limit_table(
    rules: Sequence[AlarmRule],
    basis: Sequence[Basis],
    changes: Mapping[tuple[str, str | None], Change],
) -> LimitTable:
    """Pairs of every rule and the series it watches and has a limit for.

    Args:
        basis: rows of ``ioc.alarm_basis``.
        changes: by rule and device, None for all devices; a device's own is laid over the one for all.
    """
    pairs: list[tuple[int, AlarmRule, list[float], float]] = []
    for rule in rules:
        for row in _watched(rule, basis):
            own = _changed(rule, str(row["device_code"]), changes)
            if own is None:
                continue
            limits = [np.nan] * HIGHEST
            for level in own.levels:
                limits[HIGHEST - level.severity] = _limit(level, row)
            if not np.isnan(limits).all():
                pairs.append((int(row["series_id"]), own, limits, float(row["interval_s"] or np.nan)))
    pairs.sort(key=lambda pair: pair[0])
    sign = np.array([-1.0 if rule.kind == "below" else 1.0 for _, rule, _, _ in pairs])
    return LimitTable(
        [rule for _, rule, _, _ in pairs],
        np.array([series for series, _, _, _ in pairs], dtype=np.int32),
        np.array([limits for _, _, limits, _ in pairs]).reshape(-1, HIGHEST) * sign[:, None],
        sign,
        np.array([rule.hysteresis for _, rule, _, _ in pairs]),
        np.array([interval for _, _, _, interval in pairs]),
    )


def _watched(rule: AlarmRule, basis: Sequence[Basis]) -> Sequence[Basis]:
    rows = [row for row in basis if not rule.metrics or row["metric"] in rule.metrics]
    if rule.kind != "silent":
        return rows
    # A device that falls silent does so in all its metrics: the one it reports most often tells first.
    often: dict[str, Basis] = {}
    for row in rows:
        known = often.get(row["device_code"])
        if row["interval_s"] and (known is None or row["interval_s"] < known["interval_s"]):
            often[row["device_code"]] = row
    return list(often.values())


def _changed(
    rule: AlarmRule, device: str, changes: Mapping[tuple[str, str | None], Change]
) -> AlarmRule | None:
    for key in ((rule.code, None), (rule.code, device)):
        if key in changes:
            changed = changes[key].laid_over(rule)
            if changed is None:
                return None
            rule = changed
    return rule


def _limit(level: Level, row: Basis) -> float:
    if level.limit is not None:
        return level.limit
    value = row[level.station_limit or level.metric_limit or ""]
    return np.nan if value is None else float(value)
