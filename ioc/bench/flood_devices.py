"""Devices that flood the doors, in a process of their own; at its end it says what was acknowledged when.

Of ten devices four are hydrological stations (SL 651), two environmental ones (HJ 212), three publish to the
broker, and one is of a platform that hands in over HTTP what its devices say, once a second. Vehicles report
by JT/T 808. All report every five seconds; in an ``outburst`` the vehicles hand in, without a pause, the
positions they kept while they had no network. A value is the number of its report.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from etl.feeds import hj212, jt808
from etl.feeds.mqtt_door import Broker
from ioc.bench.field_devices import BROKER, ENVIRONMENT, HYDROLOGY, PERIOD_SECONDS
from ioc.bench.stations import device_code, vehicle_phone
from ioc.open_files import allow_many_open_files
from ioc.simulation.hydrology_station import HydrologyStation
from ioc.simulation.senders import EnvironmentStation, Line, NoAnswerError, Terminal

KEPT_POSITIONS = 30
"""In one message of an outburst: as many as it holds."""
OUTBURST = "outburst"
STEP = 1000
"""Reports by which a value grows by one: none of them raises an alarm."""
Report = Callable[[int], Awaitable[Any]]
"""(its number): returns when it is acknowledged."""


@dataclass
class Diary:
    """What was sent and acknowledged by when (Unix seconds)."""

    sent: list[tuple[float, str, int]] = field(default_factory=list)
    """When, by which door, how many readings or positions."""
    reports: list[tuple[str, int, float, float]] = field(default_factory=list)
    """Acknowledged readings: device, number, sent at, acknowledged at."""
    positions: list[tuple[float, int]] = field(default_factory=list)
    """Acknowledged at, how many."""


def main(devices: int, vehicles: int, first: int, addresses: str, token: str, diary_file: str) -> None:
    """Report, from the number ``first``, until standard input ends; a line ``outburst`` there begins one."""
    allow_many_open_files()
    diary = Diary()
    asyncio.run(_report(devices, vehicles, first, json.loads(addresses), token, diary))
    Path(diary_file).write_text(json.dumps(vars(diary)))


async def _report(
    devices: int, vehicles: int, first: int, addresses: dict[str, Any], token: str, diary: Diary
) -> None:
    outburst = asyncio.Event()
    publisher = _Publisher(Broker.at(addresses["mqtt"]), diary)
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        tasks = [
            asyncio.create_task(_keep_reporting(report, kind, first, number / devices, diary))
            for number in range(1, devices + 1)
            for kind, report in [_sender(number, addresses, publisher, diary)]
            if report
        ]
        tasks += [
            asyncio.create_task(_drive(number, addresses, number / vehicles, diary, outburst))
            for number in range(1, vehicles + 1)
        ]
        tasks.append(asyncio.create_task(_platform(devices, first, addresses["http"], client, diary)))
        while line := await asyncio.to_thread(sys.stdin.readline):
            outburst.set() if line.strip() == OUTBURST else outburst.clear()
        this = asyncio.current_task()
        while pending := asyncio.all_tasks() - {this}:
            # Again, for an answer that comes in the same moment swallows it.
            for task in pending:
                task.cancel()
            await asyncio.wait(pending, timeout=1)
        for task in tasks:
            if not task.cancelled():
                task.result()
    await asyncio.to_thread(publisher.close)


async def _keep_reporting(report: Report, kind: str, number: int, offset: float, diary: Diary) -> None:
    await asyncio.sleep(PERIOD_SECONDS * offset)
    due = time.monotonic()
    while True:
        diary.sent.append((time.time(), kind, 1))
        # A door that is away is no reason to end; the next report follows.
        with suppress(NoAnswerError):
            await report(number)
        number += 1
        due += PERIOD_SECONDS
        await asyncio.sleep(max(0.0, due - time.monotonic()))


def _sender(
    number: int, addresses: dict[str, Any], publisher: "_Publisher", diary: Diary
) -> tuple[str, Report | None]:
    code = device_code(number)

    def noting(send: Callable[[int], Awaitable[Any]]) -> Report:
        async def report(row: int) -> None:
            begun = time.time()
            await send(row)
            diary.reports.append((code, row, begun, time.time()))

        return report

    # SL 651 tells minutes, HJ 212 seconds: each report is of the next one, from a time long enough ago.
    begin = datetime.now(UTC) - timedelta(days=1)
    if number % 10 in HYDROLOGY:
        station = HydrologyStation(code, "H", "127.0.0.1", addresses["sl651"])
        return "sl651", noting(lambda row: station.report(begin + timedelta(minutes=row), {"Z": row / STEP}))
    if number % 10 in ENVIRONMENT:
        analyser = EnvironmentStation(code, "21", Line("127.0.0.1", addresses["hj212"], hj212.stream()))
        return "hj212", noting(
            lambda row: analyser.report(begin + timedelta(seconds=row), {"w01018": row / STEP})
        )
    if number % 10 in BROKER:

        async def publish(row: int) -> None:
            publisher.publish(code, row)

        return "mqtt", publish
    return "http", None


async def _platform(devices: int, first: int, address: str, client: httpx.AsyncClient, diary: Diary) -> None:
    codes = [device_code(n) for n in range(1, devices + 1) if n % 10 == BROKER.stop % 10]
    due = time.monotonic()
    turn = 0
    while True:
        begun, row = time.time(), first + turn // PERIOD_SECONDS
        speaking = codes[turn % PERIOD_SECONDS :: PERIOD_SECONDS]
        diary.sent.append((begun, "http", len(speaking)))
        at = datetime.now(UTC).isoformat()
        rows = [{"device": code, "metric": "Z", "at": at, "value": row / STEP} for code in speaking]
        with suppress(httpx.TransportError):
            answer = await client.post(f"{address}/ingest/readings", json={"readings": rows})
            if answer.status_code == 200:
                diary.reports += [(code, row, begun, time.time()) for code in speaking]
        turn += 1
        due += 1
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def _drive(
    number: int, addresses: dict[str, Any], offset: float, diary: Diary, outburst: asyncio.Event
) -> None:
    terminal = Terminal(vehicle_phone(number), Line("127.0.0.1", addresses["jt808"], jt808.stream()))
    lon, lat = 114.28 + number % 100 / 1000, 30.5 + number / 20_000
    kept = datetime.now(UTC) - timedelta(hours=20)
    await asyncio.sleep(PERIOD_SECONDS * offset)
    while True:
        bursting, due = outburst.is_set(), time.monotonic() + PERIOD_SECONDS
        count = KEPT_POSITIONS if bursting else 1
        diary.sent.append((time.time(), "jt808", count))
        with suppress(NoAnswerError):
            if bursting:
                times = [kept + timedelta(seconds=second) for second in range(count)]
                kept = times[-1] + timedelta(seconds=1)
                await terminal.report_kept(times, lon, lat)
            else:
                await terminal.report(datetime.now(UTC), lon, lat, 0, 90, working=True)
            diary.positions.append((time.time(), count))
        if not bursting:
            # An outburst begins at once, not when the next report is due.
            with suppress(TimeoutError):
                await asyncio.wait_for(outburst.wait(), max(0.0, due - time.monotonic()))


class _Publisher:
    """Publishes for all devices of the broker, over one connection."""

    def __init__(self, broker: Broker, diary: Diary) -> None:
        self._diary = diary
        self._sent: dict[int, tuple[str, int, float]] = {}
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(0)
        self._client.username_pw_set(broker.user, broker.password)
        self._client.on_publish = self._acknowledged
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def publish(self, code: str, row: int) -> None:
        begun = time.time()
        content = {"at": datetime.now(UTC).isoformat(), "level": row / STEP}
        message = self._client.publish(f"ioc/drain_level/{code}/readings", json.dumps(content), qos=1)
        self._sent[message.mid] = (code, row, begun)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _acknowledged(self, _client: Any, _userdata: Any, mid: int, _reason: Any, _more: Any) -> None:
        if sent := self._sent.pop(mid, None):
            self._diary.reports.append((*sent, time.time()))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
