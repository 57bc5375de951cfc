"""Limits for handling a case (处置时限), and its clock: started, paused, resumed, extended; limits of stages.

The table ``deadline`` holds the limits of one real city. The national standard leaves them to the city, so
anywhere else they are a default that the city management has to confirm.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from geodata.code_table import CodeEntry, CodeTable
from geodata.working_calendar import WorkingCalendar

MOST_EXTENSIONS = 2
"""A limit is extended at most twice, by one original limit each."""


class LimitUnit(StrEnum):
    """How a limit is counted: around the clock, or in working time."""

    EMERGENCY_HOUR = "紧急工作时"
    EMERGENCY_DAY = "紧急工作日"
    WORKING_HOUR = "工作时"
    WORKING_DAY = "工作日"
    NATURAL_DAY = "自然日"

    @property
    def in_working_time(self) -> bool:
        """Whether nights, weekends and holidays do not count."""
        return self in (LimitUnit.WORKING_HOUR, LimitUnit.WORKING_DAY)


@dataclass(frozen=True)
class Limit:
    """So many hours or days to handle a case."""

    value: float
    unit: LimitUnit

    def span(self, calendar: WorkingCalendar) -> timedelta:
        """The time allowed: working time for the units that count it, time by the clock for the others."""
        if self.unit is LimitUnit.WORKING_DAY:
            return timedelta(seconds=self.value * calendar.day_seconds)
        hours = self.unit in (LimitUnit.EMERGENCY_HOUR, LimitUnit.WORKING_HOUR)
        return timedelta(hours=self.value) if hours else timedelta(days=self.value)

    def __str__(self) -> str:
        return f"{self.value:g}{self.unit}"


@dataclass(frozen=True)
class HandlingClock:
    """The clock of one case: its limit, counted by a calendar."""

    limit: Limit
    calendar: WorkingCalendar

    def deadline(self, start: datetime) -> datetime:
        """When a case dispatched at ``start`` (aware) must have been handled."""
        return self._after(start, self.limit.span(self.calendar))

    def extended(self, deadline: datetime) -> datetime:
        """The deadline with one original limit more."""
        return self.deadline(deadline)

    def resumed(self, paused_at: datetime, deadline: datetime, now: datetime) -> datetime:
        """The deadline of a clock that stood still from ``paused_at`` until ``now``.

        What was left is left still; a case that was overdue when its clock was stopped stays so.
        """
        if deadline <= paused_at:
            return deadline
        in_working_time = self.limit.unit.in_working_time
        left = self.calendar.between(paused_at, deadline) if in_working_time else deadline - paused_at
        return self._after(now, left)

    def _after(self, start: datetime, span: timedelta) -> datetime:
        if self.limit.unit.in_working_time:
            return self.calendar.add(start, span)
        return start + span


def stage_deadline(state: str, start: datetime, calendar: WorkingCalendar) -> datetime | None:
    """By when a case in a state since ``start`` is to leave it; None where the state has no limit."""
    limit = stage_limit(state)
    return HandlingClock(limit, calendar).deadline(start) if limit else None


@cache
def stage_limit(state: str) -> Limit | None:
    """How long a case may stay in a state (阶段时限): the table ``case_state``'s, unverified defaults."""
    entry = CodeTable.load("case_state").get(state)
    if entry is None or not entry["limit_value"]:
        return None
    return Limit(float(entry["limit_value"]), LimitUnit(entry["limit_unit"]))


@dataclass(frozen=True)
class FilingCondition:
    """Under what a case of a matter is filed, how long handling may take, and what closes it (立结案条件)."""

    key: str
    condition: str
    threshold: str
    limit: Limit
    closing_action: str


DEFAULT_CONDITION = FilingCondition("default", "other", "", Limit(5, LimitUnit.WORKING_DAY), "")
"""For matters of which the table knows no limit: an unverified default."""

COMPONENT_MAJORS = ("01", "02", "03", "04", "05")
"""Matters of these majors are about the component with the same number; the others are conduct."""


@cache
def conditions_of(matter_class: str) -> tuple[FilingCondition, ...]:
    """The conditions of a matter's class (5 digits, edition 2026), at least the default one."""
    return tuple(_conditions(matter_class)) or (DEFAULT_CONDITION,)


def condition_by_key(matter_class: str, key: str) -> FilingCondition | None:
    """The condition of that matter with this key."""
    return next((one for one in conditions_of(matter_class) if one.key == key), None)


def _conditions(matter_class: str) -> Iterator[FilingCondition]:
    kind = "component" if matter_class[:2] in COMPONENT_MAJORS else "event"
    for entry in _limits().get((kind, matter_class), ()):
        yield FilingCondition(
            f"{kind}.{entry.code}.{entry['sequence']}",
            entry["condition"],
            entry["threshold"],
            Limit(float(entry["limit_value"]), LimitUnit(entry["limit_unit"])),
            entry["closing_action"],
        )


@cache
def _limits() -> dict[tuple[str, str], list[CodeEntry]]:
    found: dict[tuple[str, str], list[CodeEntry]] = {}
    for entry in CodeTable.load("deadline"):
        if entry["code_2026"]:
            found.setdefault((entry["kind"], entry["code_2026"]), []).append(entry)
    return found
