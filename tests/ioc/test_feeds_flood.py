"""More comes in by the doors than can be stored: positions are shed, readings wait, and it is said so."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest
from prometheus_client import REGISTRY

from etl.feeds import intake as intake_module
from etl.feeds.door_store import door_status
from geodata.store import Store
from ioc.feeds_worker import FeedDoors
from ioc.mqtt_broker import private_broker
from ioc.settings import Settings
from tests.ioc.feed_devices import Field, MqttDevice, tcp_device

STATIONS, VEHICLES = 3, 3


def _wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def test_a_flood_sheds_positions_and_no_reading(
    demo_store: Store, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "MOST_READINGS", 20)
    monkeypatch.setattr(intake_module, "MOST_ROWS", 20)
    monkeypatch.setattr(intake_module, "CALM_SECONDS", 0.0)
    none_shed = _shed()
    world = Field(open_folder / "feeds.json")
    with private_broker(open_folder / "mosquitto") as url, ThreadPoolExecutor(2) as pool:
        settings = Settings(  # pyright: ignore[reportCallIssue]  # every field has a default
            data_dir=open_folder, hj212_port=0, sl651_port=0, jt808_port=0, mqtt_url=url or ""
        )
        doors = FeedDoors(demo_store, settings)
        stops: SimpleQueue[Callable[[], object]] = SimpleQueue()

        async def stand_open() -> None:
            stopping, loop = asyncio.Event(), asyncio.get_running_loop()
            stops.put(lambda: loop.call_soon_threadsafe(stopping.set))
            await doors.open()
            try:
                await doors.keep_noting(stopping)
            finally:
                await doors.close()

        async def speak() -> None:
            stations = [tcp_device(world, "hj212", f"LOSS{n:04}") for n in range(STATIONS)]
            vehicles = [tcp_device(world, "jt808", f"0139990000{n:02}") for n in range(VEHICLES)]
            await asyncio.gather(*stations, *vehicles)

        standing = pool.submit(asyncio.run, stand_open())
        stop = stops.get()
        session = open_folder / "mosquitto" / "broker" / "mosquitto.db"
        _wait(lambda: session.exists() and b"ioc-feeds" in session.read_bytes(), "the doors have a session")
        devices = [MqttDevice(world, f"MQTT{n:04}") for n in range(STATIONS)]
        speaking = pool.submit(asyncio.run, speak())
        try:
            _wait(lambda: all(world.progress[k] > 5 for k in ("LOSS", "MQTT", "0139")), "all is stored")
            before = _shed()
            with demo_store.owner_connection() as holding:
                holding.execute("LOCK TABLE ioc.observation IN EXCLUSIVE MODE")
                _wait(lambda: _shed() > before + 10, "positions are shed")
                held = world.progress["LOSS"]
                holding.rollback()
            _wait(lambda: world.progress["LOSS"] > held + 10, "readings go on")
            world.stopping.set()
            speaking.result()
            for device in devices:
                device.end()
            readings = {key for key in world.acknowledged if key[1] != "position"}
            _wait(lambda: readings <= set(_kept(demo_store)), "every reading is there")
        finally:
            world.stopping.set()
            stop()
            standing.result()
    kept = _kept(demo_store)
    assert len(kept) == len(set(kept))
    with demo_store.owner_connection() as connection:
        noted = next(door for door in door_status(connection) if door.door == "jt808").last_hour["shed"]
        states = connection.execute(
            "SELECT i ->> 'state' FROM ioc.live_event, jsonb_array_elements(items) i "
            "WHERE topic = 'device' AND i ->> 'state' IN ('shedding', 'normal') ORDER BY id"
        ).fetchall()
    assert noted == _shed() - none_shed
    assert states[0] == ("shedding",)
    assert states[-1] == ("normal",)


def _shed() -> float:
    return REGISTRY.get_sample_value("ioc_positions_total", {"outcome": "shed"}) or 0.0


def _kept(store: Store) -> list[tuple[object, ...]]:
    with store.owner_connection() as connection:
        return connection.execute(
            "SELECT s.device_code, s.metric, o.observed_at FROM ioc.observation o "
            "JOIN ioc.series s ON s.id = o.series_id"
        ).fetchall()
