"""When it rained and how many alarms there were, slot by slot: what a moment to look back at is found by."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from geodata.errors import UserError
from geodata.store import Store
from geodata.viewer import Viewer

MOST_SLOTS = 100
SLOTS = [timedelta(minutes=5), timedelta(minutes=15), *(timedelta(hours=n) for n in (1, 2, 6, 24))]
LONGEST = MOST_SLOTS * SLOTS[-1]
FUTURE = timedelta(minutes=1)
"""By how much a moment may be to come: clocks differ, and a minute is what a slider steps by."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Slots are counted from here; nothing was recorded before."""

QUERY = Path(__file__).with_name("timeline.sql").read_bytes()
# Readings and positions are kept in a partition a day, the oldest of which is dropped as a whole.
KEPT = b"""
    SELECT min(day) FILTER (WHERE whole = 'ioc.observation'::regclass),
        min(day) FILTER (WHERE whole = 'ioc.vehicle_position'::regclass)
    FROM (
        SELECT inhparent AS whole, to_date(right(relname, 8), 'YYYYMMDD') AS day
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent IN ('ioc.observation'::regclass, 'ioc.vehicle_position'::regclass)
    ) AS kept
"""


class NoSuchTimeError(UserError):
    """A moment that is still to come or long gone, or a span that is too long or none."""


@dataclass(frozen=True)
class Span:
    """A span of whole slots: those that what is asked for begins and ends in."""

    begin: datetime
    end: datetime
    step: timedelta


def span_of(begin: datetime, end: datetime) -> Span:
    """The span from whole slot to whole slot.

    Raises:
        NoSuchTimeError: it ends before it begins, or is longer than a hundred days.
    """
    if not timedelta() < end - begin <= LONGEST:
        raise NoSuchTimeError(f"A timeline ends after it begins, by {LONGEST.days} days at most.")
    step = next(step for step in SLOTS if (end - begin) / step <= MOST_SLOTS)
    return Span(
        EARLIEST + (begin - EARLIEST) // step * step, EARLIEST - (EARLIEST - end) // step * step, step
    )


def past(moment: datetime) -> datetime:
    """The moment.

    Raises:
        NoSuchTimeError: it is still to come, or before all that is kept.
    """
    if not EARLIEST <= moment <= datetime.now(UTC) + FUTURE:
        raise NoSuchTimeError("That is no moment of the past since 2000: name one that has been.")
    return moment


async def timeline(store: Store, viewer: Viewer, span: Span) -> dict[str, Any]:
    """Slots as ``[rain in mm or None, alarms open, alarms raised]``, of what the viewer may see.

    ``kept``: from when on readings and positions are kept. ``now``: the server's clock, which moments are of.
    """
    slots, ((reading, position),) = await store.read(viewer, [(QUERY, vars(span)), (KEPT, {})])
    return {
        "from": span.begin.isoformat(),
        "to": span.end.isoformat(),
        "step_s": span.step.total_seconds(),
        "slots": [[None if rain is None else round(rain, 1), *alarms] for rain, *alarms in slots],
        "kept": {"reading": _midnight(reading), "position": _midnight(position)},
        "now": datetime.now(UTC).isoformat(),
    }


def _midnight(day: Any) -> str | None:
    return None if day is None else f"{day.isoformat()}T00:00:00+00:00"
