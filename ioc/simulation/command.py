"""``ioc feeds simulate``: play a scenario against the doors until stopped."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Annotated, Any

import numpy as np
import typer

from geodata.errors import UserError
from geodata.store import Store
from ioc.context import open_store
from ioc.feed_source import add_source, revoke_source
from ioc.process_beside import process_beside
from ioc.settings import Settings, read_settings
from ioc.simulation.case_report import CaseReporter
from ioc.simulation.district import BEGIN_S, GAUGES, LEVELS, ROADS
from ioc.simulation.fleet import Fleet
from ioc.simulation.gauge_picture import GaugeCamera
from ioc.simulation.past import ensure_demo_past
from ioc.simulation.play import CREW_KIND, INTERVALS, Doors, Player
from ioc.simulation.roster import Devices, read_devices, read_last_positions, read_roads
from ioc.simulation.scenario import Scenario
from ioc.simulation.scenario import scenario as scenario_of
from ioc.simulation.year import ensure_demo_year

SEED = 420106
HOTLINE = "演示热线"
CAMERAS = "演示摄像"
DOORS_SECONDS = 60
NO_SCENARIO = "none"


def simulate(
    scenario: Annotated[str, typer.Option(help="storm, calm or heat.")] = "storm",
    seed: Annotated[int, typer.Option(help="The same seed, the same district.")] = SEED,
    stop_with_stdin: Annotated[
        bool, typer.Option(hidden=True, help="Stop when standard input ends.")
    ] = False,
) -> None:
    """Play the demo district: devices, vehicles and callers that hand in what a scenario brings (演示)."""
    settings = read_settings()
    weather = scenario_of(scenario)
    with open_store(settings) as store:
        asyncio.run(_run(store, settings, weather, seed, stop_with_stdin))


def ensure_past(store: Store, settings: Settings, scenario: str, seed: int = SEED) -> int:
    """Fill a store that has never heard of its devices with a past; gives the number of readings kept."""
    devices = read_devices(store, settings.district_projection)
    ensure_demo_year(store, devices, seed, timedelta(seconds=-BEGIN_S))
    return ensure_demo_past(
        store, devices, scenario_of(scenario), _fleet(store, settings, devices, seed), seed
    )


@contextmanager
def simulation_beside(store: Store, settings: Settings, scenario: str) -> Iterator[None]:
    """A scenario, played by a process of its own as long as the block lasts."""
    environment = os.environ | {
        "IOC_DATABASE_URL": store.app_url,
        "IOC_OWNER_DATABASE_URL": store.owner_url,
        "IOC_DATA_DIR": str(settings.kept_in),
    }
    command = [sys.executable, "-m", "ioc", "feeds", "simulate", "--stop-with-stdin", "--scenario", scenario]
    with process_beside("simulation", command, environment):
        yield


async def _run(store: Store, settings: Settings, weather: Scenario, seed: int, with_stdin: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if with_stdin:
        threading.Thread(target=_stop_with_stdin, args=(loop, stopping), daemon=True).start()
    content = await _doors(settings, stopping)
    if content is None:
        return
    devices = await asyncio.to_thread(read_devices, store, settings.district_projection)
    cases = _cases(store, settings, weather, devices, content, seed)
    camera = _camera(store, devices, content)
    doors = Doors.of(content, settings.feeds_host)
    fleet = await asyncio.to_thread(_fleet, store, settings, devices, seed)
    try:
        await Player(devices, weather, doors, fleet, cases, camera, seed).play(stopping)
    finally:
        for sender in (cases, camera):
            if sender:
                sender.close()


def _stop_with_stdin(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """The pipe from the process that started this one ends with it, however it ends."""
    # Not by the buffered reader, whose lock would stand in the way of this process's end.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(stopping.set)


async def _doors(settings: Settings, stopping: asyncio.Event) -> dict[str, Any] | None:
    """The doors' addresses, once they are open; None when told to stop meanwhile.

    Raises:
        UserError: nothing opens them.
    """
    for _ in range(DOORS_SECONDS * 2):
        with suppress(OSError, ValueError):
            return json.loads(settings.feeds_file.read_text(encoding="utf-8"))
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), 0.5)
            return None
    raise UserError(f"No doors are open ({settings.feeds_file} is not there): run ioc up or ioc feeds run.")


def _fleet(store: Store, settings: Settings, devices: Mapping[str, Devices], seed: int) -> Fleet | None:
    known = {*INTERVALS, GAUGES}
    kinds = [kind for kind in devices if kind not in known]
    codes = [code for kind in kinds for code in devices[kind].codes]
    roads = read_roads(store)
    if not codes or not roads:
        return None
    crews = devices[CREW_KIND].codes if CREW_KIND in devices else []
    return Fleet(roads, settings.district_projection, codes, crews, read_last_positions(store), seed)


def _cases(
    store: Store,
    settings: Settings,
    weather: Scenario,
    devices: Mapping[str, Devices],
    content: Mapping[str, Any],
    seed: int,
) -> CaseReporter | None:
    if not content.get("http") or ROADS not in devices:
        return None
    token = _token(store, HOTLINE, "cases")
    spots = np.vstack([one.place[~np.isnan(one.place[:, 0])] for one in devices.values()])
    return CaseReporter(str(content["http"]), token, weather, spots, settings.district_projection, seed)


def _camera(store: Store, devices: Mapping[str, Devices], content: Mapping[str, Any]) -> GaugeCamera | None:
    if not content.get("http") or LEVELS not in devices:
        return None
    return GaugeCamera(str(content["http"]), _token(store, CAMERAS, "pictures"))


def _token(store: Store, source: str, scope: str) -> str:
    """A new token at each start: it is kept nowhere."""
    with store.owner_connection() as connection:
        with suppress(UserError):
            revoke_source(connection, source)
        return add_source(connection, source, [scope])
