"""Whatever is killed while devices and hotlines send: what was acknowledged is in the store, once."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg

from etl.feeds import jt808, jt808_body
from etl.feeds.frame import BEIJING
from etl.feeds.jt808_body import FIXED, Location
from ioc.embedded_postgis import EmbeddedPostgis
from ioc.feed_source import add_source
from ioc.postgres_folder import processes_in
from ioc.send_capture import send_capture
from tests.conftest import FREE_PORTS, announced_address
from tests.ioc.feed_devices import BEGIN, Field, Key, MqttDevice, http_source, tcp_device

CODES = {
    "hj212": "LOSS{0:04d}",
    "sl651": "42010600{0:02X}",
    "jt808": "0139990000{0:02d}",
    "mqtt": "MQTT{0:04d}",
    "readings": "READ{0:04d}",
    "positions": "PLAC{0:04d}",
    "cases": "CASE{0:04d}",
}
HTTP = ("readings", "positions", "cases")
OF_EACH = 3
ENOUGH = 15
"""Of what each door takes, to be acknowledged between two blows."""


@contextmanager
def _program(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`ioc up` on a store and a broker of its own, without demo."""
    environment = (
        os.environ
        | FREE_PORTS
        | {"IOC_DATA_DIR": str(folder), "IOC_REQUESTS_PER_SECOND": "0", "PYTHONUNBUFFERED": "1"}
    )
    for other in ("IOC_DATABASE_URL", "IOC_OWNER_DATABASE_URL", "IOC_MQTT_URL"):
        environment.pop(other, None)
    with subprocess.Popen(
        [sys.executable, "-m", "ioc", "up"], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            announced_address(process)
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            # Not until its output ends: the broker of a program that was killed has it too.
            process.wait(timeout=60)


def _wait(condition: Callable[[], bool], what: str, pause: float = 0.02) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(pause)


def _child(parent: int, word: str) -> list[int]:
    """The processes that a process started with the word in their command."""
    found = []
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        with suppress(OSError):
            starter = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
            if starter == parent and word in command:
                found.append(pid)
    return found


def _kill(pids: list[int]) -> None:
    assert pids
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _wait_for_progress(world: Field, after: str) -> None:
    before = world.progress.copy()
    _wait(
        lambda: all(world.progress[code[:4]] >= before[code[:4]] + ENOUGH for code in CODES.values()),
        f"after {after}, doors go on: {before}",
    )


def _wait_until_stored(url: str, world: Field, after: str) -> None:
    """What is acknowledged by now; the broker may still have to hand some of it on."""
    acknowledged, cases = dict(world.acknowledged), set(world.cases)
    _wait(lambda: not _missing(url, acknowledged, cases), f"lost after {after}", pause=0.3)


def _missing(url: str, acknowledged: dict[Key, float], cases: set[str]) -> set[Key] | set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            SELECT s.device_code, s.metric, o.observed_at, o.value
            FROM ioc.observation o JOIN ioc.series s ON s.id = o.series_id
            UNION ALL
            SELECT s.device_code, s.metric, p.observed_at, p.direction
            FROM ioc.vehicle_position p JOIN ioc.series s ON s.id = p.series_id
            """
        ).fetchall()
        filed = [
            number for (number,) in connection.execute("SELECT source_code FROM ioc.case_file").fetchall()
        ]
    kept = {(device, metric, at): value for device, metric, at, value in rows}
    assert len(kept) == len(rows)
    assert len(set(filed)) == len(filed)
    wrong = {key for key, value in acknowledged.items() if key in kept and kept[key] != value}
    assert not wrong
    return acknowledged.keys() - kept.keys() or cases - set(filed)


def _counted_twice(url: str) -> list[tuple[object, ...]]:
    """Series whose hours do not add up to their readings, and cases that were not filed by one step."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            """
            SELECT s.device_code, s.metric FROM ioc.series s
            WHERE (SELECT count(*) FROM ioc.observation o WHERE o.series_id = s.id)
                <> (SELECT coalesce(sum(n), 0) FROM ioc.observation_hour h WHERE h.series_id = s.id)
            UNION ALL
            SELECT c.source_code, 'steps' FROM ioc.case_file c
            WHERE (SELECT count(*) FROM ioc.case_step t WHERE t.case_id = c.id) <> 1
            """
        ).fetchall()


def _send_a_recording(port: int) -> None:
    """A recorded report is taken of a terminal of either edition, which the platform has never seen."""
    location = Location(0, FIXED, 114.3, 30.5, 20, 30.0, 90, BEGIN.astimezone(BEIJING))
    body = jt808_body.write_location(location)
    reports = [jt808.Message(jt808_body.LOCATION, f"01399999990{n or 0}", 7, body, n) for n in (None, 1)]
    recording = "\n".join(jt808.encode(report).hex() for report in reports).encode()
    answers = list(send_capture("jt808", recording, "127.0.0.1", port, 1))
    given = [answer["header"]["message"] for answer in answers]
    assert given == ["8100", "8001", "8100", "8001", "8001", "8001"], answers


def test_nothing_acknowledged_is_lost_or_kept_twice(open_folder: Path) -> None:
    cluster = EmbeddedPostgis(open_folder / "postgis")
    url = cluster.owner_conninfo
    world = Field(open_folder / "feeds.json")

    async def speak(token: str) -> None:
        await asyncio.gather(
            *(
                tcp_device(world, door, CODES[door].format(number))
                for door in ("hj212", "sl651", "jt808")
                for number in range(OF_EACH)
            ),
            *(http_source(world, kind, CODES[kind].format(0), token) for kind in HTTP),
        )

    with ThreadPoolExecutor(1) as pool, ExitStack() as later:
        with _program(open_folder) as program:
            session = open_folder / "mosquitto" / "broker" / "mosquitto.db"
            _wait(
                lambda: session.exists() and b"ioc-feeds" in session.read_bytes(), "the doors have a session"
            )
            brokers = _child(program.pid, "mosquitto")
            assert [Path(f"/proc/{pid}").stat().st_uid for pid in brokers] != [0]
            _send_a_recording(world.address("jt808"))
            with psycopg.connect(url) as connection:
                token = add_source(connection, "load", list(HTTP))
            speaking = pool.submit(lambda: asyncio.run(speak(token)))
            publishing = [MqttDevice(world, CODES["mqtt"].format(number)) for number in range(OF_EACH)]
            later.callback(world.stopping.set)
            _wait_for_progress(world, "the start")
            for victim, pids in (
                ("the doors", lambda: _child(program.pid, "feeds")),
                ("the broker", lambda: _child(program.pid, "mosquitto")),
                ("the database", lambda: sorted(processes_in(cluster.data))),
                ("the web process", lambda: [program.pid]),
            ):
                # Mosquitto writes to the disk every second: one that dies while the doors are away, or have
                # not caught up with it, can lose what it acknowledged within the last one.
                _wait_until_stored(url, world, f"the blow before {victim}")
                _kill(pids())
                if victim != "the web process":
                    _wait_for_progress(world, victim)
        with _program(open_folder):
            _wait_for_progress(world, "the web process")
            world.stopping.set()
            speaking.result()
            for device in publishing:
                device.end()
            _wait_until_stored(url, world, "all")
            assert _counted_twice(url) == []
