"""Declarative alarm rules: one TOML file says which metrics it watches, what is too much, and since when.

Packaged rules lie in ``etl/alarms/rules``; a new rule is a new file. What a district sets otherwise, for all
devices or for one, is kept in the store and laid over the file.
"""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from geodata.errors import UserError

PACKAGED = Path(__file__).parent / "rules"

Kind = Literal["above", "below", "sum", "rise", "silent", "frozen"]
AT_ONCE: frozenset[Kind] = frozenset({"above", "below"})
"""Judged reading by reading as they come in; the others look back over a window and are swept."""

DayOfYear = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Level(_Part):
    """One severity, 1 (红) to 4 (蓝), and the limit from which it holds.

    The limit is a number or stands with the station or the metric of the device; where it stands nowhere, the
    level is never reached.
    """

    severity: Annotated[int, Field(ge=1, le=4)]
    name_zh: str
    name_en: str
    limit: float | None = None
    station_limit: Literal["guard_level", "warning_level", "design_level"] | None = None
    metric_limit: Literal["lower_limit", "upper_limit"] | None = None
    window_s: Annotated[float, Field(gt=0)] | None = None
    """Of a sum or a rise: over how long; of silence and frozen values the limit is the time itself."""

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if sum(x is not None for x in (self.limit, self.station_limit, self.metric_limit)) != 1:
            raise ValueError("a level has exactly one of limit, station_limit, metric_limit")
        return self


class Season(_Part):
    """Days of the year, first and last, in which a rule holds; it may go over New Year."""

    first: DayOfYear
    last: DayOfYear

    def holds(self, day: date) -> bool:
        today = day.strftime("%m-%d")
        if self.first <= self.last:
            return self.first <= today <= self.last
        return today >= self.first or today <= self.last


class While(_Part):
    """A second metric of the same device that must be at or below a value for the rule to hold."""

    metric: str
    at_most: float


class AlarmRule(_Part):
    """What is watched and when it is an alarm.

    ``hold_s``: so long a limit must be exceeded, or kept again, before the alarm changes; ``hysteresis``: so
    far a value must come back behind a limit, in the metric's unit. ``situation`` names the kind (a storm)
    that alarms of this rule belong to. ``source_zh``, ``source_en``: where the limits
    come from and whether that was seen.
    """

    code: str
    title_zh: str
    title_en: str
    kind: Kind
    metrics: tuple[str, ...] = ()
    """Codes of metrics; none: every metric."""
    unit: str = ""
    hysteresis: Annotated[float, Field(ge=0)] = 0
    hold_s: Annotated[float, Field(ge=0)] = 0
    season: Season | None = None
    only_while: While | None = None
    situation: str | None = None
    source_zh: str
    source_en: str
    levels: tuple[Level, ...] = Field(min_length=1)

    @property
    def at_once(self) -> bool:
        """Whether each reading is judged as it comes in."""
        return self.kind in AT_ONCE and self.only_while is None

    def level(self, severity: int) -> Level:
        return next(level for level in self.levels if level.severity == severity)

    @model_validator(mode="after")
    def _levels_fit(self) -> Self:
        if len({level.severity for level in self.levels}) != len(self.levels):
            raise ValueError("each severity has one level")
        windowed = self.kind in ("sum", "rise")
        if any((level.window_s is not None) != windowed for level in self.levels):
            raise ValueError("levels of a sum or a rise have a window_s, others have none")
        return self


class Change(_Part):
    """What a district sets otherwise for a rule, for all devices or for one.

    ``limits`` holds the limit of each severity as a number; None switches the level off.
    """

    enabled: bool = True
    limits: Mapping[int, float | None] = Field(default_factory=dict)
    hysteresis: Annotated[float, Field(ge=0)] | None = None
    hold_s: Annotated[float, Field(ge=0)] | None = None

    def laid_over(self, rule: AlarmRule) -> AlarmRule | None:
        """The rule as changed; None when nothing of it is left."""
        levels = []
        for level in rule.levels:
            if level.severity not in self.limits:
                levels.append(level)
            elif (limit := self.limits[level.severity]) is not None:
                own = {"limit": limit, "station_limit": None, "metric_limit": None}
                levels.append(level.model_copy(update=own))
        if not self.enabled or not levels:
            return None
        own = {"levels": tuple(levels)}
        own |= {key: value for key in ("hysteresis", "hold_s") if (value := getattr(self, key)) is not None}
        return rule.model_copy(update=own)


def read_rules(folder: Path) -> dict[str, AlarmRule]:
    """Rules of a folder by code, which is the file's name.

    Raises:
        UserError: a file does not follow the form.
    """
    return {rule.code: rule for rule in _rules(folder)}


def _rules(folder: Path) -> Iterator[AlarmRule]:
    for path in sorted(folder.glob("*.toml")):
        try:
            content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            yield AlarmRule.model_validate({"code": path.stem} | content)
        except (tomllib.TOMLDecodeError, ValidationError) as error:
            raise UserError(f"The alarm rule {path.name} cannot be read: {error}") from error


@cache
def packaged_rules() -> Mapping[str, AlarmRule]:
    """The rules that come with the program."""
    return read_rules(PACKAGED)
