"""The demo district's last day and a half, as its devices would have reported it had anybody listened.

Handed to the intake and judged as of its time, so that courses, alarms and situations have a past to look at
and a storm to play back. Like everything else of the demo it is synthetic (演示).
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache

from etl.alarms.judge import AlarmJudge
from etl.alarms.sweep import AlarmSweep
from etl.feeds.intake import Intake
from etl.feeds.mqtt_mapping import PACKAGED, read_mappings
from etl.feeds.reading import Position, Reading
from geodata.store import Store
from ioc.simulation.district import BEGIN_S, GAUGES, District
from ioc.simulation.fleet import Fleet
from ioc.simulation.play import INTERVALS, TOPICS, send_crews
from ioc.simulation.roster import Devices
from ioc.simulation.scenario import Scenario

STEP_S = 300
CALM_S = 600
"""While no storm is under way, what would report oftener than in steps reports so seldom."""
TOGETHER_S = 1800
"""While no storm is under way, what is reported in so long is handed in and judged together."""
POSITIONS_S = 100
SOURCE = "demo:past"

LACKING = "SELECT NOT EXISTS (SELECT FROM ioc.observation)"
FORGET_EVENTS = "DELETE FROM ioc.live_event WHERE at >= %s"
"""Nobody was there to be told."""


def ensure_demo_past(
    store: Store, devices: Mapping[str, Devices], weather: Scenario, fleet: Fleet | None, seed: int
) -> int:
    """Fill a store without readings with those of the past; gives how many it keeps.

    Cut short, what has come stays: each step is whole by itself, and the past then ends earlier.
    """
    with store.owner_connection() as connection:
        if connection.execute(LACKING).fetchone() != (True,):
            return 0
    begun = datetime.now(UTC)
    moment = begun
    judge = AlarmJudge(clock=lambda: moment)
    sweep = AlarmSweep(listening=begun)
    kept = 0
    with closing(Intake(store.app_url, judge)) as intake, store.app_connection() as connection:
        for moment, readings, positions in _life(devices, weather, fleet, seed, begun):
            kept += intake.take(readings, positions, SOURCE).stored
            sweep.sweep(connection, moment)
            connection.commit()
    with store.owner_connection() as connection:
        connection.execute(FORGET_EVENTS, [begun])
    return kept


def _life(
    devices: Mapping[str, Devices], weather: Scenario, fleet: Fleet | None, seed: int, end: datetime
) -> Iterator[tuple[datetime, list[Reading], list[Position]]]:
    """What is reported until each moment, up to ``end``, at which a scenario starts."""
    district = District(dict(devices), weather, seed)
    begin = int((end.timestamp() + BEGIN_S) // STEP_S + 1) * STEP_S
    clocks = range(begin, int(end.timestamp()), STEP_S)
    held: list[Reading] = []
    for clock in clocks:
        moment = datetime.fromtimestamp(clock, UTC)
        second = clock - end.timestamp()
        stormy = weather.under_way(second)
        positions = _driven(district, fleet, devices, moment, second) if fleet and stormy else []
        district.live_until(second)
        often = STEP_S if stormy else CALM_S
        due = {kind: interval if interval >= STEP_S else often for kind, interval in INTERVALS.items()}
        kinds = [GAUGES, *(kind for kind, seconds in due.items() if clock % seconds == 0)]
        held += _reported(district, kinds, moment)
        if stormy or clock % TOGETHER_S == 0 or clock == clocks[-1]:
            yield moment, held, positions
            held = []


def _reported(district: District, kinds: list[str], moment: datetime) -> list[Reading]:
    return [
        Reading(measured.code, _metrics()[kind].get(name, name), moment, value)
        for kind in kinds
        for measured in district.measured(kind)
        for name, value in measured.values.items()
    ]


def _driven(
    district: District, fleet: Fleet, devices: Mapping[str, Devices], moment: datetime, second: float
) -> list[Position]:
    """Where the vehicles were within the step that ends at a moment."""
    positions = []
    for back in range(STEP_S - POSITIONS_S, -1, -POSITIONS_S):
        district.live_until(second - back)
        send_crews(fleet, district, devices)
        fleet.step(POSITIONS_S)
        at = moment - timedelta(seconds=back)
        for vehicle in fleet.vehicles:
            speed = 0.0 if vehicle.stands else vehicle.speed * 3.6
            positions.append(Position(vehicle.code, at, *fleet.position(vehicle), speed, vehicle.heading))
    return positions


@cache
def _metrics() -> dict[str, dict[str, str]]:
    """The store's names of what devices of a kind report over MQTT; others report by the metric's name."""
    mappings = read_mappings([PACKAGED])
    found: dict[str, dict[str, str]] = {kind: {} for kind in (GAUGES, *INTERVALS)}
    for kind, topic in TOPICS.items():
        mapping = next(one for one in mappings if one.fits(f"ioc/{topic}/any/readings"))
        found[kind] = {value.path: metric for metric, value in mapping.metrics.items()}
    return found
