"""Where a cluster and its socket may lie, who may change it at a time, and which processes work there."""

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from geodata.errors import UserError
from ioc.postgres_binaries import Account

log = structlog.get_logger(__name__)

SOCKET_PATH_LIMIT = 107
LOCK_SECONDS = 60
# Where root's cluster goes when the account of the server cannot reach the data folder, as below /root.
REACHABLE_FOLDER = Path("/var/lib/ioc")


def reachable_folder(folder: Path, account: Account) -> Path:
    """The folder itself, or as root one in its stead if the account cannot pass its parents.

    Raises:
        UserError: we ourselves may not look there.
    """
    try:
        if folder.is_symlink():
            return folder.resolve()
        folder.exists()
    except PermissionError as error:
        raise foreign_folder(folder) from error
    if os.geteuid() != 0:
        return folder
    if all(_may_pass(parent, account) for parent in folder.parents if parent.exists()):
        return folder
    return REACHABLE_FOLDER / f"{folder.name}-{_digest(folder)}"


def make_cluster_folder(asked: Path, folder: Path, account: Account, server: str = "PostGIS") -> None:
    """Make the folder of a server's data, owned by the server's account and closed to all others.

    Of an existing folder nothing is changed before it is known to be ours.

    Args:
        asked: where the settings want it.
        folder: where it lies, as ``reachable_folder`` tells; linked from ``asked`` if that is elsewhere.
        account: who owns it.
        server: what people call it.

    Raises:
        UserError: the place cannot be written.
    """
    if folder.is_dir():
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise foreign_folder(folder)
        return
    try:
        _make_passable_parents(asked)
        _make_passable_parents(folder)
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, account.uid, account.gid)
        if folder != asked and not asked.is_symlink():
            asked.symlink_to(folder)
            log.warning(f"{server} lies where its account can enter", asked=str(asked), folder=str(folder))
    except OSError as error:
        raise UserError(
            f"The {server} folder {folder} cannot be made ({error.strerror}): "
            "set IOC_DATA_DIR to a folder that can be written."
        ) from error


def make_private_folder(folder: Path, account: Account) -> None:
    """Make a folder that only the account may enter, and be sure that nobody else has planted it.

    Raises:
        UserError: it cannot be made, or is open to others.
    """
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, account.uid, account.gid)
    except FileExistsError:
        pass
    except OSError as error:
        raise UserError(
            f"The folder {folder} for PostGIS's socket cannot be made ({error.strerror}): "
            "set IOC_DATA_DIR to a shorter path."
        ) from error
    seen = folder.lstat()
    if folder.is_symlink() or seen.st_uid != account.uid or seen.st_mode & 0o077:
        raise UserError(
            f"The folder {folder} for PostGIS's socket is open to other accounts: remove it and start again."
        )


def foreign_folder(folder: Path) -> UserError:
    """The words for a cluster of somebody else."""
    return UserError(
        f"The PostGIS folder {folder} belongs to another account: run the program as that account, "
        "or set IOC_DATA_DIR to a folder of your own."
    )


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keep other processes from creating, starting or stopping the cluster meanwhile.

    Raises:
        UserError: another process has been at it for ``LOCK_SECONDS``.
    """
    try:
        file = (folder / "lock").open("a+")
    except PermissionError as error:
        raise foreign_folder(folder) from error
    with file:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _locked(file.fileno()):
            if time.monotonic() > deadline:
                file.seek(0)
                raise UserError(
                    f"Another process (id {file.read().strip()}) has been starting or stopping the PostGIS "
                    f"in {folder} for {LOCK_SECONDS} s: wait for it or end it, then try again."
                )
            time.sleep(0.05)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def socket_folder_for(folder: Path, account: Account, port: int) -> Path:
    """A folder for the socket of the cluster in `folder`: in it if the path is fit, else a short private one.

    The kernel takes 107 bytes for a socket's path; commas, quotes and blanks would break lists of hosts.
    """
    name = f"ioc-{account.uid}-{_digest(folder)}"
    candidates = [folder / "socket"]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and not account.is_other:
        candidates.append(Path(runtime) / name)
    for candidate in candidates:
        path = str(candidate / f".s.PGSQL.{port}.lock")
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT and re.fullmatch(r"[\w./+-]+", path):
            return candidate
    return Path("/tmp") / name


def processes_in(folder: Path) -> set[int]:
    """Living processes that work in the folder; every process of PostgreSQL works in its data directory."""
    wanted = folder.stat()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                seen = (entry / "cwd").stat()
            except OSError:
                # Gone meanwhile, or another account's: not one of this cluster.
                continue
            if (seen.st_dev, seen.st_ino) == (wanted.st_dev, wanted.st_ino):
                found.add(int(entry.name))
    return found


def _make_passable_parents(folder: Path) -> None:
    """Make the missing parents, each open to pass through though not to read, whatever the umask says."""
    for parent in reversed([parent for parent in folder.parents if not parent.exists()]):
        parent.mkdir(exist_ok=True)
        parent.chmod(parent.stat().st_mode | 0o711)


def _may_pass(folder: Path, account: Account) -> bool:
    seen = folder.stat()
    if seen.st_uid == account.uid:
        return bool(seen.st_mode & 0o100)
    return bool(seen.st_mode & (0o010 if seen.st_gid == account.gid else 0o001))


def _digest(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
