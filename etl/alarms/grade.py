"""From values to grades and from grades to changes of an alarm: pure functions.

A grade is 0 where all is well and 1 (蓝) to 4 (红) by the limit reached; severity is 5 less the grade.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Grades = npt.NDArray[np.int8]

HIGHEST = 4


def grades(values: Floats, limits: Floats) -> Grades:
    """The highest grade each value reaches.

    Args:
        values: n values; NaN reaches nothing.
        limits: n × 4, the limit of grade g in column g - 1; NaN where there is none.
    """
    reached = values[:, None] >= limits
    return (reached * np.arange(1, HIGHEST + 1, dtype=np.int8)).max(axis=1, initial=0).astype(np.int8)


@dataclass(frozen=True)
class Watch:
    """Where an alarm stands: its grade, and since when the values ask for a higher or a lower one."""

    grade: int = 0
    since: datetime | None = None
    rising: bool = False

    @property
    def at_rest(self) -> bool:
        return self.grade == 0 and self.since is None

    def judged(self, entered: int, kept: int, at: datetime, hold: timedelta) -> "Watch":
        """After a value: ``entered`` is the grade it reaches, ``kept`` the grade it does not yet leave.

        ``kept`` is judged with the limits less the hysteresis, so it is never below ``entered``. The grade
        changes when values have asked for it throughout ``hold``.
        """
        wanted = max(entered, min(self.grade, kept))
        if wanted == self.grade:
            return Watch(self.grade)
        rising = wanted > self.grade
        since = self.since if self.since is not None and self.rising == rising else at
        return Watch(wanted) if at - since >= hold else Watch(self.grade, since, rising)
