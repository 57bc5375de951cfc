"""Whatever is killed while devices send: every reading that was acknowledged is in the store, once."""

import asyncio
import os
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from etl.feeds import jt808, jt808_body
from etl.feeds.frame import BEIJING
from etl.feeds.jt808_body import FIXED, Location
from geodata.store import Store
from ioc.context import open_store
from ioc.feeds_worker import feeds_beside
from ioc.postgres_folder import processes_in
from ioc.send_capture import send_capture
from ioc.settings import read_settings
from tests.ioc.feed_devices import BEGIN, Field, Key, MqttDevice, tcp_device

CODES = {
    "hj212": "LOSS{0:04d}",
    "sl651": "42010600{0:02X}",
    "jt808": "0139990000{0:02d}",
    "mqtt": "MQTT{0:04d}",
}
OF_EACH = 3
ENOUGH = 15
"""Readings of each door to be acknowledged between two blows."""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data folder of an installation; every account may pass: root's server runs as `postgres`."""
    made = Path(tempfile.mkdtemp(prefix="ioc-loss-"))
    made.chmod(0o755)
    monkeypatch.setenv("IOC_DATA_DIR", str(made))
    for port in ("IOC_HJ212_PORT", "IOC_SL651_PORT", "IOC_JT808_PORT"):
        monkeypatch.setenv(port, "0")
    for other in ("IOC_DATABASE_URL", "IOC_OWNER_DATABASE_URL", "IOC_MQTT_URL"):
        monkeypatch.delenv(other, raising=False)
    yield made
    shutil.rmtree(made)


def _wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def _child(word: str) -> list[int]:
    """The processes that this one started with the word in their command."""
    found = []
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        with suppress(OSError):
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
            if parent == os.getpid() and word in command:
                found.append(pid)
    return found


def _kill(pids: list[int]) -> None:
    assert pids
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _progress(world: Field) -> Counter[str]:
    """Readings acknowledged so far, by door."""
    doors = {code[:4]: door for door, code in CODES.items()}
    return Counter(doors[device[:4]] for device, _metric, _at in list(world.acknowledged))


def _wait_for_progress(world: Field, after: str) -> None:
    before = _progress(world)
    _wait(
        lambda: all(_progress(world)[door] >= before[door] + ENOUGH for door in CODES),
        f"after {after}, doors go on: {before} {_progress(world)}",
    )


def _wait_until_stored(store: Store, world: Field, after: str) -> None:
    """What is acknowledged by now; the broker may still have to hand some of it on."""
    acknowledged = dict(world.acknowledged)
    _wait(lambda: not _missing(store, acknowledged), f"lost after {after}")


def _missing(store: Store, acknowledged: dict[Key, float]) -> set[Key]:
    with store.owner_connection() as connection:
        rows = connection.execute(
            """
            SELECT s.device_code, s.metric, o.observed_at, o.value
            FROM ioc.observation o JOIN ioc.series s ON s.id = o.series_id
            UNION ALL
            SELECT s.device_code, s.metric, p.observed_at, p.direction
            FROM ioc.vehicle_position p JOIN ioc.series s ON s.id = p.series_id
            """
        ).fetchall()
    kept = {(device, metric, at): value for device, metric, at, value in rows}
    assert len(kept) == len(rows)
    wrong = {key for key, value in acknowledged.items() if key in kept and kept[key] != value}
    assert not wrong
    return acknowledged.keys() - kept.keys()


def _send_a_recording(port: int) -> None:
    """A recorded report is taken of a terminal of either edition, which the platform has never seen."""
    location = Location(0, FIXED, 114.3, 30.5, 20, 30.0, 90, BEGIN.astimezone(BEIJING))
    body = jt808_body.write_location(location)
    reports = [jt808.Message(jt808_body.LOCATION, f"01399999990{n or 0}", 7, body, n) for n in (None, 1)]
    recording = "\n".join(jt808.encode(report).hex() for report in reports).encode()
    answers = list(send_capture("jt808", recording, "127.0.0.1", port, 1))
    given = [answer["header"]["message"] for answer in answers]
    assert given == ["8100", "8001", "8100", "8001", "8001", "8001"], answers


def test_no_acknowledged_reading_is_lost(folder: Path) -> None:
    settings = read_settings()
    world = Field(settings.feeds_file)

    async def speak() -> None:
        await asyncio.gather(
            *(
                tcp_device(world, door, CODES[door].format(number))
                for door in ("hj212", "sl651", "jt808")
                for number in range(OF_EACH)
            )
        )

    with open_store(settings, keep_running=True) as store, feeds_beside(store, settings, ""):
        session = folder / "mosquitto" / "data" / "mosquitto.db"
        _wait(lambda: session.exists() and b"ioc-feeds" in session.read_bytes(), "the doors have a session")
        assert [Path(f"/proc/{pid}").stat().st_uid for pid in _child("mosquitto")] != [0]
        _send_a_recording(world.address("jt808"))
        speaking = threading.Thread(target=lambda: asyncio.run(speak()))
        speaking.start()
        publishing = [MqttDevice(world, CODES["mqtt"].format(number)) for number in range(OF_EACH)]
        try:
            _wait_for_progress(world, "the start")
            for victim, pids in (
                ("the doors", lambda: _child("feeds")),
                ("the broker", lambda: _child("mosquitto")),
                ("the database", lambda: sorted(processes_in(settings.postgis_folder / "data"))),
            ):
                # Mosquitto writes to the disk every second: one that dies while the doors are away, or have
                # not caught up with it, can lose what it acknowledged within the last one.
                _wait_until_stored(store, world, f"the blow before {victim}")
                _kill(pids())
                _wait_for_progress(world, victim)
        finally:
            world.stopping.set()
            speaking.join()
            for device in publishing:
                device.end()
        _wait_until_stored(store, world, "all")
        assert all(count > 3 * ENOUGH for count in _progress(world).values())
