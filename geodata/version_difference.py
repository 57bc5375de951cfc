"""What a version changes in the one it is to replace: added, removed, moved by how far, changed fields.

Counted inside the store, by feature id, between the two versions' own tables; nobody needs to see either.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from geodata.dataset_version import Version
from geodata.models import Base

EXAMPLES = 20
OWN = frozenset({"dataset_id", "id", "code", "source_row", "load_id", "warnings", "geom", "geom_3857"})
"""Columns that say nothing of the thing itself, or are compared in a way of their own."""
MOVED_M = (0.001, 0.1, 1.0, 10.0, 100.0)
"""Limits in metres between which moves are counted; below the first is rounding."""


@dataclass(frozen=True)
class MovedShare:
    """How many features moved by at least ``from_m`` and less than ``below_m`` metres (None: or more)."""

    from_m: float
    below_m: float | None
    count: int


@dataclass(frozen=True)
class ChangedField:
    """A field, in how many features its value changed, and (code, before, after) of some of them."""

    name: str
    count: int
    examples: list[tuple[str, str | None, str | None]]


@dataclass(frozen=True)
class Difference:
    """``changed`` counts features with other values or another place, ``moved`` those among them that moved.

    Moves are the greatest distance of a vertex from the other shape, in metres on the ellipsoid; a place
    given or taken away counts as changed in the field ``geom``. Without a base everything is added.
    """

    base_version_id: int | None
    added: int
    removed: int
    changed: int
    moved: int
    unchanged: int
    moved_shares: list[MovedShare] = field(default_factory=list)
    farthest: list[tuple[str, float]] = field(default_factory=list)
    """Codes and metres of those that moved farthest."""
    fields: list[ChangedField] = field(default_factory=list)
    added_codes: list[str] = field(default_factory=list)
    removed_codes: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Both versions say the same."""
        return not (self.added or self.removed or self.changed)


def compare(connection: Connection[Any], version: Version, base: Version | None) -> Difference:
    """Count the difference, within the connection's transaction; needs both versions' primary keys."""
    new = sql.Identifier("version", f"{version.target}_{version.id}")
    if base is None:
        added = _number(connection, sql.SQL("SELECT count(*) FROM {}").format(new))
        return Difference(None, added, 0, 0, 0, 0)
    old = sql.Identifier("version", f"{base.target}_{base.id}")
    tables = {"new": new, "old": old}
    total = _number(connection, sql.SQL("SELECT count(*) FROM {new}").format(**tables))
    before = _number(connection, sql.SQL("SELECT count(*) FROM {old}").format(**tables))
    common, changed = _count_changes(connection, version.target, tables)
    shares, farthest, fields = _changes(connection, version.target, tables) if changed else ([], [], [])
    return Difference(
        base.id,
        added=total - common,
        removed=before - common,
        changed=changed,
        moved=sum(one.count for one in shares),
        unchanged=common - changed,
        moved_shares=shares,
        farthest=farthest,
        fields=fields,
        added_codes=_only_in(connection, new, old) if total > common else [],
        removed_codes=_only_in(connection, old, new) if before > common else [],
    )


def _number(connection: Connection[Any], query: sql.SQL | sql.Composed) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None, "a count gives a row"
    return row[0]


def _compared(target: str) -> list[str]:
    """Columns whose values are compared as they are, the place left out."""
    return [one.name for one in Base.metadata.tables[f"ioc.{target}"].columns if one.name not in OWN]


def _has_place(target: str) -> bool:
    return "geom" in Base.metadata.tables[f"ioc.{target}"].columns


def _differs(target: str) -> sql.Composed:
    names = [*_compared(target), *(["geom"] if _has_place(target) else [])]
    return sql.SQL(" OR ").join(
        sql.SQL("n.{0} IS DISTINCT FROM o.{0}").format(sql.Identifier(name)) for name in names
    )


def _count_changes(
    connection: Connection[Any], target: str, tables: dict[str, sql.Identifier]
) -> tuple[int, int]:
    """How many features both versions have, and how many of these differ."""
    # Counted apart from what has changed: this query, which mostly finds nothing, runs on all processors.
    row = connection.execute(
        sql.SQL(
            "SELECT count(*), count(*) FILTER (WHERE {differs}) FROM {new} n JOIN {old} o ON o.id = n.id"
        ).format(differs=_differs(target), **tables)
    ).fetchone()
    assert row is not None, "a count gives a row"
    return row[0], row[1]


def _changes(
    connection: Connection[Any], target: str, tables: dict[str, sql.Identifier]
) -> tuple[list[MovedShare], list[tuple[str, float]], list[ChangedField]]:
    """How far features moved, those that moved farthest, and the fields that changed."""
    _collect_changes(connection, target, tables)
    try:
        return *_moves(connection), _changed_fields(connection)
    finally:
        connection.execute("DROP TABLE IF EXISTS pg_temp.feature_change")


def _collect_changes(connection: Connection[Any], target: str, tables: dict[str, sql.Identifier]) -> None:
    """Fill ``feature_change`` with the features that differ."""
    fields = [
        sql.SQL(
            "CASE WHEN n.{0} IS DISTINCT FROM o.{0} THEN jsonb_build_array({1}, o.{0}::text, n.{0}::text) END"
        ).format(sql.Identifier(name), sql.Literal(name))
        for name in _compared(target)
    ]
    connection.execute(
        sql.SQL(
            """
            CREATE TEMPORARY TABLE feature_change ON COMMIT DROP AS
            SELECT n.code, {moved} AS metres, ARRAY[{fields}]::jsonb[] AS fields
            FROM {new} n JOIN {old} o ON o.id = n.id
            WHERE {differs}
            """
        ).format(
            moved=sql.SQL(_MOVED if _has_place(target) else "NULL::float8"),
            fields=sql.SQL(", ").join(fields),
            differs=_differs(target),
            **tables,
        )
    )


_MOVED = """
    CASE
        WHEN n.geom IS NOT DISTINCT FROM o.geom OR n.geom IS NULL OR o.geom IS NULL THEN NULL
        WHEN ST_GeometryType(n.geom) = 'ST_Point' AND ST_GeometryType(o.geom) = 'ST_Point'
            THEN ST_Distance(n.geom::geography, o.geom::geography)
        ELSE (
            SELECT max(metres) FROM (
                SELECT ST_Distance(v.geom::geography, o.geom::geography) FROM ST_DumpPoints(n.geom) v
                UNION ALL
                SELECT ST_Distance(v.geom::geography, n.geom::geography) FROM ST_DumpPoints(o.geom) v
            ) AS vertices (metres)
        )
    END
"""


def _moves(connection: Connection[Any]) -> tuple[list[MovedShare], list[tuple[str, float]]]:
    rows = connection.execute(
        """
        SELECT width_bucket(metres, %s::float8[]) AS share, count(*) FROM pg_temp.feature_change
        WHERE metres >= %s GROUP BY share ORDER BY share
        """,
        [list(MOVED_M), MOVED_M[0]],
    ).fetchall()
    limits = [*MOVED_M, None]
    shares = [MovedShare(MOVED_M[share - 1], limits[share], count) for share, count in rows]
    farthest = connection.execute(
        """
        SELECT code, metres FROM pg_temp.feature_change WHERE metres >= %s
        ORDER BY metres DESC, code LIMIT %s
        """,
        [MOVED_M[0], EXAMPLES],
    ).fetchall()
    return shares, [(code, round(metres, 3)) for code, metres in farthest]


def _changed_fields(connection: Connection[Any]) -> list[ChangedField]:
    rows = connection.execute(
        """
        SELECT name, max(number), array_agg(ARRAY[code, before, after] ORDER BY code)
            FILTER (WHERE place <= %s)
        FROM (
            SELECT c.code, f.change ->> 0 AS name, f.change ->> 1 AS before, f.change ->> 2 AS after,
                count(*) OVER by_name AS number, row_number() OVER (by_name ORDER BY c.code) AS place
            FROM pg_temp.feature_change c CROSS JOIN LATERAL unnest(c.fields) AS f (change)
            WHERE f.change IS NOT NULL
            WINDOW by_name AS (PARTITION BY f.change ->> 0)
        ) AS changes
        GROUP BY name ORDER BY 2 DESC, name
        """,
        [EXAMPLES],
    ).fetchall()
    return [ChangedField(name, count, [tuple(one) for one in examples]) for name, count, examples in rows]


def _only_in(connection: Connection[Any], one: sql.Identifier, other: sql.Identifier) -> list[str]:
    query = sql.SQL(
        """
        SELECT a.code FROM {one} a WHERE NOT EXISTS (SELECT FROM {other} b WHERE b.id = a.id)
        ORDER BY a.code LIMIT %s
        """
    ).format(one=one, other=other)
    return [row[0] for row in connection.execute(query, [EXAMPLES])]


def keep(connection: Connection[Any], version: Version, difference: Difference) -> None:
    """Store the difference with its version."""
    counts = ("base_version_id", "added", "removed", "changed", "moved", "unchanged")
    values = asdict(difference)
    connection.execute(
        sql.SQL("INSERT INTO ioc.version_difference (version_id, {}, detail) VALUES ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, counts)), sql.SQL(", ").join([sql.Placeholder()] * 8)
        ),
        [
            version.id,
            *(values[name] for name in counts),
            Jsonb({name: value for name, value in values.items() if name not in counts}),
        ],
    )


def kept(connection: Connection[Any], version_id: int) -> Difference | None:
    """The difference stored with a version, as far as the connection may see it."""
    row = connection.execute(
        """
        SELECT base_version_id, added, removed, changed, moved, unchanged, detail
        FROM ioc.version_difference WHERE version_id = %s
        """,
        [version_id],
    ).fetchone()
    if row is None:
        return None
    *counts, detail = row
    return Difference(
        *counts,
        moved_shares=[MovedShare(**one) for one in detail["moved_shares"]],
        farthest=[(code, metres) for code, metres in detail["farthest"]],
        fields=[
            ChangedField(one["name"], one["count"], [tuple(example) for example in one["examples"]])
            for one in detail["fields"]
        ],
        added_codes=detail["added_codes"],
        removed_codes=detail["removed_codes"],
    )
