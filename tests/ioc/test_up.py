"""`ioc up` as a process: it serves, outlives its database's death, and ends with all that it started."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ioc.embedded_postgis import EmbeddedPostgis
from tests.conftest import FREE_PORTS

PATIENCE_SECONDS = 60


@contextmanager
def running(data_dir: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the address it announced."""
    environment = os.environ | FREE_PORTS | {"IOC_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "ioc", "up"],
        env=environment | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = next(
            found.group() for line in process.stdout if (found := re.search(r"http://\S+:\d+", line))
        )
        yield process, address
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)


def wait_for(status: int, address: str) -> None:
    """Until /health answers with a status."""
    end = time.monotonic() + PATIENCE_SECONDS
    while httpx.get(f"{address}/health", timeout=10).status_code != status:
        assert time.monotonic() < end, f"/health never answered {status}"
        time.sleep(0.1)


def test_the_database_comes_back_after_kill_9_and_everything_stops_with_it(open_folder: Path) -> None:
    cluster = EmbeddedPostgis(open_folder / "postgis")
    with running(open_folder) as (process, address):
        wait_for(200, address)
        first = cluster.pid()
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_for(503, address)
        wait_for(200, address)
        second = cluster.pid()
        assert second not in (None, first)
        # A browser that keeps its connection open does not hold up the end.
        with httpx.Client() as client:
            client.get(f"{address}/health")
            process.send_signal(signal.SIGINT)
            process.wait(timeout=PATIENCE_SECONDS)
    assert cluster.pid() is None
    # As a service manager ends it.
    with running(open_folder) as (process, address):
        wait_for(200, address)
        broker = (open_folder / "mosquitto" / "broker" / "pid").read_text().strip()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_SECONDS) == 0
        assert not Path(f"/proc/{broker}").exists()
        assert cluster.pid() is None


def test_a_port_in_use_is_said_in_one_sentence_before_anything_starts(open_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "ioc", "up"],
            env=os.environ | {"IOC_DATA_DIR": str(open_folder), "IOC_PORT": str(port)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr
    assert not (open_folder / "postgis").exists()


@pytest.mark.parametrize("url", ["postgresql://ioc_app@127.0.0.1:1/ioc"])
def test_a_database_that_does_not_answer_is_said_in_one_sentence(open_folder: Path, url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ioc", "up"],
        env=os.environ | {"IOC_DATA_DIR": str(open_folder), "IOC_PORT": "0", "IOC_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 1
    assert "IOC_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
