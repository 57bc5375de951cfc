"""The database and the program killed under load: what was acknowledged is there, once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Semaphore
from typing import Any

import httpx
import psycopg

from ioc.embedded_postgis import EmbeddedPostgis
from ioc.feed_source import add_source
from ioc.postgres_folder import processes_in
from tests.conftest import FREE_PORTS, announced_address

SENDERS, REQUESTS, ROWS = 3, 60, 20
NOW = datetime.now(UTC).replace(microsecond=0)


@contextmanager
def program(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`ioc up` on a store of its own, without demo."""
    environment = (
        os.environ
        | FREE_PORTS
        | {
            "IOC_DATA_DIR": str(folder),
            "IOC_PORT": str(port),
            "IOC_REQUESTS_PER_SECOND": "0",
            "PYTHONUNBUFFERED": "1",
        }
    )
    with subprocess.Popen(
        [sys.executable, "-m", "ioc", "up"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process, announced_address(process)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


def body(sender: int, request: int) -> dict[str, Any]:
    begin = NOW - timedelta(days=2)
    return {
        "readings": [
            {
                "device": f"sender-{sender}",
                "metric": "Z",
                "at": (begin + timedelta(seconds=request * ROWS + row)).isoformat(),
                "value": request,
            }
            for row in range(ROWS)
        ]
    }


def test_every_acknowledged_reading_is_there_once(open_folder: Path) -> None:
    acknowledged = Semaphore(0)

    def send(address: str, token: str, sender: int) -> int:
        kept = 0
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            for request in range(REQUESTS):
                while True:
                    try:
                        answer = client.post(f"{address}ingest/readings", json=body(sender, request))
                    except httpx.TransportError:
                        continue
                    if answer.status_code == 200:
                        break
                    # While the database is away; anything else would be an answer to what was sent.
                    assert answer.status_code in (500, 503), answer.text
                said = answer.json()
                kept += said["stored"] + said["duplicates"]
                acknowledged.release()
        return kept

    def wait_for(requests: int) -> None:
        for _ in range(requests):
            assert acknowledged.acquire(timeout=120), "nothing is acknowledged any more"

    cluster = EmbeddedPostgis(open_folder / "postgis")
    with ThreadPoolExecutor(SENDERS) as senders:
        with program(open_folder, 0) as (process, announced):
            address = f"{announced}/"
            with psycopg.connect(cluster.owner_conninfo) as connection:
                token = add_source(connection, "load", ["readings"])
            sending = [senders.submit(send, address, token, number) for number in range(SENDERS)]
            wait_for(20)
            for victim in processes_in(cluster.data):
                os.kill(victim, signal.SIGKILL)
            wait_for(20)
            os.killpg(process.pid, signal.SIGKILL)
        port = int(announced.rsplit(":", 1)[1])
        with program(open_folder, port):
            assert [one.result() for one in sending] == [REQUESTS * ROWS] * SENDERS
            with psycopg.connect(cluster.owner_conninfo) as connection:
                found = connection.execute(
                    "SELECT s.device_code, "
                    "(SELECT count(*) FROM ioc.observation o WHERE o.series_id = s.id), "
                    "(SELECT sum(n) FROM ioc.observation_hour h WHERE h.series_id = s.id) "
                    "FROM ioc.series s ORDER BY 1"
                ).fetchall()
    total = REQUESTS * ROWS
    assert found == [(f"sender-{n}", total, total) for n in range(SENDERS)]
