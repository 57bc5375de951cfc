"""The district's own MQTT broker: a private Mosquitto that `ioc up` runs where no other one is given.

It listens on this machine only, with one account whose password is made here. What it has acknowledged, but
not handed on yet, it writes to the disk every second; what it hands on it acknowledges only after that.
"""

import os
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from ioc.private_file import kept_secret, write_private
from ioc.process_beside import process_beside

log = structlog.get_logger(__name__)

USER = "ioc"
ADDRESS = "127.0.0.1"
MOST_QUEUED = 1_000_000
"""Messages kept for the doors while they are away."""


@contextmanager
def private_broker(folder: Path) -> Iterator[str | None]:
    """The URL of a broker that runs as long as the block; None where Mosquitto is not installed.

    Args:
        folder: of the broker alone: its configuration, its password, what it has not handed on yet.
    """
    programs = [_program(name) for name in ("mosquitto", "mosquitto_passwd")]
    if None in programs:
        log.warning("no MQTT broker: install Mosquitto, or set IOC_MQTT_URL")
        yield None
        return
    mosquitto, hashing = (str(program) for program in programs)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    _end_orphan(folder)
    password = kept_secret(folder / "password")
    accounts = folder / "accounts"
    write_private(accounts, f"{USER}:{password}\n")
    subprocess.run([hashing, "-U", str(accounts)], check=True, capture_output=True)
    port = _free_port()
    configuration = folder / "mosquitto.conf"
    write_private(configuration, _configuration(folder, accounts, port))
    with process_beside("MQTT broker", [mosquitto, "-c", str(configuration)]):
        yield f"mqtt://{USER}:{password}@{ADDRESS}:{port}"


def _configuration(folder: Path, accounts: Path, port: int) -> str:
    account = "user root\n" if os.geteuid() == 0 else ""
    return f"""{account}listener {port} {ADDRESS}
allow_anonymous false
password_file {accounts}
persistence true
persistence_location {folder}/
autosave_interval 1
max_inflight_messages 0
max_queued_messages {MOST_QUEUED}
pid_file {folder}/pid
log_dest stderr
log_type error
log_type warning
"""


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


def _end_orphan(folder: Path) -> None:
    """End the broker of a program that was killed: two of them would write to one folder."""
    try:
        pid = int((folder / "pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except (OSError, ValueError):
        return
    if str(folder / "mosquitto.conf") in command.split("\0"):
        log.warning("ending the MQTT broker of a program that was killed", pid=pid)
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            _wait_for_end(descriptor)


def _wait_for_end(descriptor: int) -> None:
    select.select([descriptor], [], [], 10)
    os.close(descriptor)
