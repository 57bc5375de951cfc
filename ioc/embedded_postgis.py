"""A private PostGIS cluster that the program creates, starts, stops and recovers in its own data folder.

The cluster listens on a Unix socket only, in a folder that nobody but its account may enter; that is why
connections need no password. Several processes may use one cluster: each holds a shared lock while it does,
and the last one stops the server, unless ``ioc db start`` asked for it to stay.
"""

import fcntl
import os
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
from ioc.postgres_binaries import INSTALL, Account, PostgresBinaries, find_binaries, reason_in, server_account
from ioc.postgres_folder import (
    foreign_folder,
    make_cluster_folder,
    make_private_folder,
    only_one,
    processes_in,
    reachable_folder,
    socket_folder_for,
)
from ioc.postgres_tuning import MB, machine_memory, tuned_settings

log = structlog.get_logger(__name__)

DATABASE = "ioc"
OWNER_ROLE = "ioc_owner"
APP_ROLE = "ioc_app"
EXTENSIONS = ("postgis", "pg_trgm")
PORT = 5432
SPACE_TO_CREATE = 500 * MB
SPACE_TO_START = 200 * MB
START_SECONDS = 600
STOP_SECONDS = 180
ORPHAN_SECONDS = 30


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
        self.folder = reachable_folder(self.asked_folder, server_account(self.asked_folder))
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
        host = quote(str(self.socket_folder), safe="")
        return f"postgresql+psycopg://{role}@/{database}?host={host}&port={PORT}"

    def conninfo(self, role: str, database: str = DATABASE) -> str:
        """libpq connection string of any role and database of the cluster."""
        return psycopg.conninfo.make_conninfo(
            host=str(self.socket_folder), port=PORT, dbname=database, user=role
        )

    @property
    def socket_folder(self) -> Path:
        """Where the server's socket is, as the running server noted it, or will be."""
        lines = self._pid_file_lines()
        if len(lines) > 4 and lines[4].strip():
            return Path(lines[4].strip())
        return socket_folder_for(self.folder, self.account, PORT)

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
            raise foreign_folder(self.folder) from error

    def pid(self) -> int | None:
        """Process id of the running server, or None."""
        lines = self._pid_file_lines()
        if not lines or not lines[0].strip().isdigit():
            return None
        pid = int(lines[0])
        return pid if pid in processes_in(self.data) else None

    def status(self) -> ServerStatus:
        """What is known of the cluster, running or not."""
        major = self.cluster_major()
        pid = self.pid() if major else None
        version = self.binaries.version if major else None
        return ServerStatus(
            self.folder, major is not None, pid is not None, pid, version, self._stay_file.exists()
        )

    def start(self, *, stay: bool = False) -> bool:
        """Bring the server up: create the cluster, start it, make the database, as far as each is missing.

        Args:
            stay: leave it running after its last user has gone (``ioc db start``).

        Returns:
            Whether the server had to be started.

        Raises:
            UserError: binaries, extension, version, space, rights or another process stand in the way.
        """
        make_cluster_folder(self.asked_folder, self.folder, self.account)
        with only_one(self.folder):
            started = self._bring_up()
            if stay:
                self._stay_file.touch()
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
        with only_one(self.folder):
            self._stay_file.unlink(missing_ok=True)
            return self._shut_down()

    @contextmanager
    def in_use(self) -> Iterator[Self]:
        """Have the server running for as long as the block lasts; its last user stops it."""
        make_cluster_folder(self.asked_folder, self.folder, self.account)
        with (self.folder / "users").open("a") as users:
            # Under the lock, or the last user could stop at this moment what we are about to use.
            with only_one(self.folder):
                fcntl.flock(users, fcntl.LOCK_SH)
            try:
                self.start()
                yield self
            finally:
                self._leave(users.fileno())

    def _leave(self, users: int) -> None:
        with only_one(self.folder):
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if not self._stay_file.exists():
                self._shut_down()

    def _bring_up(self) -> bool:
        """Launch the server if need be and wait for its answer, which one that dies or recovers delays."""
        started = False
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self.pid() is None:
                self._check_folder_is_ours()
                self._check_space()
                if self.cluster_major() is None:
                    self._create()
                self._launch()
                started = True
            try:
                self._ensure_database()
                return started
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise UserError(
                        f"PostGIS runs but does not answer ({error}). Its log is {self.log_file}."
                    ) from error
                time.sleep(0.05)
            except UserError:
                if started:
                    self._shut_down()
                raise

    @property
    def _stay_file(self) -> Path:
        return self.folder / "stay"

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
        except PermissionError as error:
            raise foreign_folder(self.folder) from error

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
                f"Only {free // MB} MB are free on the disk of {self.folder} and PostGIS needs "
                f"{needed // MB} MB to start safely: make room, or set IOC_DATA_DIR to another disk."
            )

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
                f"PostgreSQL could not make its cluster in {self.folder}: {reason_in(done.stderr)}. "
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
        if self.binaries.takes_setting("wal_compression", "lz4", self.data, self.account):
            # Indexes go whole into the log: with lz4 building one takes a third less of a processor.
            settings["wal_compression"] = "lz4"
        settings |= self._settings
        text = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        file = self.data / "ioc.conf"
        file.write_text(text)
        if self.account.is_other:
            os.chown(file, self.account.uid, self.account.gid)

    def _launch(self) -> None:
        """Start the server, after a crash too: PostgreSQL replays its log before it takes connections."""
        sockets = self.socket_folder
        make_private_folder(sockets, self.account)
        self._clear_stale_locks(sockets)
        self._write_settings(sockets)
        begin = self.log_file.stat().st_size if self.log_file.exists() else 0
        log.debug("embedded PostGIS: starting", folder=str(self.folder), version=self.binaries.version)
        done = self.binaries.run(
            "pg_ctl", "start", "-D", self.data, "-l", self.log_file, "-w", "-s", "-t", str(START_SECONDS),
            account=self.account,
        )  # fmt: skip
        if done.returncode != 0:
            with self.log_file.open(errors="replace") as file:
                file.seek(begin)
                words = file.read()
            reason = reason_in(words) or reason_in(done.stderr)
            raise UserError(f"PostGIS did not start: {reason}. Its log is {self.log_file}.")

    def _clear_stale_locks(self, sockets: Path) -> None:
        """Wait for orphans of a killed server; drop its lock files if their number is now another process's.

        PostgreSQL does the rest itself: a lock of a number that no process has, it takes over.
        """
        deadline = time.monotonic() + ORPHAN_SECONDS
        while orphans := processes_in(self.data):
            if time.monotonic() > deadline:
                raise UserError(
                    f"Another process (id {min(orphans)}) holds {self.data}: end it, or set IOC_DATA_DIR "
                    "to another folder."
                )
            time.sleep(0.05)
        for lock in (self.data / "postmaster.pid", sockets / f".s.PGSQL.{PORT}.lock"):
            number = lock.read_text().split("\n")[0].strip() if lock.exists() else ""
            if number.isdigit() and Path(f"/proc/{number}").exists():
                lock.unlink()

    def _shut_down(self) -> bool:
        if self.pid() is None:
            return False
        log.debug("embedded PostGIS: stopping", folder=str(self.folder))
        done = self.binaries.run(
            "pg_ctl", "stop", "-D", self.data, "-m", "fast", "-w", "-s", "-t", str(STOP_SECONDS),
            account=self.account,
        )  # fmt: skip
        if done.returncode != 0 and self.pid() is not None:
            raise UserError(f"PostGIS did not stop: {reason_in(done.stderr)}. Its log is {self.log_file}.")
        return True

    def _ensure_database(self) -> None:
        with psycopg.connect(self.conninfo(OWNER_ROLE, "postgres"), autocommit=True) as connection:
            found = connection.execute(
                "SELECT name FROM pg_available_extensions WHERE name = ANY(%s)", [list(EXTENSIONS)]
            ).fetchall()
            if missing := set(EXTENSIONS) - {row[0] for row in found}:
                package = f"postgresql-{self.binaries.major}-postgis-3"
                names = " and no ".join(sorted(missing))
                raise UserError(
                    f"PostgreSQL {self.binaries.version} of this machine has no extension {names}: "
                    f"install it with `sudo apt-get install -y {package}` (or all of it: `{INSTALL}`)."
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")
