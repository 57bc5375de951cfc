"""Where a vehicle drove: its way with gaps and length, for those who may see the vehicle."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from etl.feeds.intake import Intake
from etl.feeds.maintenance import KeptDays, maintain
from etl.feeds.reading import Position
from geodata.store import Store
from geodata.viewer import Rights, Viewer
from layers.problem import NotFoundError
from layers.vehicle_track import vehicle_track

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
DEGREE_OF_LATITUDE = 110_860
"""Metres, at 30.5° on the CGCS2000 ellipsoid."""
# North by a thousandth of a degree a minute, with a corner; then silence of twenty minutes, and a standstill.
FIRST = [(0, 114.3, 30.500), (1, 114.3, 30.501), (2, 114.3, 30.502), (3, 114.301, 30.502)]
SECOND = [(23, 114.31, 30.51), (24, 114.31, 30.51)]


@pytest.fixture
def vehicle(demo_store: Store) -> tuple[str, Viewer]:
    """The code of a vehicle, and somebody who may see it."""
    with demo_store.owner_connection() as connection:
        row = connection.execute(
            "SELECT d.code, d.dataset_id * 4 + d.sensitivity FROM ioc.device d "
            "JOIN ioc.dataset s ON s.id = d.dataset_id AND s.code = 'vehicle' ORDER BY 1 LIMIT 1"
        ).fetchone()
    assert row is not None
    return row[0], viewer(frozenset({row[1]}))


@pytest.fixture
def driven(demo_store: Store, vehicle: tuple[str, Viewer]) -> datetime:
    """The hour in which the vehicle drove."""
    hour = NOW - timedelta(hours=3)
    intake = Intake(demo_store.app_url)
    intake.take([], [Position(vehicle[0], hour + timedelta(minutes=n), x, y) for n, x, y in FIRST + SECOND])
    intake.close()
    return hour


def viewer(whole: frozenset[int]) -> Viewer:
    return Viewer(1, "somebody", "somebody", frozenset(), "", (), rights=Rights(whole))


def ask(store: Store, viewer: Viewer, code: str, begin: datetime, end: datetime) -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        opened = Store(store.app_url, store.owner_url)
        try:
            return await vehicle_track(opened, viewer, code, begin, end)
        finally:
            await opened.close()

    return asyncio.run(read())


def test_a_way_has_its_length_and_a_gap_where_the_vehicle_was_silent(
    demo_store: Store, vehicle: tuple[str, Viewer], driven: datetime
) -> None:
    code, crew = vehicle
    whole = ask(demo_store, crew, code, driven, driven + timedelta(hours=1))
    assert whole["source"] == "positions"
    # What lies on the line between others is left out.
    assert whole["parts"][0] == [[114.3, 30.5], [114.3, 30.502], [114.301, 30.502]]
    assert len(whole["parts"]) == 2
    east = 96_030 * 0.001  # metres of a thousandth of a degree of longitude at 30.502°
    assert whole["length_m"] == pytest.approx(0.002 * DEGREE_OF_LATITUDE + east, abs=1.5)
    part = ask(demo_store, crew, code, driven, driven + timedelta(minutes=2))
    assert part["parts"] == [[[114.3, 30.5], [114.3, 30.501]]]
    assert ask(demo_store, crew, code, driven - timedelta(hours=2), driven)["parts"] == []

    with psycopg.connect(demo_store.owner_url, autocommit=True) as connection:
        maintain(connection, KeptDays(400, 400, 400, 30), NOW)
    month = ask(demo_store, crew, code, driven - timedelta(days=20), NOW)
    assert (month["source"], len(month["parts"])) == ("hours", 1)
    assert month["length_m"] > whole["length_m"]

    for somebody, unknown in ((viewer(frozenset()), code), (crew, "unknown")):
        with pytest.raises(NotFoundError):
            ask(demo_store, somebody, unknown, driven, NOW)
