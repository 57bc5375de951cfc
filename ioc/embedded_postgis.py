"""A private PostGIS cluster that the program creates, starts, stops and recovers in its own data folder.

The cluster listens on a Unix socket only, in a folder that nobody but its account may enter; that is why
connections need no password. Several processes may use one cluster: each holds a shared lock while it does,
and the last one stops the server, unless ``ioc db start`` asked for it to stay.
"""

import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg
import psycopg.conninfo
import structlog

from geodata.errors import UserError
from ioc.postgres_binaries import INSTALL, Account, PostgresBinaries, find_binaries, server_account
from ioc.postgres_tuning import MB, machine_memory, tuned_settings

log = structlog.get_logger(__name__)

DATABASE = "ioc"
OWNER_ROLE = "ioc_owner"
APP_ROLE = "ioc_app"
PORT = 5432
SPACE_TO_CREATE = 500 * MB
SPACE_TO_START = 200 * MB
SOCKET_PATH_LIMIT = 107
START_SECONDS = 600
STOP_SECONDS = 180
LOCK_SECONDS = 60
# Where a root's cluster goes when the account postgres cannot reach the data folder, as below /root.
REACHABLE_FOLDER = Path("/var/lib/ioc")


@dataclass(frozen=True)
class ServerStatus:
    """What is known of a cluster without asking it anything."""

    folder: Path
    created: bool
    running: bool
    pid: int | None
    version: str | None
    stays: bool


class EmbeddedPostgis:
    """One cluster in one folder.

    Args:
        folder: the folder of the cluster alone; created when missing.
        settings: PostgreSQL settings over the tuned ones, such as ``{"fsync": "off"}`` in tests.
        binaries: the PostgreSQL to use; default: the newest of the machine that has PostGIS.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        binaries: PostgresBinaries | None = None,
    ) -> None:
        self.asked_folder = folder.absolute()
        self.folder = _reachable(self.asked_folder)
        self._settings = dict(settings or {})
        self._binaries = binaries

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.folder / "data"

    @property
    def log_file(self) -> Path:
        """The server's log."""
        return self.folder / "postgresql.log"

    @property
    def account(self) -> Account:
        """The account the server runs as."""
        return server_account(self.folder)

    @property
    def binaries(self) -> PostgresBinaries:
        """The programs that fit the cluster."""
        if self._binaries is None:
            self._binaries = find_binaries(self.cluster_major())
        return self._binaries

    @property
    def owner_url(self) -> str:
        """SQLAlchemy URL as the owner of the tables (superuser of this cluster)."""
        return self.url(OWNER_ROLE)

    @property
    def app_url(self) -> str:
        """SQLAlchemy URL as the role of the web server, which row-level security binds."""
        return self.url(APP_ROLE)

    @property
    def owner_conninfo(self) -> str:
        """libpq connection string of ``owner_url``."""
        return self.conninfo(OWNER_ROLE)

    @property
    def app_conninfo(self) -> str:
        """libpq connection string of ``app_url``."""
        return self.conninfo(APP_ROLE)

    def url(self, role: str, database: str = DATABASE) -> str:
        """SQLAlchemy URL of any role and database of the cluster."""
        return f"postgresql+psycopg://{role}@/{database}?host={quote(str(self.socket_folder), safe='')}&port={PORT}"

    def conninfo(self, role: str, database: str = DATABASE) -> str:
        """libpq connection string of any role and database of the cluster."""
        return psycopg.conninfo.make_conninfo(
            host=str(self.socket_folder), port=PORT, dbname=database, user=role
        )

    @property
    def socket_folder(self) -> Path:
        """Where the server's socket is or will be: the place a running server noted, else a short enough one."""
        lines = self._pid_file_lines()
        if len(lines) > 4 and lines[4].strip():
            return Path(lines[4].strip())
        own = self.folder / "socket"
        if _usable_socket_folder(own):
            return own
        name = f"ioc-{self.account.uid}-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]}"
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        if runtime and not self.account.is_other and _usable_socket_folder(Path(runtime) / name):
            return Path(runtime) / name
        return Path("/tmp") / name

    def cluster_major(self) -> int | None:
        """Major version of the PostgreSQL that made the cluster, or None before it is made.

        Raises:
            UserError: the folder belongs to another account.
        """
        try:
            return int((self.data / "PG_VERSION").read_text().strip())
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise self._foreign() from error

    def pid(self) -> int | None:
        """Process id of the running server, or None."""
        lines = self._pid_file_lines()
        if not lines or not lines[0].strip().isdigit():
            return None
        pid = int(lines[0])
        return pid if pid in _processes_in(self.data) else None

    def status(self) -> ServerStatus:
        """What is known of the cluster, running or not."""
        major = self.cluster_major()
        pid = self.pid() if major else None
        version = self.binaries.version if major else None
        return ServerStatus(
            self.folder, major is not None, pid is not None, pid, version, self._stay_file.exists()
        )

    def start(self, *, stay: bool = False) -> bool:
        """Create the cluster if there is none, start it if it is not running, make the database if it is missing.

        Args:
            stay: leave it running after its last user has gone (``ioc db start``).

        Returns:
            Whether the server had to be started.

        Raises:
            UserError: binaries, extension, version, space, rights or another process stand in the way.
        """
        self._prepare_folder()
        with self._lock():
            started = self.pid() is None
            if started:
                self._check_folder_is_ours()
                self._check_space()
                if self.cluster_major() is None:
                    self._create()
                self._launch()
            if stay:
                self._stay_file.touch()
            self._ensure_database()
        return started

    def stop(self) -> bool:
        """Stop the server: transactions under way roll back, everything committed is on the disk.

        Returns:
            Whether there was a running server to stop.

        Raises:
            UserError: it does not stop in time.
        """
        if self.cluster_major() is None:
            return False
        with self._lock():
            self._stay_file.unlink(missing_ok=True)
            return self._shut_down()

    @contextmanager
    def in_use(self) -> Iterator[Self]:
        """Have the server running for as long as the block lasts; its last user stops it."""
        self._prepare_folder()
        with (self.folder / "users").open("a") as users:
            # Taken under the same lock as the last user's look around, or it could stop what we are about to use.
            with self._lock():
                fcntl.flock(users, fcntl.LOCK_SH)
            try:
                self.start()
                yield self
            finally:
                self._leave(users.fileno())

    def _leave(self, users: int) -> None:
        with self._lock():
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if not self._stay_file.exists():
                self._shut_down()

    @property
    def _stay_file(self) -> Path:
        return self.folder / "stay"

    def _foreign(self) -> UserError:
        return UserError(
            f"The PostGIS folder {self.folder} belongs to another account: run the program as that account, "
            "or set IOC_DATA_DIR to a folder of your own."
        )

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
        except PermissionError as error:
            raise self._foreign() from error

    def _prepare_folder(self) -> None:
        """Make the folder, owned by the server's account and closed to all others."""
        try:
            if self.folder.is_dir():
                # Of an existing folder nothing is changed before it is known to be ours.
                return
            self.asked_folder.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, parents=True)
            if self.account.is_other:
                os.chown(self.folder, self.account.uid, self.account.gid)
            if self.folder != self.asked_folder and not self.asked_folder.exists():
                self.asked_folder.symlink_to(self.folder)
        except FileExistsError:
            return
        except OSError as error:
            raise UserError(
                f"The PostGIS folder {self.folder} cannot be made ({error.strerror}): "
                "set IOC_DATA_DIR to a folder that can be written."
            ) from error

    def _check_folder_is_ours(self) -> None:
        if self.folder.is_symlink() or not self.folder.is_dir():
            raise UserError(f"{self.folder} is not a folder: set IOC_DATA_DIR to another place.")
        ours = {"data", "data.new", "lock", "users", "stay", "socket", self.log_file.name}
        strange = sorted({entry.name for entry in self.folder.iterdir()} - ours)
        half = self.data.exists() and self.cluster_major() is None
        if (strange or half) and self.cluster_major() is None:
            found = strange[0] if strange else "data"
            raise UserError(
                f"{self.folder} holds {found!r} and no PostGIS cluster: empty it, "
                "or set IOC_DATA_DIR to another folder."
            )
        owner = self.folder.stat().st_uid
        if owner == 0 and self.account.uid != 0:
            os.chown(self.folder, self.account.uid, self.account.gid)
        self.folder.chmod(0o700)

    def _check_space(self) -> None:
        needed = SPACE_TO_START if self.cluster_major() else SPACE_TO_CREATE
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise UserError(
                f"Only {free // MB} MB are free on the disk of {self.folder} and PostGIS needs {needed // MB} MB "
                "to start safely: make room, or set IOC_DATA_DIR to a folder on another disk."
            )

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep other processes from creating, starting or stopping the cluster meanwhile."""
        try:
            file = (self.folder / "lock").open("a+")
        except PermissionError as error:
            raise self._foreign() from error
        with file:
            deadline = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        file.seek(0)
                        holder = file.read().strip() or "unknown"
                        raise UserError(
                            f"Another process (id {holder}) has been starting or stopping the PostGIS in "
                            f"{self.folder} for {LOCK_SECONDS} s: wait for it or end it, then try again."
                        ) from None
                    time.sleep(0.05)
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def _create(self) -> None:
        """Make the cluster under another name first, so that a crash leaves no half of one."""
        half_made = self.folder / "data.new"
        if half_made.exists():
            shutil.rmtree(half_made)
        log.info("embedded PostGIS: creating", folder=str(self.folder), version=self.binaries.version)
        done = self.binaries.run(
            "initdb",
            "--pgdata",
            half_made,
            f"--username={OWNER_ROLE}",
            "--auth=trust",
            "--encoding=UTF8",
            # Order by code point, so that LIKE 'prefix%' uses plain indexes; C.UTF-8 knows Chinese letters.
            "--lc-collate=C",
            "--lc-ctype=C.UTF-8",
            "--locale=C",
            "--data-checksums",
            account=self.account,
        )
        if done.returncode != 0:
            raise UserError(
                f"PostgreSQL could not make its cluster in {self.folder}: {_why(done.stderr)}. "
                "Mend that and start again."
            )
        with (half_made / "postgresql.conf").open("a") as conf:
            conf.write(
                "\ninclude_if_exists = 'ioc.conf'  # rewritten at every start; your own go below this line\n"
            )
        half_made.rename(self.data)

    def _write_settings(self, sockets: Path) -> None:
        shared = Path("/dev/shm")
        settings = tuned_settings(
            machine_memory(),
            shutil.disk_usage(self.folder).free,
            shutil.disk_usage(shared).total if shared.is_dir() else 0,
        )
        settings |= {
            "unix_socket_directories": str(sockets),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
        }
        settings |= self._settings
        text = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        file = self.data / "ioc.conf"
        file.write_text(text)
        if self.account.is_other:
            os.chown(file, self.account.uid, self.account.gid)

    def _make_socket_folder(self) -> Path:
        """Make the socket's folder and be sure that nobody else may enter or has planted it."""
        folder = self.socket_folder
        try:
            folder.mkdir(mode=0o700)
            os.chown(folder, self.account.uid, self.account.gid)
        except FileExistsError:
            pass
        except OSError as error:
            raise UserError(
                f"The folder {folder} for PostGIS's socket cannot be made ({error.strerror}): "
                "set IOC_DATA_DIR to a shorter path."
            ) from error
        seen = folder.lstat()
        if folder.is_symlink() or seen.st_uid != self.account.uid or seen.st_mode & 0o077:
            raise UserError(
                f"The folder {folder} for PostGIS's socket is open to other accounts: remove it and start again."
            )
        return folder

    def _launch(self) -> None:
        """Start the server, after a crash too: PostgreSQL replays its log before it takes connections."""
        self._clear_stale_pid_file()
        self._write_settings(self._make_socket_folder())
        begin = self.log_file.stat().st_size if self.log_file.exists() else 0
        log.info("embedded PostGIS: starting", folder=str(self.folder), version=self.binaries.version)
        done = self.binaries.run(
            "pg_ctl", "start", "-D", self.data, "-l", self.log_file, "-w", "-s", "-t", str(START_SECONDS),
            account=self.account,
        )  # fmt: skip
        if done.returncode != 0:
            with self.log_file.open(errors="replace") as file:
                file.seek(begin)
                words = file.read()
            raise UserError(
                f"PostGIS did not start: {_why(words) or _why(done.stderr)}. Its log is {self.log_file}."
            )

    def _clear_stale_pid_file(self) -> None:
        """Wait for orphans of a killed server, then drop its pid file if the number is now another program's."""
        deadline = time.monotonic() + 30
        while orphans := _processes_in(self.data):
            if time.monotonic() > deadline:
                raise UserError(
                    f"Process {min(orphans)} of an earlier PostgreSQL still holds {self.data}: end it and start again."
                )
            time.sleep(0.05)
        lines = self._pid_file_lines()
        if not lines:
            return
        pid = int(lines[0]) if lines[0].strip().isdigit() else 0
        name = _program_of(pid)
        if name in ("postgres", "postmaster"):
            raise UserError(
                f"Another process (PostgreSQL, id {pid}) holds {self.data}: stop it, or set IOC_DATA_DIR "
                "to another folder."
            )
        if name is not None:
            (self.data / "postmaster.pid").unlink()

    def _shut_down(self) -> bool:
        if self.pid() is None:
            return False
        log.info("embedded PostGIS: stopping", folder=str(self.folder))
        done = self.binaries.run(
            "pg_ctl", "stop", "-D", self.data, "-m", "fast", "-w", "-s", "-t", str(STOP_SECONDS),
            account=self.account,
        )  # fmt: skip
        if done.returncode != 0 and self.pid() is not None:
            raise UserError(
                f"PostGIS in {self.folder} did not stop: {_why(done.stderr)}. Its log is {self.log_file}."
            )
        return True

    def _ensure_database(self) -> None:
        with psycopg.connect(self.conninfo(OWNER_ROLE, "postgres"), autocommit=True) as connection:
            found = connection.execute(
                "SELECT name FROM pg_available_extensions WHERE name IN ('postgis', 'pg_trgm')"
            ).fetchall()
            missing = {"postgis", "pg_trgm"} - {row[0] for row in found}
            if missing:
                package = f"postgresql-{self.binaries.major}-postgis-3"
                raise UserError(
                    f"PostgreSQL {self.binaries.version} of this machine has no extension {' and no '.join(sorted(missing))}: "
                    f"install it with `sudo apt-get install -y {package}` (or all of it: `{INSTALL}`)."
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")


def _reachable(folder: Path) -> Path:
    """The folder itself, or as root a reachable one in its stead: ``postgres`` cannot pass a closed parent."""
    if folder.is_symlink():
        return folder.resolve()
    if os.geteuid() != 0:
        return folder
    account = server_account(folder)
    existing = [parent for parent in folder.parents if parent.exists()]
    if all(_may_pass(parent, account) for parent in existing):
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return REACHABLE_FOLDER / f"{folder.parent.name.strip('.')}-{folder.name}-{digest}"


def _may_pass(folder: Path, account: Account) -> bool:
    seen = folder.stat()
    if seen.st_uid == account.uid:
        return bool(seen.st_mode & 0o100)
    return bool(seen.st_mode & (0o010 if seen.st_gid == account.gid else 0o001))


def _usable_socket_folder(folder: Path) -> bool:
    """Whether a socket fits there: the kernel takes 107 bytes, and lists of hosts and settings some signs not."""
    path = str(folder / f".s.PGSQL.{PORT}")
    return len(os.fsencode(path)) <= SOCKET_PATH_LIMIT and re.fullmatch(r"[\w./+-]+", path) is not None


def _processes_in(folder: Path) -> set[int]:
    """Processes whose working directory is the folder; every PostgreSQL process works in its data directory."""
    wanted = str(folder.resolve())
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "cwd") == wanted:
                    found.add(int(entry.name))
            except OSError:
                # Gone meanwhile, or another account's: not one of ours.
                continue
    return found


def _program_of(pid: int) -> str | None:
    """Name of the program a process runs, or None if there is no such process."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def _why(words: str) -> str:
    """The reason in PostgreSQL's own words: its last line of trouble, without the prefix."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\b(FATAL|PANIC|ERROR|error|could not)\b", line)]
    chosen = telling[-1] if telling else (lines[-1] if lines else "it gave no reason")
    reason = re.sub(r"^.*?\b(FATAL|PANIC|ERROR|error):\s*", "", chosen)
    if "No space left on device" in reason:
        return f"the disk is full ({reason}); make room first"
    return reason.rstrip(".")
