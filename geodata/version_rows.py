"""Rows of a version that is being loaded: carried over from the one before, taken out again, flagged.

All of it happens inside the database and within the connection's transaction. A row's ``source_row`` tells it
from the others that came with the same load; rows carried over have a ``load_id``.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from psycopg import Connection, sql

from geodata.binary_copy import copy_rows
from geodata.dataset_version import SEARCH_ENTRY, Version
from geodata.feature_id import told_apart
from geodata.models import Base


def remember_removed(connection: Connection[Any], codes: Sequence[str]) -> None:
    """Codes that a delivery says are no more, kept until the transaction ends for ``carry_over``."""
    if codes:
        _ensure_list(connection, "removed_code")
        _copy_codes(connection, "removed_code", codes)


def remember_standing(connection: Connection[Any], codes: Sequence[str]) -> None:
    """Codes of a list of all that still stand; once any are given, ``carry_over`` takes no others."""
    _ensure_list(connection, "standing_code")
    _copy_codes(connection, "standing_code", codes)


def _ensure_list(connection: Connection[Any], name: str) -> None:
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} (code text) ON COMMIT DROP").format(
            sql.Identifier(name)
        )
    )


def _copy_codes(connection: Connection[Any], name: str, codes: Sequence[str]) -> None:
    copy_rows(connection, "pg_temp", name, {"code": ("text", pa.array(codes, pa.large_string()))})


def carry_over(connection: Connection[Any], version: Version, base: Version, sensitivity: int) -> int:
    """Copy those rows of ``base`` that the new version neither has nor was told are gone; returns how many.

    They keep the load they came with, and get the sensitivity that the dataset has now.
    """
    terms = [
        sql.SQL("NOT EXISTS (SELECT FROM version.{} n WHERE n.code = o.code)").format(
            sql.Identifier(f"{version.target}_{version.id}")
        )
    ]
    for name, gone in (("removed_code", "NOT EXISTS"), ("standing_code", "EXISTS")):
        row = connection.execute("SELECT to_regclass(%s)", [f"pg_temp.{name}"]).fetchone()
        if row and row[0]:
            terms.append(
                sql.SQL("{} (SELECT FROM pg_temp.{} c WHERE c.code = o.code)").format(
                    sql.SQL(gone),  # pyright: ignore[reportArgumentType]
                    sql.Identifier(name),
                )
            )
    return _copy_from(connection, version, base, sensitivity, sql.SQL(" AND ").join(terms), [])


def take_out(
    connection: Connection[Any],
    version: Version,
    base: Version | None,
    source_rows: Sequence[int],
    sensitivity: int,
) -> int:
    """Remove rows that came with this load; what they were to replace in ``base`` stands again.

    Returns:
        How many of them carried a warning.
    """
    flagged, codes = 0, []
    for parent, table in version.tables():
        removed = connection.execute(
            sql.SQL(
                """
                DELETE FROM version.{} WHERE load_id IS NULL AND source_row = ANY(%s)
                RETURNING code, warnings
                """
            ).format(sql.Identifier(table)),
            [list(source_rows)],
        ).fetchall()
        if parent == version.target:
            codes = [code for code, _ in removed]
            flagged = sum(warnings is not None for _, warnings in removed)
    if base is not None:
        _copy_from(connection, version, base, sensitivity, sql.SQL("o.code = ANY(%s)"), [codes])
    return flagged


def _copy_from(
    connection: Connection[Any],
    version: Version,
    base: Version,
    sensitivity: int,
    condition: sql.Composable,
    parameters: list[Any],
) -> int:
    copied = 0
    for (parent, table), (_, old) in zip(version.tables(), base.tables(), strict=True):
        names = [
            column.name
            for column in Base.metadata.tables[f"ioc.{parent}"].columns
            if column.computed is None and column.name not in ("load_id", "sensitivity")
        ]
        if parent == SEARCH_ENTRY:
            # An entry goes with its feature: the version's own table says which were copied.
            condition, parameters = _of_copied(version), []
        done = connection.execute(
            sql.SQL(
                """
                INSERT INTO version.{table} ({names}, sensitivity, load_id)
                SELECT {values}, {sensitivity}, coalesce(o.load_id, {base}) FROM version.{old} o
                WHERE {condition}
                """
            ).format(
                table=sql.Identifier(table),
                names=sql.SQL(", ").join(map(sql.Identifier, names)),
                values=sql.SQL(", ").join(sql.Identifier("o", name) for name in names),
                sensitivity=sql.Literal(sensitivity),
                base=sql.Literal(base.id),
                old=sql.Identifier(old),
                condition=condition,
            ),
            parameters,
        )
        copied = done.rowcount if parent == version.target else copied
    return copied


def _of_copied(version: Version) -> sql.Composed:
    return sql.SQL(
        """
        EXISTS (SELECT FROM version.{features} n WHERE n.code = o.code AND n.load_id IS NOT NULL)
        AND NOT EXISTS (SELECT FROM version.{entries} s WHERE s.code = o.code)
        """
    ).format(
        features=sql.Identifier(f"{version.target}_{version.id}"),
        entries=sql.Identifier(f"{SEARCH_ENTRY}_{version.id}"),
    )


def flag(connection: Connection[Any], version: Version, source_rows: Sequence[int], warning: str) -> int:
    """Add a warning to rows that came with this load; returns how many had none before."""
    row = connection.execute(
        sql.SQL(
            """
            WITH flagged AS (
                UPDATE version.{table} f SET warnings = f.warnings || %(warning)s::text
                WHERE f.load_id IS NULL AND f.source_row = ANY(%(rows)s) RETURNING f.warnings
            )
            SELECT count(*) FROM flagged WHERE array_length(warnings, 1) = 1
            """
        ).format(table=sql.Identifier(f"{version.target}_{version.id}")),
        {"warning": warning, "rows": list(source_rows)},
    ).fetchone()
    return row[0] if row else 0


def reflag(
    connection: Connection[Any],
    version: Version,
    source_rows: Sequence[int],
    warning: str,
    rule: str,
    field: str | None,
) -> list[int]:
    """Make these of the rows carried over, and no others of them, bear a warning of a rule; for full loads.

    Quarantine entries of rows that no longer bear it go. Returns the rows that bear it newly.
    """
    table = sql.Identifier(f"{version.target}_{version.id}")
    values = {
        "warning": warning,
        "rows": list(source_rows),
        "version": version.id,
        "rule": rule,
        "field": field,
    }
    connection.execute(
        sql.SQL(
            """
            WITH mended AS (
                UPDATE version.{table}
                SET warnings = nullif(array_remove(warnings, %(warning)s::text), '{{}}')
                WHERE load_id IS NOT NULL AND %(warning)s = ANY (warnings) AND NOT source_row = ANY (%(rows)s)
                RETURNING source_row
            )
            DELETE FROM ioc.quarantine q USING mended m
            WHERE q.version_id = %(version)s AND q.source_row = m.source_row AND q.rule = %(rule)s
                AND q.field IS NOT DISTINCT FROM %(field)s AND q.severity = 'warning'
            """
        ).format(table=table),
        values,
    )
    added = connection.execute(
        sql.SQL(
            """
            UPDATE version.{table} SET warnings = warnings || %(warning)s::text
            WHERE load_id IS NOT NULL AND source_row = ANY (%(rows)s)
                AND (warnings IS NULL OR NOT %(warning)s = ANY (warnings))
            RETURNING source_row
            """
        ).format(table=table),
        values,
    )
    return [source_row for (source_row,) in added]


def tell_ids_apart(connection: Connection[Any], version: Version, dataset_code: str) -> None:
    """Give new ids to features whose keys meet in one; those carried over keep theirs."""
    table = sql.Identifier(f"{version.target}_{version.id}")
    found = connection.execute(
        sql.SQL(
            """
            SELECT id, code, load_id IS NOT NULL FROM version.{table}
            WHERE id IN (SELECT id FROM version.{table} GROUP BY id HAVING count(*) > 1)
            """
        ).format(table=table)
    ).fetchall()

    def taken(candidate: int) -> bool:
        query = sql.SQL("SELECT EXISTS (SELECT FROM version.{} WHERE id = %s)").format(table)
        row = connection.execute(query, [candidate]).fetchone()
        return bool(row and row[0])

    carried = {number for number, _, is_carried in found if is_carried}
    pairs = [(number, code) for number, code, is_carried in found if not is_carried]
    for code, number in told_apart(dataset_code, pairs, taken, carried).items():
        for _, name in version.tables():
            connection.execute(
                sql.SQL("UPDATE version.{} SET id = %s WHERE code = %s").format(sql.Identifier(name)),
                [number, code],
            )
