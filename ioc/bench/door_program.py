"""What is measured: a store, and the program with its doors as processes of its own (web, broker, doors)."""

import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from geodata.errors import UserError
from geodata.migrate import upgrade
from geodata.store import Store
from ioc.accounts import NewAccount, add_account, issue_credential, new_password
from ioc.bench.server_process import START_SECONDS, serving
from ioc.embedded_postgis import EmbeddedPostgis
from ioc.mqtt_broker import private_broker
from ioc.process_beside import process_beside


@contextmanager
def measured_store() -> Iterator[tuple[Store, EmbeddedPostgis, Path]]:
    """An empty store in a PostGIS of its own, and the folder that everything of the measuring lies in."""
    with tempfile.TemporaryDirectory(prefix="ioc-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgis(folder / "postgis").in_use() as cluster:
            upgrade(cluster.owner_url)
            yield Store(cluster.app_conninfo, cluster.owner_conninfo), cluster, folder


def door_program(stack: ExitStack, store: Store, folder: Path) -> tuple[str, dict[str, int]]:
    """Web server, broker and doors, until the stack ends: the server's address, and the processes by name."""
    urls = {"IOC_DATABASE_URL": store.app_url, "IOC_OWNER_DATABASE_URL": store.owner_url}
    environment = {**urls, "IOC_DATA_DIR": str(folder)}
    ports = dict.fromkeys(("IOC_HJ212_PORT", "IOC_SL651_PORT", "IOC_JT808_PORT"), "0")
    url = stack.enter_context(private_broker(folder / "mosquitto"))
    if url is None:
        raise UserError("Measuring needs a broker: install Mosquitto.")
    command = [sys.executable, "-m", "ioc.bench.tile_server"]
    address = f"http://127.0.0.1:{stack.enter_context(serving(command, environment, '/health'))}"
    doors = os.environ | environment | ports | {"IOC_MQTT_URL": url}
    stack.enter_context(
        process_beside("doors", [sys.executable, "-m", "ioc", "feeds", "run", "--stop-with-stdin"], doors)
    )
    file = folder / "feeds.json"
    deadline = time.monotonic() + START_SECONDS
    while not file.exists():
        if time.monotonic() > deadline:
            raise UserError("The doors to be measured did not open.")
        time.sleep(0.2)
    return address, {"web": _child("ioc.bench.tile_server"), "doors": _child("feeds")}


def _child(word: str) -> int:
    """The process that this one started with the word in its command."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and word in (stat.parent / "cmdline").read_text().split("\0"):
                return int(stat.parent.name)
    raise UserError(f"The process of {word} to be measured is not there.")


def session_token(store: Store, number: int) -> str:
    """A session of somebody who sees the whole district (the first), or one street."""
    areas = (f"420106{number:03}",) if number else ("*",)
    with store.owner_session() as session:
        account = add_account(
            session, NewAccount(f"screen-{number}", "屏", ("leader",), areas=areas), new_password()
        )
        account_id = account.id
    with store.owner_connection() as connection:
        return issue_credential(connection, account_id, "session", timedelta(hours=1))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that this many per cent do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
