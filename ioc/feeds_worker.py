"""The process of the doors for devices: `ioc feeds run`, and the one `ioc up` keeps beside the web server."""

import asyncio
import hashlib
import hmac
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import Annotated, Any

import psycopg
import structlog
import typer

from etl.alarms.judge import AlarmJudge
from etl.alarms.sweep import AlarmSweep
from etl.feeds.conversation import Conversation, Heard
from etl.feeds.door_store import note_devices, note_door
from etl.feeds.door_tally import DoorTally
from etl.feeds.gateway import Gateway, Limits
from etl.feeds.hj212_conversation import Hj212Conversation
from etl.feeds.intake import Intake
from etl.feeds.jt808_conversation import Jt808Conversation
from etl.feeds.mqtt_door import Broker, MqttDoor
from etl.feeds.mqtt_mapping import PACKAGED, read_mappings
from etl.feeds.questioning import Questioning
from etl.feeds.reading import Receipt, Submission
from etl.feeds.sl651_conversation import Sl651Conversation
from geodata.store import Store
from ioc.context import open_store
from ioc.mqtt_broker import private_broker
from ioc.open_files import allow_many_open_files
from ioc.private_file import kept_secret, write_private
from ioc.process_beside import process_beside
from ioc.settings import Settings, read_settings

log = structlog.get_logger(__name__)

NOTE_SECONDS = 5.0
DEVICES_SECONDS = 15.0
HOUR = 3600.0
# HJ 212 allows an hour between two uploads, SL 651 between two reports; a vehicle sends heartbeats.
IDLE_SECONDS = {"hj212": 2 * HOUR, "sl651": 2 * HOUR, "jt808": HOUR / 2}
CODE_DIGITS = 16


def run(
    web: Annotated[str, typer.Option(hidden=True, help="Address of the web server beside.")] = "",
    stop_with_stdin: Annotated[
        bool, typer.Option(hidden=True, help="Stop when standard input ends.")
    ] = False,
) -> None:
    """Listen to devices by HJ 212, SL 651, JT/T 808 and MQTT, until stopped."""
    allow_many_open_files()
    settings = read_settings()
    with open_store(settings) as store:
        asyncio.run(_run(store, settings, web, stop_with_stdin))


async def _run(store: Store, settings: Settings, web: str, stop_with_stdin: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Not by the loop's own handler: in a flood the pipe it is woken by is full, and the signal lost.
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopping.set))
    if stop_with_stdin:
        wait = (loop, stopping)
        threading.Thread(target=_stop_with_stdin, args=wait, name="stdin", daemon=True).start()
    doors = FeedDoors(store, settings, web)
    await doors.open()
    try:
        await doors.keep_noting(stopping)
    finally:
        await doors.close()


def _stop_with_stdin(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """The pipe from the process that started this one ends with it, however it ends."""
    # Not by the buffered reader, whose lock would stand in the way of this process's end.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(stopping.set)


class FeedDoors:
    """All doors of one process, and the intake behind them.

    Args:
        web: address of the web server, whose doors are written into the file of addresses too.
    """

    def __init__(self, store: Store, settings: Settings, web: str = "") -> None:
        self._store = store
        self._settings = settings
        self._web = web
        self._intake = Intake(store.app_url, AlarmJudge(), settings.readings_kept_days)
        self._listening_since = datetime.now(UTC)
        self._sweep = AlarmSweep(listening=self._listening_since)
        self._devices_noted_at = -DEVICES_SECONDS
        self._handing_in = ThreadPoolExecutor(1, thread_name_prefix="handing in")
        self._tallies = {name: DoorTally(name) for name in (*IDLE_SECONDS, "mqtt")}
        self._gateways = {name: self._gateway(name, begin) for name, begin in self._conversations().items()}
        self._questioning = Questioning(store.app_url, self._gateways["sl651"])
        self._asking: asyncio.Task[None] | None = None
        self._ports: dict[str, int] = {}
        self._mqtt: MqttDoor | None = None
        self._connection: psycopg.Connection[Any] | None = None

    async def open(self) -> None:
        """Open every door that can be opened; the others are tried again while ``keep_noting`` runs."""
        settings = self._settings
        if settings.mqtt_url:
            folders = [PACKAGED, *([settings.mqtt_mappings.expanduser()] if settings.mqtt_mappings else [])]
            self._mqtt = MqttDoor(
                Broker.at(settings.mqtt_url),
                read_mappings(folders),
                self._intake.submit,
                self._tallies["mqtt"],
            )
            self._mqtt.start()
        await self._open_gateways()
        self._asking = asyncio.create_task(self._questioning.work())

    async def keep_noting(self, stopping: asyncio.Event) -> None:
        """Note what is counted at the doors, and judge what no single reading tells, until told to stop."""
        while not stopping.is_set():
            await asyncio.to_thread(self._note)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), NOTE_SECONDS)
            if len(self._ports) < len(self._gateways):
                await self._open_gateways()

    async def close(self) -> None:
        """Let devices go and store what was taken; what was not answered they send again."""
        if self._asking:
            self._asking.cancel()
        for gateway in self._gateways.values():
            await gateway.close()
        if self._mqtt:
            await asyncio.to_thread(self._mqtt.close)
        await asyncio.to_thread(self._intake.close)
        self._ports.clear()
        await asyncio.to_thread(self._note)
        self._handing_in.shutdown(cancel_futures=True)

    def _conversations(self) -> dict[str, Callable[[], Conversation]]:
        secret = kept_secret(self._settings.kept_in / "feeds_secret").encode()

        def code_of(phone: str) -> str:
            return hmac.new(secret, phone.encode(), hashlib.sha256).hexdigest()[:CODE_DIGITS]

        return {
            "hj212": Hj212Conversation,
            "sl651": Sl651Conversation,
            "jt808": lambda: Jt808Conversation(code_of),
        }

    def _gateway(self, name: str, begin: Callable[[], Conversation]) -> Gateway:
        def replied(heard: Heard, receipt: Receipt) -> None:
            self._questioning.replied(heard, receipt)

        return Gateway(name, begin, self._keep, self._tallies[name], Limits(IDLE_SECONDS[name]), replied)

    async def _keep(self, submission: Submission) -> Receipt:
        if submission.readings:
            # Handing in waits while the intake is full, which must not hold up the other connections.
            loop = asyncio.get_running_loop()
            stored = await loop.run_in_executor(self._handing_in, self._intake.submit, *submission)
        else:
            # Positions never wait: for want of room they are shed.
            stored = self._intake.submit(*submission)
        # A connection that is ended does not take back what it has handed in.
        return await asyncio.shield(asyncio.wrap_future(stored))

    async def _open_gateways(self) -> None:
        wanted = {
            "hj212": self._settings.hj212_port,
            "sl651": self._settings.sl651_port,
            "jt808": self._settings.jt808_port,
        }
        for name in wanted.keys() - self._ports.keys():
            try:
                self._ports[name] = await self._gateways[name].start(self._settings.feeds_host, wanted[name])
            except OSError as error:
                variable = f"IOC_{name.upper()}_PORT"
                log.error("feeds: the door stays shut", door=name, reason=error.strerror, setting=variable)
        content = self._ports | {"mqtt": self._settings.mqtt_url, "http": self._web or None}
        write_private(self._settings.feeds_file, json.dumps(content, indent=1))
        log.info("feeds: doors are open", **self._ports)

    def _note(self) -> None:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self._store.app_url, autocommit=True)
            for name, tally in self._tallies.items():
                note_door(self._connection, tally, self._address(name))
            with self._connection.transaction():
                is_turn = self._sweep.sweep(self._connection)
                if is_turn and time.monotonic() > self._devices_noted_at + DEVICES_SECONDS:
                    self._devices_noted_at = time.monotonic()
                    note_devices(self._connection, self._listening_since)
        except psycopg.Error as error:
            self._connection = None
            log.error("feeds: counts are not noted, alarms not swept", reason=str(error).strip())

    def _address(self, name: str) -> str:
        if name == "mqtt":
            broker = self._settings.mqtt_url and Broker.at(self._settings.mqtt_url)
            return f"{broker.host}:{broker.port}" if broker and self._tallies[name].connections else ""
        port = self._ports.get(name)
        return f"{self._settings.feeds_host}:{port}" if port else ""


@contextmanager
def feeds_beside(store: Store, settings: Settings, web: str) -> Iterator[None]:
    """The doors in a process of their own as long as the block lasts, with a broker where none is given."""
    environment = os.environ | {
        "IOC_DATABASE_URL": store.app_url,
        "IOC_OWNER_DATABASE_URL": store.owner_url,
        "IOC_DATA_DIR": str(settings.kept_in),
    }
    # The addresses of another time are nobody's.
    settings.feeds_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "ioc", "feeds", "run", "--stop-with-stdin", "--web", web]
    with ExitStack() as stack:
        url = settings.mqtt_url or stack.enter_context(private_broker(settings.kept_in / "mosquitto"))
        stack.enter_context(process_beside("feeds", command, environment | {"IOC_MQTT_URL": url or ""}))
        yield
