"""Hours of reports, as fast as a page takes them, and the page's memory meanwhile."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from etl.feeds.intake import Intake
from etl.feeds.reading import Position, Reading
from geodata.store import Store
from ioc.bench.chromium import heap_megabytes
from ioc.bench.stations import device_code

if TYPE_CHECKING:
    from playwright.sync_api import Page

PER_HOUR = 12
"""Reports of each device: one in five minutes."""
LOOKS = 6
VEHICLES = 200
COUNT = "ioc.live.on('position', (items) => (window.moved = items[0]?.speed))"


def day_of_reports(store: Store, page: "Page", devices: int, hours: float) -> list[float]:
    """Megabytes of the page's JavaScript heap, collected, at equal distances from its start to its end."""
    rounds = round(hours * PER_HOUR)
    first = datetime.now(UTC) - timedelta(minutes=5 * (rounds + 1))
    intake = Intake(store.app_url)
    page.evaluate(COUNT)
    heap = []
    for number in range(rounds + 1):
        at = first + timedelta(minutes=5 * number)
        readings = [Reading(device_code(n), "DAY", at, (n + number) % 90 / 7) for n in range(1, devices + 1)]
        positions = [
            # The speed tells the page's script which round it has.
            Position(device_code(n), at, 114.28 + (n + number) % 100 / 1000, 30.5 + n / 4000, number, n)
            for n in range(1, VEHICLES + 1)
        ]
        intake.take(readings, positions, "bench")
        page.wait_for_function("number => window.moved === number", arg=number, timeout=60_000)
        if number % max(1, rounds // LOOKS) == 0:
            # What the map has not drawn yet it holds; it draws some times a second at most.
            page.wait_for_timeout(1500)
            heap.append(round(heap_megabytes(page), 2))
    intake.close()
    return heap
