"""What is remembered of stations holds until it changes, and for one set of rights."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etl.feeds.intake import Intake
from etl.feeds.reading import Reading
from geodata.store import Store
from geodata.viewer import Rights, Viewer
from layers.latest_reading import LatestReadings
from layers.problem import NotFoundError

LEVELS = """
    SELECT d.code, t.code, t.name, t.area_code, d.dataset_id, d.sensitivity, t.dataset_id, t.sensitivity
    FROM ioc.device d JOIN ioc.station t ON t.code = d.station_code
    JOIN ioc.metric m ON m.device_code = d.code AND m.metric = 'LEVEL' ORDER BY t.area_code, d.code
"""


@pytest.fixture
def intake(demo_store: Store) -> Iterator[Intake]:
    taking = Intake(demo_store.app_url)
    yield taking
    taking.close()


def viewer(whole: frozenset[int] = frozenset(), area: frozenset[str] = frozenset()) -> Viewer:
    return Viewer(1, "somebody", "somebody", frozenset(), "", (), rights=Rights(whole, area))


def test_what_changes_is_shown_and_rights_are_kept_apart(demo_store: Store, intake: Intake) -> None:
    asyncio.run(what_changes_is_shown(demo_store, intake))


async def what_changes_is_shown(store: Store, intake: Intake) -> None:
    with store.owner_connection() as connection:
        levels = connection.execute(LEVELS).fetchall()
    (first, station, name, area, *rights), (second, other, *_) = levels[0], levels[-1]
    now = datetime.now(UTC).replace(microsecond=0)
    dataset, sensitivity, place_dataset, place_sensitivity = rights
    own = frozenset({f"{dataset}.{sensitivity}.{area}", f"{place_dataset}.{place_sensitivity}.{area}"})
    everybody, local = viewer(whole=frozenset(range(400))), viewer(area=own)
    latest = LatestReadings(store)

    async def told(who: Viewer, within: str = "") -> dict[str, Any]:
        return {one["code"]: one for one in json.loads(await latest.of_stations(who, within))}

    intake.take([Reading(first, "LEVEL", now, 0.5)])
    [reading] = (await told(everybody))[station]["readings"]
    assert (reading["value"], reading["unit"]) == (0.5, "m")
    # Another series, which was not known, and another reading.
    again = now + timedelta(seconds=1)
    intake.take([Reading(second, "LEVEL", now, 0.25), Reading(first, "LEVEL", again, 0.75)])
    assert (await told(everybody)).keys() == {station, other}
    [reading] = (await told(local))[station]["readings"]
    assert (reading["value"], reading["unit"]) == (0.75, None), "the metrics are not theirs to see"
    assert (await told(local)).keys() == (await told(everybody, area)).keys() == {station}
    with store.owner_connection() as connection:
        connection.execute("UPDATE ioc.station SET name = name || '（新）' WHERE code = %s", [station])
        connection.execute("UPDATE ioc.dataset SET revision = revision + 1 WHERE code = 'station'")
    assert (await told(everybody))[station]["name"] == f"{name}（新）"
    alone = json.loads(await latest.of_station(everybody, first))
    assert [(one["device"], one["value"]) for one in alone["readings"]] == [(first, 0.75)]
    with pytest.raises(NotFoundError):
        await latest.of_station(local, second)
    await store.close()
