"""Back up the whole store into one file, and bring it back with every row counted.

The file is PostgreSQL's custom dump format, so ``pg_restore`` alone can read it too; one line behind the dump
tells the rows of every table in the very snapshot that was dumped.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg import Connection, OperationalError, errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from geodata.errors import UserError
from geodata.leakproof import declare_leakproof
from geodata.store import APP_ROLE
from ioc.postgres_binaries import PostgresBinaries, clean_environment, reason_in

MARK = b"\nIOC-BACKUP "
LONGEST_RECORD = 4 * 1024 * 1024

Progress = Callable[[str, int, int], None]
"""Told the table at hand, how many are done, and how many there are."""


@dataclass(frozen=True)
class BackupRecord:
    """What a backup holds: rows by table, such as ``{"ioc.account": 6}``."""

    taken_at: str
    postgresql: str
    postgis: str
    revision: str | None
    rows: dict[str, int]


def back_up(owner_url: str, file: Path, binaries: PostgresBinaries, progress: Progress) -> BackupRecord:
    """Dump the database while it is in use, check the dump, and only then give it its name.

    Args:
        owner_url: libpq connection string of the tables' owner.
        file: the backup to write; must not exist.
        binaries: PostgreSQL programs, not older than the server.
        progress: told of every table.

    Raises:
        UserError: the file exists or cannot be written, or the dump fails.
    """
    if file.exists():
        raise UserError(f"{file} exists and is left as it is: give the backup another name.")
    partial = file.with_name(f"{file.name}.partial")
    try:
        with _dump_of_one_moment(owner_url, partial, binaries, progress) as record:
            _check_dump(partial, record, binaries)
        with partial.open("ab") as stream:
            stream.write(MARK + json.dumps(asdict(record)).encode())
            stream.flush()
            os.fsync(stream.fileno())
        partial.rename(file)
    except OSError as error:
        raise UserError(
            f"The backup cannot be written to {file} ({error.strerror}): name a folder you may write to."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return record


def read_record(file: Path) -> BackupRecord:
    """What a backup says it holds.

    Raises:
        UserError: the file is missing or is no whole backup.
    """
    try:
        with file.open("rb") as stream:
            begin = stream.read(5)
            stream.seek(max(0, file.stat().st_size - LONGEST_RECORD))
            _, found, text = stream.read().rpartition(MARK)
    except OSError as error:
        raise UserError(f"The backup {file} cannot be read ({error.strerror}): check its name.") from error
    if begin != b"PGDMP" or not found:
        raise UserError(f"{file} is not a whole backup made by `ioc db backup`: use another one.")
    try:
        return BackupRecord(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise UserError(f"The end of the backup {file} is damaged: use another one.") from error


def restore(
    owner_url: str, file: Path, binaries: PostgresBinaries, progress: Progress, *, replace: bool = False
) -> BackupRecord:
    """Bring a backup back in a new database, count its rows, and put it in the place of the present one.

    The present database stays untouched until every row of the backup is back.

    Args:
        owner_url: libpq connection string of the tables' owner, who may create databases.
        file: a backup made by ``back_up``.
        binaries: PostgreSQL programs, not older than those that made the backup.
        progress: told of every table.
        replace: drop what the present database holds.

    Raises:
        UserError: the backup is no good, the database is not empty or in use, or rows are missing.
    """
    record = read_record(file)
    name = conninfo_to_dict(owner_url)["dbname"]
    fresh = f"{name}_restoring"
    with Connection.connect(owner_url) as connection:
        if not replace and not _is_empty(connection):
            raise UserError(
                f"The database “{name}” holds data: pass --replace to put the backup in its place, "
                "after a backup of its own."
            )
    with _maintenance(owner_url) as connection:
        _refuse_if_in_use(connection, str(name))
        _make_app_role(connection)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(fresh)))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(fresh)))
        try:
            _fill(make_conninfo(owner_url, dbname=fresh), file, record, binaries, progress)
        except BaseException:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(fresh)))
            raise
        _swap(connection, str(name), fresh)
    return record


@contextmanager
def _dump_of_one_moment(
    owner_url: str, file: Path, binaries: PostgresBinaries, progress: Progress
) -> Iterator[BackupRecord]:
    """Count the rows and dump them in the same snapshot."""
    with Connection.connect(owner_url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        record = _record(connection)
        if not record.rows:
            raise UserError("The database holds no store yet: run `ioc db migrate` first.")
        snapshot = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert snapshot is not None, "a function gives a row"
        arguments = ["--format=custom", "--compress=3", f"--snapshot={snapshot[0]}", "--verbose"]
        arguments.append(f"--file={file}")
        _run_with_progress(binaries, "pg_dump", owner_url, arguments, len(record.rows), progress)
        yield record


def _record(connection: Connection[Any]) -> BackupRecord:
    postgresql, postgis = connection.execute(
        "SELECT current_setting('server_version'), "
        "coalesce((SELECT extversion FROM pg_extension WHERE extname = 'postgis'), '')"
    ).fetchone() or ("", "")
    exists = connection.execute("SELECT to_regclass('ioc.alembic_version')").fetchone()
    revision = None
    if exists and exists[0]:
        row = connection.execute("SELECT version_num FROM ioc.alembic_version").fetchone()
        revision = row[0] if row else None
    return BackupRecord(
        datetime.now(UTC).isoformat(timespec="seconds"), postgresql, postgis, revision, count_rows(connection)
    )


def count_rows(connection: Connection[Any]) -> dict[str, int]:
    """Rows of every table of the store that holds rows itself, versions that are not published included."""
    tables = connection.execute(
        """
        SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname IN ('ioc', 'version') ORDER BY 1, 2
        """
    ).fetchall()
    rows = {}
    for schema, table in tables:
        row = connection.execute(
            sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
        ).fetchone()
        rows[f"{schema}.{table}"] = row[0] if row else 0
    return rows


def _check_dump(file: Path, record: BackupRecord, binaries: PostgresBinaries) -> None:
    """Read the dump's own list back: it must hold the data of every table."""
    done = subprocess.run(
        [binaries.folder / "pg_restore", "--list", file],
        capture_output=True, text=True, env=clean_environment(), check=False,
    )  # fmt: skip
    listed = {f"{schema}.{table}" for schema, table in re.findall(r" TABLE DATA (\S+) (\S+) ", done.stdout)}
    missing = sorted(record.rows.keys() - listed)
    if done.returncode != 0 or missing:
        what = f"lacks {missing[0]}" if missing else reason_in(done.stderr)
        raise UserError(f"The backup was written but is not whole ({what}): it was removed, take it again.")


def _run_with_progress(
    binaries: PostgresBinaries, program: str, url: str, arguments: list[str], tables: int, progress: Progress
) -> None:
    """Run pg_dump or pg_restore in verbose mode and report each table it takes up."""
    parts = conninfo_to_dict(url)
    environment = clean_environment()
    if password := parts.pop("password", None):
        environment["PGPASSWORD"] = str(password)
    command = [str(binaries.folder / program), f"--dbname={make_conninfo('', **parts)}", *arguments]
    words: list[str] = []
    done = 0
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env=environment,
    ) as process:
        assert process.stderr is not None, "a pipe was asked for"
        for line in process.stderr:
            words.append(line)
            taken = re.search(r'(?:dumping contents of table|processing data for table) "([^"]+)"', line)
            if taken:
                done += 1
                progress(taken.group(1), min(done, tables), tables)
    if process.returncode != 0:
        raise UserError(f"{program} failed: {reason_in(''.join(words[-50:]))}. Mend that and try again.")


def _is_empty(connection: Connection[Any]) -> bool:
    """Whether nobody has put anything into the store: it may be migrated."""
    rows = count_rows(connection)
    return not any(rows.get(f"ioc.{table}") for table in ("account", "dataset_version", "case_file"))


@contextmanager
def _maintenance(owner_url: str) -> Iterator[Connection[Any]]:
    try:
        with Connection.connect(make_conninfo(owner_url, dbname="postgres"), autocommit=True) as connection:
            yield connection
    except errors.InsufficientPrivilege as error:
        raise UserError(
            f"The owner's role may not create databases or roles ({str(error).splitlines()[0]}): "
            "grant it CREATEDB and CREATEROLE, or restore with pg_restore."
        ) from error
    except OperationalError as error:
        raise UserError(f"The server does not answer ({str(error).splitlines()[0]}).") from error


def _refuse_if_in_use(connection: Connection[Any], name: str) -> None:
    users = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'", [name]
    ).fetchone()
    if users and users[0]:
        raise UserError(
            f"{users[0]} connections use the database “{name}”: stop the program that holds them "
            "(`ioc up`, a load) and restore again."
        )


def _make_app_role(connection: Connection[Any]) -> None:
    """Roles belong to the server, not to the dump, whose grants and policies name this one."""
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APP_ROLE]).fetchone():
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS").format(
                sql.Identifier(APP_ROLE)
            )
        )


def _fill(url: str, file: Path, record: BackupRecord, binaries: PostgresBinaries, progress: Progress) -> None:
    """Restore the dump into an empty database and compare every table with the record."""
    arguments = ["--exit-on-error", "--no-owner", "--jobs=2", "--verbose", str(file)]
    _run_with_progress(binaries, "pg_restore", url, arguments, len(record.rows), progress)
    with Connection.connect(url, autocommit=True) as connection:
        found = count_rows(connection)
        for table, rows in record.rows.items():
            if found.get(table) != rows:
                raise UserError(
                    f"Of {rows} rows in {table} {found.get(table, 0)} came back: the database was left as it "
                    "was; use another backup."
                )
        declare_leakproof(connection)
        connection.execute("ANALYZE")


def _swap(connection: Connection[Any], name: str, fresh: str) -> None:
    """Give the restored database the name, and drop the one that had it."""
    old = f"{name}_replaced"
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(old)))
    try:
        with connection.transaction():
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(old))
            )
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(fresh), sql.Identifier(name))
            )
    except errors.ObjectInUse as error:
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(fresh)))
        raise UserError(
            f"Something connected to the database “{name}” during the restore, so it was left as it was: "
            "stop the program and restore again."
        ) from error
    connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(old)))
