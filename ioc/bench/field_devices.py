"""Devices to be measured with, in a process of their own: they report through the doors.

Of ten devices four are hydrological stations (SL 651), two environmental ones (HJ 212), three publish to the
broker and one hands in over HTTP. A value is the seconds since the moment that is given, so that whoever sees
it knows when it was sent.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from etl.feeds import hj212
from etl.feeds.mqtt_door import Broker
from ioc.bench.stations import device_code
from ioc.simulation.hydrology_station import HydrologyStation
from ioc.simulation.senders import EnvironmentStation, Line, NoAnswerError

PERIOD_SECONDS = 5
HYDROLOGY, ENVIRONMENT, BROKER = range(4), range(4, 6), range(6, 9)
Send = Callable[[int, float], Awaitable[Any]]
"""(number of the report, value)."""


def main(devices: int, since: float, addresses: str, token: str) -> None:
    """Report every five seconds until standard input ends; ``since`` is a Unix time."""
    asyncio.run(_report(devices, since, json.loads(addresses), token))


async def _report(devices: int, since: float, addresses: dict[str, Any], token: str) -> None:
    broker = Broker.at(addresses["mqtt"])
    publisher = Client(CallbackAPIVersion.VERSION2)
    publisher.username_pw_set(broker.user, broker.password)
    publisher.connect(broker.host, broker.port)
    publisher.loop_start()
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        tasks = [
            asyncio.create_task(
                _keep_reporting(
                    _sender(number, addresses, publisher, client), since, PERIOD_SECONDS * number / devices
                )
            )
            for number in range(1, devices + 1)
        ]
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()
    publisher.disconnect()
    publisher.loop_stop()


async def _keep_reporting(send: Send, since: float, offset: float) -> None:
    await asyncio.sleep(offset)
    due = time.monotonic()
    number = 0
    while True:
        # A door that is away is no reason to end; the next report follows.
        with suppress(NoAnswerError, httpx.TransportError):
            await send(number, round(time.time() - since, 3))
        number += 1
        due += PERIOD_SECONDS
        await asyncio.sleep(max(0.0, due - time.monotonic()))


def _sender(number: int, addresses: dict[str, Any], publisher: Client, client: httpx.AsyncClient) -> Send:
    code = device_code(number)
    # SL 651 tells minutes: each report is of the next one, from a time long enough ago.
    begin = datetime.now(UTC) - timedelta(days=1)
    if number % 10 in HYDROLOGY:
        station = HydrologyStation(code, "H", "127.0.0.1", addresses["sl651"])
        return lambda row, value: station.report(begin + timedelta(minutes=row), {"Z": value})
    if number % 10 in ENVIRONMENT:
        analyser = EnvironmentStation(code, "21", Line("127.0.0.1", addresses["hj212"], hj212.stream()))
        return lambda _row, value: analyser.report(datetime.now(UTC), {"w01018": value})
    if number % 10 in BROKER:

        async def publish(_row: int, value: float) -> None:
            content = {"at": datetime.now(UTC).isoformat(), "level": value}
            publisher.publish(f"ioc/drain_level/{code}/readings", json.dumps(content), qos=1)

        return publish

    async def post(_row: int, value: float) -> None:
        reading = {"device": code, "metric": "Z", "at": datetime.now(UTC).isoformat(), "value": value}
        answer = await client.post(f"{addresses['http']}/ingest/readings", json={"readings": [reading]})
        answer.raise_for_status()

    return post


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4])
