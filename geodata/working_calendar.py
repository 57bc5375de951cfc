"""Working time in China: which days are worked, and counting hours of them.

Holidays and the weekends worked in exchange are those of the State Council's yearly notice, as the package
``chinesecalendar`` lists them. For years it does not know yet, Monday to Friday are taken as working days;
``holidays_known`` tells.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar
import numpy as np
from numpy.typing import NDArray

ZONE = ZoneInfo("Asia/Shanghai")
ZONE_SECONDS = 8 * 3600
"""China keeps one time, eight hours before UTC, with no summer time since 1991."""

FIRST_YEAR, LAST_YEAR = 2004, 2060
HOUR = 3600

HOURS = ((8, 12), (14, 18))
"""Hours worked on a working day. An unverified default: one city's source has these; offices differ."""

Seconds = NDArray[np.int64]


@cache
def holidays_known(year: int) -> bool:
    """Whether the holidays of a year have been announced, as far as this program knows."""
    try:
        chinese_calendar.is_workday(date(year, 6, 1))
    except NotImplementedError:
        return False
    return True


def is_working_day(day: date) -> bool:
    """Whether people work on that day; by the weekday alone where the year's holidays are not known."""
    return chinese_calendar.is_workday(day) if holidays_known(day.year) else day.weekday() < 5


@dataclass(frozen=True)
class WorkingCalendar:
    """Counts working time: on working days, within ``hours`` (pairs of whole hours, local, ascending)."""

    hours: tuple[tuple[int, int], ...] = HOURS

    @property
    def day_seconds(self) -> int:
        """Working time of one working day."""
        return sum(end - begin for begin, end in self.hours) * HOUR

    def add(self, start: datetime, working: timedelta) -> datetime:
        """The moment at which so much working time has passed since ``start`` (aware); in UTC.

        Time that ends with a span of hours ends at its end, not at the beginning of the next. No working time
        from outside of hours ends at ``start`` itself.

        Raises:
            ValueError: outside of the years 2004 to 2060, or negative working time.
        """
        return _moment(self.add_seconds(_epoch(start), np.int64(working.total_seconds())))

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Working time from one aware moment to a later one."""
        passed = self.elapsed(_epoch(end)) - self.elapsed(_epoch(start))
        return timedelta(seconds=int(passed))

    def add_seconds(self, start: Any, working: Any) -> Any:
        """As ``add`` for seconds since 1970 in UTC, numbers or arrays."""
        if np.any(np.less(working, 0)):
            raise ValueError("working time does not run backwards")
        begin, end, before = self._spans
        wanted = self.elapsed(start) + working
        found = np.minimum(np.searchsorted(before, wanted, side="left") - 1, len(begin) - 1)
        found = np.maximum(found, 0)
        moment = begin[found] + wanted - before[found]
        if np.any(moment > end[-1]):
            raise ValueError(f"the calendar ends with {LAST_YEAR}")
        return np.where(np.equal(working, 0), start, moment)

    def elapsed(self, moment: Any) -> Any:
        """Working seconds from the calendar's beginning to a moment (seconds since 1970), or to many."""
        begin, end, before = self._spans
        if np.any(np.less(moment, begin[0] - 10 * 86400)):
            raise ValueError(f"the calendar begins with {FIRST_YEAR}")
        found = np.maximum(np.searchsorted(begin, moment, side="right") - 1, 0)
        return before[found] + np.clip(moment - begin[found], 0, end[found] - begin[found])

    @cached_property
    def _spans(self) -> tuple[Seconds, Seconds, Seconds]:
        """Beginning and end of each span of hours, and the working time before it."""
        first = date(FIRST_YEAR, 1, 1)
        days = (date(LAST_YEAR, 12, 31) - first).days + 1
        worked = [index for index in range(days) if is_working_day(first + timedelta(index))]
        midnight = int(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp()) - ZONE_SECONDS
        opening = midnight + np.asarray(worked, dtype=np.int64)[:, None] * 86400
        begin = (opening + np.array([pair[0] * HOUR for pair in self.hours])).ravel()
        end = (opening + np.array([pair[1] * HOUR for pair in self.hours])).ravel()
        return begin, end, np.concatenate([[0], np.cumsum(end - begin)[:-1]])


def _epoch(moment: datetime) -> np.int64:
    return np.int64(moment.timestamp())


def _moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


CALENDAR = WorkingCalendar()
"""With the hours worked by default."""
