"""Taking reports in as cases: once each, located, linked to a component; suspected duplicates are shown."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from geodata.case_deadline import stage_deadline
from geodata.case_refusal import CaseRefusedError, asked
from geodata.code_table import CodeEntry, CodeTable
from geodata.working_calendar import CALENDAR

EDITION = "2026"
NEAR_METRES = 50.0
RECENT_HOURS = 72.0
"""How near in place and time a report of the same matter is taken for a suspected duplicate."""

CHANNELS = ("collector", "public", "department", "leader", "device")


@dataclass(frozen=True)
class Reporter:
    """Who reported, as far as they said."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True)
class CaseReport:
    """A report as it comes in; ``lon`` and ``lat`` in CGCS2000 degrees, ``source_code`` its number there.

    ``matter_class`` is the class of GB/T 47678.5-2026, 5 digits.
    """

    source: str
    source_code: str | None
    channel: str
    matter_class: str
    description: str | None = None
    address: str | None = None
    lon: float | None = None
    lat: float | None = None
    reported_at: datetime | None = None
    component_code: str | None = None
    reporter: Reporter | None = None
    opinion: str | None = None


@dataclass(frozen=True)
class FiledCase:
    """A case that a report became; ``known``: it had come before, and nothing was written."""

    id: int
    code: str
    known: bool


def matter_of(matter_class: str) -> CodeEntry:
    """The matter of a class.

    Raises:
        CaseRefusedError: there is none of this number.
    """
    found = CodeTable.load("event").get(matter_class, EDITION)
    if found is None:
        raise CaseRefusedError(
            "matter",
            f"There is no matter “{matter_class[:20]}” in GB/T 47678.5-2026: "
            "give one of its classes, such as 06010.",
        )
    return found


def matter_named(words: str) -> CodeEntry:
    """The matter of a class number or of its exact name.

    Raises:
        CaseRefusedError: there is none.
    """
    named = (one for one in CodeTable.load("event").of_edition(EDITION) if one.name == words.strip())
    return next(named, None) or matter_of(words.strip())


def file_case(connection: Connection[Any], report: CaseReport, district_code: str) -> FiledCase:
    """Keep a report as a case, in the connection's transaction.

    On a viewer's connection it is the viewer's report; on another's the word of a source.

    Raises:
        CaseRefusedError: the matter is unknown, or the viewer has no right to report there.
    """
    matter = matter_of(report.matter_class)
    taken_on_by = stage_deadline("reported", datetime.now(UTC), CALENDAR)
    content = {
        **asdict(report),
        "matter_code": district_code + matter.code,
        "title": matter.name,
        "component_type": matter["component_code"] or None,
        "stage_deadline": taken_on_by.isoformat() if taken_on_by else None,
        "reported_at": report.reported_at.isoformat() if report.reported_at else None,
    }
    row = asked(connection, "SELECT case_id, case_code, known FROM ioc.file_case(%s)", [Jsonb(content)])
    return FiledCase(*row)


def suspected_duplicates(
    connection: Connection[Any], matter_class: str, lon: float, lat: float
) -> list[dict[str, Any]]:
    """Cases of the same matter near and recent, the nearest first, as far as the viewer may see them."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT * FROM (
                SELECT c.id, c.code, c.title, c.state, c.description, c.address, c.reported_at,
                    ST_DistanceSphere(c.geom, place.geom) AS metres
                FROM ioc.case_file c,
                    (SELECT ST_SetSRID(ST_MakePoint(%(lon)s::float8, %(lat)s::float8), 4490) AS geom) AS place
                WHERE c.geom_3857 && ST_Expand(ST_Transform(place.geom, 3857), %(near)s::float8 * 2)
                    AND c.reported_at > now() - %(recent)s::float8 * interval '1 hour'
                    AND right(c.matter_code, 5) = %(matter)s::text
                    AND c.state NOT IN ('rejected', 'cancelled')
            ) AS close WHERE metres <= %(near)s::float8 ORDER BY metres LIMIT 10
            """,
            {"matter": matter_class, "lon": lon, "lat": lat, "near": NEAR_METRES, "recent": RECENT_HOURS},
        ).fetchall()
