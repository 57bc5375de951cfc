"""Plays the district in real time: each device sends what it measures to its door, at its own interval."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import structlog
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from etl.feeds import hj212, jt808
from etl.feeds.frame import BEIJING
from ioc.simulation import district as kinds
from ioc.simulation.case_report import CaseReporter
from ioc.simulation.district import District, Measured
from ioc.simulation.fleet import Fleet, Vehicle
from ioc.simulation.gauge_picture import GaugeCamera
from ioc.simulation.hydrology_station import HydrologyStation
from ioc.simulation.roster import Devices
from ioc.simulation.scenario import Scenario
from ioc.simulation.senders import (
    AIR,
    WATER,
    EnvironmentStation,
    Line,
    NoAnswerError,
    Terminal,
)

log = structlog.get_logger(__name__)

STEP_SECONDS = 5.0
GAUGE_SECONDS = 300
VEHICLE_SECONDS = 15
PICTURE_SECONDS = 600
INTERVALS = {
    kinds.ROADS: 60,
    kinds.MANHOLES: 120,
    kinds.PUMPS: 60,
    kinds.GAS: 60,
    kinds.COVERS: 600,
    kinds.LEVELS: 300,
    kinds.FLOW: 300,
    kinds.AIR: 60,
    kinds.QUALITY: 900,
}
"""Seconds between two reports, as the demo's list of metrics says."""
FIRST_SECONDS = 20
"""Within so many seconds after the start every device reports once."""
TOPICS = {
    kinds.ROADS: "waterlogging",
    kinds.MANHOLES: "drain_level",
    kinds.PUMPS: "pump_station",
    kinds.GAS: "gas_sensor",
    kinds.COVERS: "manhole_cover",
}
LETTERS = {kinds.GAUGES: "P", kinds.LEVELS: "H", kinds.FLOW: "H"}
SYSTEMS = {kinds.AIR: AIR, kinds.QUALITY: WATER}
CREW_KIND = "排水抢险车"
CREWS_FROM_CM = 27.0
PLACES = kinds.ROADS


@dataclass(frozen=True)
class Doors:
    """Addresses of the doors; what is None is not played."""

    host: str
    hj212: int | None = None
    sl651: int | None = None
    jt808: int | None = None
    mqtt: str | None = None

    @classmethod
    def of(cls, content: Mapping[str, Any], host: str) -> "Doors":
        """From the file that the doors write."""
        return cls(
            host, content.get("hj212"), content.get("sl651"), content.get("jt808"), content.get("mqtt")
        )


class Player:
    """One scenario over the devices of a district.

    Args:
        devices: by kind; those of no other kind are vehicles.
        fleet: their vehicles, None where none are to drive.
        cases: reports cases, None where nobody is to report.
        camera: takes pictures of the gauges at lakes and rivers, None where nobody is to.
    """

    def __init__(
        self,
        devices: Mapping[str, Devices],
        scenario: Scenario,
        doors: Doors,
        fleet: Fleet | None,
        cases: CaseReporter | None,
        camera: GaugeCamera | None,
        seed: int,
    ) -> None:
        self._devices = devices
        self._district = District(dict(devices), scenario, seed)
        self._doors = doors
        self._fleet = fleet
        self._cases = cases
        self._camera = camera
        self._senders: dict[str, Callable[[Measured, datetime], Awaitable[None]]] = {}
        self._terminals: dict[str, Terminal] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._silent = 0
        self._mqtt = self._connected() if doors.mqtt else None

    async def play(self, stopping: asyncio.Event) -> None:
        """Go on in real time until told to stop."""
        await asyncio.to_thread(self._district.live_until, 0.0)
        self._district.measured(kinds.GAUGES)  # What fell until now is not of the first report.
        began = asyncio.get_running_loop().time()
        step = 0
        while not stopping.is_set():
            now = datetime.now(UTC)
            await asyncio.to_thread(self._advance)
            self._send_due(step * STEP_SECONDS, now)
            if self._cases:
                await asyncio.to_thread(
                    self._cases.step, STEP_SECONDS, flooded(self._district, self._devices), now
                )
            if self._camera:
                await asyncio.to_thread(self._take_pictures, self._camera, step * STEP_SECONDS, now)
            step += 1
            pause = began + step * STEP_SECONDS - asyncio.get_running_loop().time()
            if pause > 0:
                try:
                    await asyncio.wait_for(stopping.wait(), pause)
                except TimeoutError:
                    continue
        for task in self._busy.values():
            task.cancel()
        if self._mqtt:
            self._mqtt.disconnect()
            self._mqtt.loop_stop()

    def _advance(self) -> None:
        self._district.step(STEP_SECONDS)
        if self._fleet:
            send_crews(self._fleet, self._district, self._devices)
            self._fleet.step(STEP_SECONDS)

    def _send_due(self, elapsed: float, now: datetime) -> None:
        if _passes(elapsed, GAUGE_SECONDS, now):
            five = now.replace(minute=now.minute - now.minute % 5, second=0, microsecond=0)
            for measured in self._district.measured(kinds.GAUGES):
                self._send(kinds.GAUGES, measured, five)
        for kind, interval in INTERVALS.items():
            measured = self._district.measured(kind)
            for number in _due(len(measured), interval, elapsed):
                self._send(kind, measured[number], now)
        if self._fleet:
            for number in _due(len(self._fleet.vehicles), VEHICLE_SECONDS, elapsed):
                self._send_position(self._fleet.vehicles[number], now)

    def _take_pictures(self, camera: GaugeCamera, elapsed: float, now: datetime) -> None:
        measured = self._district.measured(kinds.LEVELS)
        for number in _due(len(measured), PICTURE_SECONDS, elapsed):
            camera.take(measured[number].code, measured[number].values["Z"], now)

    def _send(self, kind: str, measured: Measured, at: datetime) -> None:
        if kind in TOPICS:
            if self._mqtt:
                topic = f"ioc/{TOPICS[kind]}/{measured.code}/readings"
                content = {"at": at.astimezone(BEIJING).isoformat(timespec="seconds")} | measured.values
                self._mqtt.publish(topic, json.dumps(content), qos=1)
            return
        port = self._doors.hj212 if kind in SYSTEMS else self._doors.sl651
        if port is None:
            return
        if measured.code not in self._senders:
            self._senders[measured.code] = self._station(kind, measured.code, port)
        self._start(measured.code, self._senders[measured.code](measured, at))

    def _station(self, kind: str, code: str, port: int) -> Callable[[Measured, datetime], Awaitable[None]]:
        if kind in SYSTEMS:
            environment = EnvironmentStation(
                code, SYSTEMS[kind], Line(self._doors.host, port, hj212.stream())
            )
            return lambda measured, at: environment.report(at, measured.values)
        # What fell since a gauge reported last is of its next report.
        measure = None if kind == kinds.GAUGES else lambda: self._measured_now(kind, code)
        hydrology = HydrologyStation(code, LETTERS[kind], self._doors.host, port, measure)

        def send(measured: Measured, at: datetime) -> Awaitable[None]:
            hydrology.keep(at, measured.values)
            return hydrology.report(at, measured.values)

        return send

    def _measured_now(self, kind: str, code: str) -> dict[str, float]:
        return next(one.values for one in self._district.measured(kind) if one.code == code)

    def _send_position(self, vehicle: Vehicle, now: datetime) -> None:
        if self._doors.jt808 is None or self._fleet is None:
            return
        terminal = self._terminals.get(vehicle.code)
        if terminal is None:
            terminal = Terminal(vehicle.code, Line(self._doors.host, self._doors.jt808, jt808.stream()))
            self._terminals[vehicle.code] = terminal
        lon, lat = self._fleet.position(vehicle)
        speed = 0.0 if vehicle.stands else vehicle.speed * 3.6
        self._start(vehicle.code, terminal.report(now, lon, lat, speed, vehicle.heading, not vehicle.stands))

    def _start(self, code: str, sending: Awaitable[None]) -> None:
        """Send; a device that still waits for an answer to its last report leaves this one out."""
        if code in self._busy and not self._busy[code].done():
            asyncio.ensure_future(sending).cancel()
            return
        self._busy[code] = asyncio.ensure_future(self._sent(sending))

    async def _sent(self, sending: Awaitable[None]) -> None:
        try:
            await sending
        except NoAnswerError:
            self._silent += 1
            if self._silent % 100 == 1:
                log.warning("simulate: a door does not answer", so_far=self._silent)

    def _connected(self) -> Client:
        address = urlsplit(str(self._doors.mqtt))
        client = Client(CallbackAPIVersion.VERSION2, client_id="ioc-simulation", clean_session=True)
        if address.username:
            client.username_pw_set(address.username, address.password)
        client.max_queued_messages_set(2000)
        client.reconnect_delay_set(1, 30)
        client.connect_async(address.hostname or "127.0.0.1", address.port or 1883)
        client.loop_start()
        return client


def flooded(district: District, devices: Mapping[str, Devices]) -> dict[int, tuple[float, float]]:
    """Places under so much water that crews come, by the number of their sensor, in metres of the zone."""
    if PLACES not in devices:
        return {}
    place = devices[PLACES].place
    return {n: (place[n, 0], place[n, 1]) for n in district.flooded(CREWS_FROM_CM)}


def send_crews(fleet: Fleet, district: District, devices: Mapping[str, Devices]) -> None:
    """Let crews drive to where water stands."""
    for number, (x, y) in flooded(district, devices).items():
        fleet.send_to(number, x, y)


def _due(count: int, interval: float, elapsed: float) -> list[int]:
    """Numbers of the devices that report in this step: spread evenly, and all soon after the start."""
    numbers = np.arange(count)
    spread = FIRST_SECONDS if elapsed < FIRST_SECONDS else interval
    steps = max(1, round(spread / STEP_SECONDS))
    return numbers[numbers % steps == round(elapsed / STEP_SECONDS) % steps].tolist()


def _passes(elapsed: float, interval: int, now: datetime) -> bool:
    """Whether a whole interval of the clock has just passed."""
    return elapsed >= STEP_SECONDS and now.timestamp() % interval < STEP_SECONDS
