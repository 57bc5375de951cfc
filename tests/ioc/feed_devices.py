"""Devices as they are in the field: what is not acknowledged they keep and send again."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import httpx
from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from etl.feeds import hj212, jt808, jt808_body, sl651
from etl.feeds.frame import BEIJING
from etl.feeds.jt808_body import FIXED, Location
from etl.feeds.mqtt_door import Broker
from etl.feeds.sl651_station_body import write_report

BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
ANSWER_SECONDS = 2.0
PAUSE_SECONDS = 0.02
"""Between two reports: load enough, and processors left for those that begin again."""
Key = tuple[str, str, datetime]
"""Device, metric, time: what a reading is known by."""


def moment(number: int) -> datetime:
    """When a device observed its reading of this number."""
    return BEGIN + timedelta(seconds=number)


@dataclass
class Field:
    """What all devices of a test have sent, and had acknowledged; ``cases`` are numbers of their source."""

    addresses: Path
    acknowledged: dict[Key, float] = field(default_factory=dict)
    cases: set[str] = field(default_factory=set)
    progress: Counter[str] = field(default_factory=Counter)
    """How much was acknowledged, by the first four letters of who sent it."""
    stopping: threading.Event = field(default_factory=threading.Event)

    def address(self, door: str) -> Any:
        """Where a door is now, None while nobody says."""
        try:
            return json.loads(self.addresses.read_text())[door]
        except (OSError, ValueError):
            return None

    def acknowledge(self, key: Key, value: float) -> None:
        self.acknowledged[key] = value
        self.progress[key[0][:4]] += 1


async def tcp_device(world: Field, door: str, code: str) -> None:
    """Send one reading after the other, each until it is answered, over new connections when one breaks."""
    speak = {"hj212": _hj212, "sl651": _sl651, "jt808": _jt808}[door]
    number = 0
    while not world.stopping.is_set():
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            port = world.address(door)
            if port is None:
                raise ConnectionRefusedError
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                number = await speak(world, code, number, reader, writer)
            finally:
                writer.close()
        await asyncio.sleep(0.05)


async def _ask(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    frame: bytes,
    stream: Any,
    answers: Callable[[bytes], bool],
) -> None:
    """Send a frame and wait for its answer, as long as a device does."""
    writer.write(frame)
    async with asyncio.timeout(ANSWER_SECONDS):
        while True:
            received = await reader.read(4096)
            if not received:
                raise ConnectionResetError
            if any(isinstance(found, bytes) and answers(found) for found in stream.feed(received)):
                return


async def _hj212(world: Field, code: str, number: int, reader: Any, writer: Any) -> int:
    stream = hj212.stream()
    while not world.stopping.is_set():
        at = moment(number)
        digits = at.astimezone(BEIJING).strftime("%Y%m%d%H%M%S")
        items = ((("DataTime", digits),), (("w01018-Rtd", str(number)), ("w01018-Flag", "N")))
        request = hj212.Message("32", "2011", items, f"{digits}000", "123456", code, 5)

        def answers(frame: bytes, request: hj212.Message = request) -> bool:
            answer = hj212.decode(frame)
            return (answer.cn, answer.qn) == ("9014", request.qn)

        await _ask(reader, writer, hj212.encode(request), stream, answers)
        world.acknowledge((code, "w01018", at), number)
        number += 1
        await asyncio.sleep(PAUSE_SECONDS)
    return number


async def _sl651(world: Field, code: str, number: int, reader: Any, writer: Any) -> int:
    stream = sl651.stream()
    while not world.stopping.is_set():
        # Observation times have minutes only.
        at = BEGIN.replace(second=0) - timedelta(minutes=number)
        serial = number % 65535 + 1
        body = write_report(
            serial, datetime.now(BEIJING), code, "H", at.astimezone(BEIJING), {"Z": number / 1000}
        )
        frame = sl651.encode(sl651.Frame(1, code, "A000", 0x32, body, sl651.ETX))

        def answers(content: bytes, serial: int = serial) -> bool:
            return int.from_bytes(sl651.decode(content).body[:2]) == serial

        await _ask(reader, writer, frame, stream, answers)
        world.acknowledge((code, "Z", at), number / 1000)
        number += 1
        await asyncio.sleep(PAUSE_SECONDS)
    return number


async def _jt808(world: Field, code: str, number: int, reader: Any, writer: Any) -> int:
    stream, serial, given = jt808.stream(), 0, b""

    async def say(kind: int, body: bytes) -> None:
        nonlocal serial
        serial = (serial + 1) % 0x10000

        def answers(frame: bytes) -> bool:
            nonlocal given
            answer = jt808.decode(frame)
            if answer.message_id == jt808_body.REGISTER_ANSWER:
                given = answer.body[3:]
                return True
            return int.from_bytes(answer.body[:2]) == serial and answer.body[4] == 0

        await _ask(reader, writer, jt808.encode(jt808.Message(kind, code, serial, body)), stream, answers)

    await say(jt808_body.REGISTER, bytes(40))
    await say(jt808_body.AUTHENTICATE, given)
    while not world.stopping.is_set():
        at = moment(number)
        location = Location(0, FIXED, 114.3, 30.5, 20, 30.0, number % 360, at.astimezone(BEIJING))
        await say(jt808_body.LOCATION, jt808_body.write_location(location))
        world.acknowledge((code, "position", at), number % 360)
        number += 1
        await asyncio.sleep(PAUSE_SECONDS)
    return number


async def http_source(world: Field, kind: str, code: str, token: str) -> None:
    """Hand in ten rows of a kind after the other, each until it is answered."""
    number = 0
    while not world.stopping.is_set():
        with suppress(httpx.TransportError):
            address = world.address("http")
            if address is None:
                raise httpx.ConnectError("nobody says where the door is")
            async with httpx.AsyncClient(
                base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=ANSWER_SECONDS * 5
            ) as client:
                number = await _hand_in(world, client, kind, code, number)
        await asyncio.sleep(0.05)


async def _hand_in(world: Field, client: httpx.AsyncClient, kind: str, code: str, number: int) -> int:
    while not world.stopping.is_set():
        rows = range(number, number + 10)
        body = [_HTTP_ROW[kind](code, row) for row in rows]
        answer = await client.post(f"/ingest/{kind}", json={kind: body})
        if answer.status_code in (500, 503):
            # While the database is away; anything else would be an answer to what was sent.
            await asyncio.sleep(0.05)
            continue
        assert answer.status_code == 200, answer.text
        if kind == "cases":
            world.cases |= {case["number"] for case in answer.json()["cases"]}
            world.progress[code[:4]] += len(rows)
        else:
            assert answer.json()["stored"] + answer.json()["duplicates"] == len(rows)
            metric = "Z" if kind == "readings" else "position"
            for row in rows:
                world.acknowledge((code, metric, moment(row)), row % 360)
        number = rows.stop
        await asyncio.sleep(0.05)
    return number


_HTTP_ROW: dict[str, Callable[[str, int], dict[str, Any]]] = {
    "readings": lambda code, row: {
        "device": code,
        "metric": "Z",
        "at": moment(row).isoformat(),
        "value": row % 360,
    },
    "positions": lambda code, row: {
        "device": code,
        "at": moment(row).isoformat(),
        "lon": 114.3,
        "lat": 30.5,
        "direction": row % 360,
    },
    "cases": lambda code, row: {
        "number": f"{code}-{row}",
        "matter": "06010",
        "lon": 114.3331,
        "lat": 30.5461,
    },
}


class MqttDevice:
    """Publishes with quality 1 and at most so many messages on their way, kept over connections."""

    ON_THEIR_WAY = 20

    def __init__(self, world: Field, code: str) -> None:
        self._world = world
        self._code = code
        self._room = threading.Semaphore(self.ON_THEIR_WAY)
        self._sent: dict[int, int] = {}
        # The client tells of them while it holds a lock that publishing takes: they are noted elsewhere.
        self._answered: SimpleQueue[int] = SimpleQueue()
        broker = Broker.at(world.address("mqtt") or "")
        self._client = Client(
            CallbackAPIVersion.VERSION2, f"device-{code}", clean_session=False, protocol=MQTTv311
        )
        self._client.username_pw_set(broker.user, broker.password)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._on_publish
        self._client.on_disconnect = self._client.on_connect_fail = self._follow
        self._client.connect_async(broker.host, broker.port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait until everything sent is acknowledged."""
        self._thread.join()
        for _ in range(self.ON_THEIR_WAY):
            assert self._room.acquire(timeout=30)
        self._note()
        self._client.disconnect()
        self._client.loop_stop()

    def _follow(self, client: Client, *_about: Any) -> None:
        """The broker of a program that was begun again listens elsewhere."""
        if address := self._world.address("mqtt"):
            broker = Broker.at(address)
            client.connect_async(broker.host, broker.port)

    def _publish(self) -> None:
        number = 0
        while not self._world.stopping.is_set():
            if not self._room.acquire(timeout=0.2):
                continue
            content = json.dumps({"at": moment(number).isoformat(), "level": number})
            sent = self._client.publish(f"ioc/drain_level/{self._code}/readings", content, qos=1)
            self._sent[sent.mid] = number
            self._note()
            number += 1
            self._world.stopping.wait(PAUSE_SECONDS)

    def _on_publish(self, _client: Any, _userdata: Any, mid: int, _reason: Any, _more: Any) -> None:
        self._answered.put(mid)
        self._room.release()

    def _note(self) -> None:
        while not self._answered.empty():
            number = self._sent.pop(self._answered.get())
            self._world.acknowledge((self._code, "LEVEL", moment(number)), number)
