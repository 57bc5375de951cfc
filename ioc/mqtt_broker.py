"""The district's own MQTT broker: a private Mosquitto that `ioc up` runs where no other one is given.

It listens on this machine only, with one account whose password is made here. What it has acknowledged, but
not handed on yet, it writes to the disk every second; what it hands on it acknowledges only after that. Where
the program is root the broker runs as the account that Mosquitto's package makes for it.
"""

import getpass
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from geodata.errors import UserError
from ioc.postgres_binaries import Account
from ioc.postgres_folder import make_cluster_folder, reachable_folder
from ioc.private_file import kept_secret, write_private
from ioc.process_beside import process_beside, run_as

log = structlog.get_logger(__name__)

USER = "ioc"
ADDRESS = "127.0.0.1"
MOST_QUEUED = 1_000_000
"""Messages kept for the doors while they are away."""


@contextmanager
def private_broker(folder: Path) -> Iterator[str | None]:
    """The URL of a broker that runs as long as the block; None where Mosquitto is not installed.

    Args:
        folder: of the broker alone: its password, and in ``broker`` its configuration and what it has not
            handed on yet.

    Raises:
        UserError: its folder cannot be made, or as root there is no account for it.
    """
    programs = [_program(name) for name in ("mosquitto", "mosquitto_passwd")]
    if None in programs:
        log.warning("no MQTT broker: install Mosquitto, or set IOC_MQTT_URL")
        yield None
        return
    mosquitto, hashing = (str(program) for program in programs)
    account = _account()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    password = kept_secret(folder / "password")
    data = reachable_folder(folder / "broker", account)
    make_cluster_folder(folder / "broker", data, account, "Mosquitto")
    _end_orphan(data)
    accounts, configuration, port = data / "accounts", data / "mosquitto.conf", _free_port()
    write_private(accounts, f"{USER}:{password}\n", account)
    user, group, others = run_as(account)
    hash_them = [hashing, "-U", str(accounts)]
    subprocess.run(hash_them, check=True, capture_output=True, user=user, group=group, extra_groups=others)
    write_private(configuration, _configuration(data, accounts, port), account)
    with process_beside("MQTT broker", [mosquitto, "-c", str(configuration)], account=account):
        yield f"mqtt://{USER}:{password}@{ADDRESS}:{port}"


def _account() -> Account:
    """Our own, or as root that of Mosquitto's package, or else the one that owns nothing.

    Raises:
        UserError: run as root on a machine without either.
    """
    if os.geteuid() != 0:
        return Account(getpass.getuser(), os.geteuid(), os.getegid())
    for name in ("mosquitto", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise UserError(
        "The MQTT broker does not run as root and this machine has no account mosquitto: make one with "
        "`useradd --system mosquitto`, or set IOC_MQTT_URL to another broker."
    )


def _configuration(folder: Path, accounts: Path, port: int) -> str:
    return f"""listener {port} {ADDRESS}
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
