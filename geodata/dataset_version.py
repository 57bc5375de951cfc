"""Versions of a dataset: begun, filled beside the published one, published in one step, rolled back.

A version's rows live in tables of their own in schema ``version``. Publishing attaches them as the
dataset's partition of the store's tables, so readers see the old version or the new one, whole.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from psycopg import Connection, sql
from psycopg.errors import LockNotAvailable
from psycopg.types.json import Jsonb

from geodata.errors import UserError
from geodata.feature_edit import bring_edits

log = structlog.get_logger(__name__)

SEARCH_ENTRY = "search_entry"

HOLD_LOCK_TIMEOUT = "2s"
PUBLISH_LOCK_TIMEOUT = "1500ms"
"""Longer than PostgreSQL's deadlock_timeout (1 s), after which an autovacuum gives way to whoever waits."""
PUBLISH_PAUSE_SECONDS = 2.0
PUBLISH_ATTEMPTS = 200


class LoadingElsewhereError(UserError):
    """Another process is loading the same dataset."""


class PublishBlockedError(UserError):
    """The tables were being read for too long to put another version in place."""


class NothingToRollBackError(UserError):
    """The dataset has no earlier version to go back to."""


@dataclass(frozen=True)
class Version:
    """One load of a dataset. ``target`` is the table its rows go to."""

    id: int
    dataset_id: int
    target: str

    def tables(self) -> tuple[tuple[str, str], ...]:
        """Pairs of the store's table and this version's own table, the search entries last."""
        return tuple((parent, f"{parent}_{self.id}") for parent in (self.target, SEARCH_ENTRY))


def hold_dataset(connection: Connection[Any], dataset_id: int, code: str) -> None:
    """Keep other loads of this dataset out until the connection closes; mark a crashed load as failed.

    A load that is still 'loading' while nobody holds the dataset did not live to say how it ended.
    """
    try:
        # A process that has just let go may need a moment to be gone.
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [HOLD_LOCK_TIMEOUT])
            connection.execute("SELECT pg_advisory_lock(1229931332, %s)", [dataset_id])
    except LockNotAvailable as error:
        raise LoadingElsewhereError(
            f"Dataset “{code}” is being loaded by another process; wait until it has finished."
        ) from error
    connection.execute(
        """
        UPDATE ioc.dataset_version SET state = 'failed', finished_at = now(),
            failure = 'The load was interrupted before it had finished; run the job again.'
        WHERE dataset_id = %s AND state = 'loading'
        """,
        [dataset_id],
    )
    connection.commit()


@dataclass(frozen=True)
class Lineage:
    """What a version is made of. ``mode`` is full or incremental; hashes are SHA-256.

    ``content_hash`` is of the file alone, ``job_hash`` of its job's text, ``program`` the edition of the
    program, ``watermark`` how far a source that is read on from was read; ``dataset_record`` holds columns
    of ``ioc.dataset`` to be set when the version is published.
    """

    content_hash: str | None = None
    source_size: int | None = None
    job_hash: str | None = None
    program: str | None = None
    mode: str = "full"
    loaded_by: str | None = None
    watermark: str | None = None
    dataset_record: Mapping[str, Any] | None = None


def begin_version(
    connection: Connection[Any],
    dataset_id: int,
    job: str,
    source_name: str,
    input_hash: str,
    lineage: Lineage | None = None,
) -> Version:
    """Record that a load begins; what is published then is its base."""
    lineage = lineage or Lineage()
    row = connection.execute(
        """
        INSERT INTO ioc.dataset_version (dataset_id, state, job, source_name, input_hash, base_version_id,
            content_hash, source_size, job_hash, program, mode, loaded_by, watermark, dataset_record)
        SELECT d.id, 'loading', %(job)s, %(source_name)s, %(input_hash)s, d.published_version_id,
            %(content_hash)s, %(source_size)s, %(job_hash)s, %(program)s, %(mode)s, %(loaded_by)s,
            %(watermark)s, %(record)s
        FROM ioc.dataset d WHERE d.id = %(dataset)s
        RETURNING id, (SELECT target FROM ioc.dataset WHERE id = dataset_id)
        """,
        {
            **vars(lineage),
            "dataset": dataset_id,
            "job": job,
            "source_name": source_name,
            "input_hash": input_hash,
            "record": Jsonb(lineage.dataset_record) if lineage.dataset_record else None,
        },
    ).fetchone()
    assert row is not None, "INSERT … RETURNING gives a row"
    return Version(row[0], dataset_id, row[1])


def withdraw(connection: Connection[Any], version: Version) -> None:
    """Forget a load that was begun and found nothing new, with all that its transaction has written."""
    connection.rollback()
    connection.execute("DELETE FROM ioc.dataset_version WHERE id = %s", [version.id])


def published_version(connection: Connection[Any], dataset_id: int) -> Version | None:
    """The version that everybody sees."""
    row = connection.execute(
        "SELECT published_version_id, target FROM ioc.dataset WHERE id = %s", [dataset_id]
    ).fetchone()
    return Version(row[0], dataset_id, row[1]) if row and row[0] else None


def create_tables(connection: Connection[Any], version: Version) -> None:
    """Make the version's own tables, without indexes, to be filled and then published."""
    for parent, table in version.tables():
        connection.execute(
            sql.SQL(
                "CREATE TABLE version.{} "
                "(LIKE ioc.{} INCLUDING DEFAULTS INCLUDING GENERATED, CHECK (dataset_id = {}))"
            ).format(sql.Identifier(table), sql.Identifier(parent), sql.Literal(version.dataset_id))
        )


def index_tables(connection: Connection[Any], version: Version) -> None:
    """Build on the version's tables the indexes their partitions will need, and gather statistics."""
    for parent, table in version.tables():
        for definition in _index_definitions(connection, parent, table):
            connection.execute(definition)
        connection.execute(sql.SQL("ANALYZE version.{}").format(sql.Identifier(table)))


def _index_definitions(connection: Connection[Any], parent: str, table: str) -> list[sql.Composed]:
    rows = connection.execute(
        """
        SELECT i.indisprimary, array_agg(a.attname ORDER BY k.position), am.amname, o.opcname
        FROM pg_index i
        JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_am am ON am.oid = c.relam
        JOIN pg_opclass o ON o.oid = i.indclass[0]
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, position)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indrelid = %s::regclass
        GROUP BY i.indexrelid, i.indisprimary, am.amname, o.opcname
        """,
        [f"ioc.{parent}"],
    ).fetchall()
    definitions = []
    for primary, columns, method, operator_class in rows:
        names = sql.SQL(", ").join(sql.Identifier(name) for name in columns)
        if primary:
            definition = sql.SQL("ALTER TABLE version.{} ADD PRIMARY KEY ({})").format(
                sql.Identifier(table), names
            )
        else:
            definition = sql.SQL("CREATE INDEX ON version.{} USING {} ({} {})").format(
                sql.Identifier(table), sql.SQL(method), names, sql.Identifier(operator_class)
            )
        definitions.append(definition)
    return definitions


def publish(connection: Connection[Any], version: Version) -> None:
    """Make ``version`` the published one, within the connection's current transaction.

    The dataset's own record becomes what the version's job said of it, so that going back goes back whole.

    Raises:
        PublishBlockedError: a backup or another long read holds the tables.
    """
    connection.execute("SELECT ioc.open_version_table(%s, %s)", [version.target, version.id])
    bring_edits(connection, version.id)
    for _ in range(PUBLISH_ATTEMPTS):
        try:
            _swap(connection, version)
            break
        except LockNotAvailable:
            log.info("publish waits: the tables are being read", version=version.id)
            time.sleep(PUBLISH_PAUSE_SECONDS)
    else:
        raise PublishBlockedError(
            "A backup or another long read holds the tables, so the new version could not be published; "
            "run the job again when that has finished."
        )
    row = connection.execute(
        """
        UPDATE ioc.dataset_version
        SET state = 'published', published_at = now(), finished_at = coalesce(finished_at, now())
        WHERE id = %s RETURNING dataset_record
        """,
        [version.id],
    ).fetchone()
    connection.execute(
        "INSERT INTO ioc.dataset_publication (dataset_id, version_id) VALUES (%s, %s)",
        [version.dataset_id, version.id],
    )
    record = {"published_version_id": version.id, **((row and row[0]) or {})}
    values = [Jsonb(value) if isinstance(value, list | dict) else value for value in record.values()]
    connection.execute(
        sql.SQL("UPDATE ioc.dataset SET {} WHERE id = %s").format(
            sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in record)
        ),
        [*values, version.dataset_id],
    )


def _swap(connection: Connection[Any], version: Version) -> None:
    # Whoever waits for these locks makes every reader wait behind it: so wait briefly, and try again.
    with connection.transaction():
        connection.execute("SELECT set_config('lock_timeout', %s, true)", [PUBLISH_LOCK_TIMEOUT])
        _detach_published(connection, version.dataset_id)
        _attach(connection, version)
        connection.execute("SET LOCAL lock_timeout = DEFAULT")


def _detach_published(connection: Connection[Any], dataset_id: int) -> None:
    row = connection.execute(
        """
        SELECT v.id, d.target FROM ioc.dataset d
        JOIN ioc.dataset_version v ON v.id = d.published_version_id WHERE d.id = %s
        """,
        [dataset_id],
    ).fetchone()
    if row is None:
        return
    for parent, table in Version(row[0], dataset_id, row[1]).tables():
        connection.execute(
            sql.SQL("ALTER TABLE ioc.{} DETACH PARTITION version.{}").format(
                sql.Identifier(parent), sql.Identifier(table)
            )
        )
    connection.execute("UPDATE ioc.dataset_version SET state = 'superseded' WHERE id = %s", [row[0]])


def _attach(connection: Connection[Any], version: Version) -> None:
    for parent, table in version.tables():
        connection.execute(
            sql.SQL("ALTER TABLE ioc.{} ATTACH PARTITION version.{} FOR VALUES IN ({})").format(
                sql.Identifier(parent), sql.Identifier(table), sql.Literal(version.dataset_id)
            )
        )


def set_aside(connection: Connection[Any], version: Version) -> None:
    """Let a version that is whole wait, unseen, until somebody decides on it."""
    connection.execute(
        "UPDATE ioc.dataset_version SET state = 'prepared', finished_at = now() WHERE id = %s", [version.id]
    )


def drop_prepared(
    connection: Connection[Any], dataset_id: int, state: str, reason: str, keep: int | None = None
) -> None:
    """Drop versions that wait for a decision, all but ``keep``; their record says the new state and why."""
    rows = connection.execute(
        """
        UPDATE ioc.dataset_version v SET state = %s, failure = %s FROM ioc.dataset d
        WHERE d.id = v.dataset_id AND v.dataset_id = %s AND v.state = 'prepared' AND v.id IS DISTINCT FROM %s
        RETURNING v.id, d.target
        """,
        [state, reason, dataset_id, keep],
    ).fetchall()
    for version_id, target in rows:
        drop_tables(connection, Version(version_id, dataset_id, target))


def drop_tables(connection: Connection[Any], version: Version) -> None:
    """Remove a version's rows for good."""
    for _, table in version.tables():
        connection.execute(sql.SQL("DROP TABLE version.{}").format(sql.Identifier(table)))


def fail(connection: Connection[Any], version: Version, failure: str) -> None:
    """Record why a load failed. What it wrote went with its transaction."""
    connection.execute(
        "UPDATE ioc.dataset_version SET state = 'failed', finished_at = now(), failure = %s WHERE id = %s",
        [failure, version.id],
    )


def rollback(connection: Connection[Any], dataset_id: int, code: str) -> Version:
    """Publish the version before the published one again, within the connection's current transaction.

    Raises:
        NothingToRollBackError: there is no earlier version that retention has left.
    """
    row = connection.execute(
        """
        SELECT v.id, d.target FROM ioc.dataset d
        JOIN ioc.dataset_version v ON v.dataset_id = d.id AND v.state = 'superseded'
        WHERE d.id = %s AND v.id < d.published_version_id ORDER BY v.id DESC LIMIT 1
        """,
        [dataset_id],
    ).fetchone()
    if row is None:
        raise NothingToRollBackError(f"Dataset “{code}” has no earlier version to go back to.")
    earlier = Version(row[0], dataset_id, row[1])
    publish(connection, earlier)
    return earlier


def apply_retention(connection: Connection[Any], dataset_id: int, keep: int = 2) -> Sequence[int]:
    """Drop all but the ``keep`` newest superseded versions; their record and quarantine stay."""
    rows = connection.execute(
        """
        SELECT v.id, d.target FROM ioc.dataset_version v JOIN ioc.dataset d ON d.id = v.dataset_id
        WHERE v.dataset_id = %s AND v.state = 'superseded' ORDER BY v.id DESC OFFSET %s
        """,
        [dataset_id, keep],
    ).fetchall()
    for version_id, target in rows:
        drop_tables(connection, Version(version_id, dataset_id, target))
        connection.execute("UPDATE ioc.dataset_version SET state = 'dropped' WHERE id = %s", [version_id])
    return [version_id for version_id, _ in rows]
