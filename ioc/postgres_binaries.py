"""Where the machine keeps its PostgreSQL programs, and the account they may run as."""

import getpass
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from geodata.errors import UserError

SERVER_PROGRAMS = ("postgres", "initdb", "pg_ctl", "pg_dump", "pg_restore", "psql")
CLIENT_PROGRAMS = ("pg_dump", "pg_restore", "psql")
FOLDERS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/local/pgsql/bin",
    "opt/homebrew/opt/postgresql*/bin",
)
OLDEST_MAJOR = 14
INSTALL = "sudo apt-get install -y postgresql postgis"


@dataclass(frozen=True)
class Account:
    """The operating-system account that PostgreSQL runs as."""

    name: str
    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Whether it differs from the account this process has."""
        return self.uid != os.geteuid()


@dataclass(frozen=True)
class PostgresBinaries:
    """One folder of PostgreSQL programs of one major version."""

    folder: Path

    @cached_property
    def version(self) -> str:
        """Full version, such as "16.4"."""
        words = subprocess.run(
            [self.folder / "pg_dump", "--version"], capture_output=True, text=True, check=True
        ).stdout
        found = re.search(r"(\d+)(\.\d+|devel|beta\d+|rc\d+)?", words)
        return found.group(0) if found else words.strip()

    @property
    def major(self) -> int:
        """Major version, such as 16."""
        return int(re.match(r"\d+", self.version).group(0))  # pyright: ignore[reportOptionalMemberAccess]

    def run(self, program: str, *arguments: str | Path, account: Account) -> subprocess.CompletedProcess[str]:
        """Run one of the programs as the account and keep its words."""
        other: dict[str, object] = {}
        if account.is_other:
            other = {"user": account.uid, "group": account.gid, "extra_groups": []}
        return subprocess.run(
            [self.folder / program, *arguments],
            env=clean_environment() | {"HOME": "/"},
            cwd="/",
            umask=0o077,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            **other,  # pyright: ignore[reportArgumentType, reportCallIssue]
        )

    def takes_setting(self, name: str, value: str, data: Path, account: Account) -> bool:
        """Whether the server knows this value of a setting; some depend on how it was built."""
        asked = self.run("postgres", "-D", data, "-C", name, "-c", f"{name}={value}", account=account)
        return asked.returncode == 0


def clean_environment() -> dict[str, str]:
    """Our environment without PG* variables, and English, because failures are recognised by their words."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


def binary_folders(programs: Sequence[str]) -> Iterable[Path]:
    """Folders that hold all the programs: of the distribution, of PGDG, of PATH; newest version first."""
    candidates = [folder for pattern in FOLDERS for folder in Path("/").glob(pattern)]
    on_path = shutil.which("pg_dump")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    config = shutil.which("pg_config")
    if config:
        told = subprocess.run(
            [config, "--bindir"], capture_output=True, text=True, check=False
        ).stdout.strip()
        candidates.append(Path(told or "/"))
    whole = {folder for folder in candidates if all(os.access(folder / name, os.X_OK) for name in programs)}
    return sorted(whole, key=lambda folder: PostgresBinaries(folder).major, reverse=True)


def find_binaries(major: int | None = None, folders: Sequence[Path] | None = None) -> PostgresBinaries:
    """The newest PostgreSQL of this machine that has PostGIS, or the one of a given major version.

    Raises:
        UserError: none is installed, or not the version asked for.
    """
    found = [
        PostgresBinaries(folder)
        for folder in (binary_folders(SERVER_PROGRAMS) if folders is None else folders)
    ]
    if not found:
        raise UserError(
            f"The PostgreSQL server programs are not on this machine: install them with `{INSTALL}`, "
            "or set IOC_DATABASE_URL to a PostGIS server."
        )
    if major is not None:
        for binaries in found:
            if binaries.major == major:
                return binaries
        there = ", ".join(str(binaries.major) for binaries in found)
        raise UserError(
            f"The cluster was made by PostgreSQL {major} but this machine has {there}: install it with "
            f"`sudo apt-get install -y postgresql-{major} postgresql-{major}-postgis-3`, or restore a backup "
            "into a new folder (IOC_DATA_DIR)."
        )
    with_postgis = [binaries for binaries in found if has_postgis(binaries)]
    newest = (with_postgis or found)[0]
    if newest.major < OLDEST_MAJOR:
        raise UserError(
            f"PostgreSQL {newest.version} in {newest.folder} is too old: install version {OLDEST_MAJOR} "
            f"or newer (`{INSTALL}`)."
        )
    return newest


def find_client(server_major: int, folders: Sequence[Path] | None = None) -> PostgresBinaries:
    """Programs that dump and restore a server's databases: of its own version, or else the next newer one.

    Raises:
        UserError: none is installed, or only older ones.
    """
    there = [PostgresBinaries(f) for f in (binary_folders(CLIENT_PROGRAMS) if folders is None else folders)]
    fit = [binaries for binaries in there if binaries.major >= server_major]
    if not fit:
        found = ", ".join(str(binaries.major) for binaries in there) or "none"
        raise UserError(
            f"The server is PostgreSQL {server_major} and of its client programs this machine has {found}: "
            f"install them with `sudo apt-get install -y postgresql-client-{server_major}`."
        )
    return min(fit, key=lambda binaries: binaries.major)


def has_postgis(binaries: PostgresBinaries) -> bool:
    """Whether the extension's control file lies where this PostgreSQL looks for it."""
    version = f"{binaries.major}"
    places = (
        binaries.folder.parent / "share/extension",
        binaries.folder.parent / "share/postgresql/extension",
        Path("/usr/share/postgresql") / version / "extension",
        Path("/usr/share/pgsql/extension"),
    )
    return any((place / "postgis.control").is_file() for place in places)


def server_account(folder: Path) -> Account:
    """The account for a cluster in a folder: our own, or as root the folder's owner or else ``postgres``.

    Raises:
        UserError: run as root on a machine without the account ``postgres``.
    """
    if os.geteuid() != 0:
        return Account(getpass.getuser(), os.geteuid(), os.getegid())
    owner = folder.stat().st_uid if folder.exists() else 0
    try:
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam("postgres")
    except KeyError as error:
        raise UserError(
            "PostgreSQL refuses to run as root and this machine has no account postgres: "
            f"install it with `{INSTALL}`, or run the program as an ordinary user."
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def reason_in(words: str) -> str:
    """PostgreSQL's own reason: the last line of trouble in its words, without the prefix, or ""."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\b(FATAL|PANIC|ERROR|error|could not)\b", line)]
    if not lines:
        return ""
    reason = re.sub(r"^.*?\b(FATAL|PANIC|ERROR|error):\s*", "", telling[-1] if telling else lines[-1])
    if "No space left on device" in reason:
        return f"the disk is full ({reason}); make room first"
    return reason.rstrip(".")
