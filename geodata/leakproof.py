"""Operators that row-level security must trust before it lets them use an index.

PostgreSQL evaluates only leakproof functions below a policy, and PostGIS and ``LIKE`` are not declared so:
without this every tile scans its whole table. A restore and an update of PostGIS forget the declaration,
so it is made again after each. Where the database's owner may not make it, rows are found by functions that
hold the viewer's rights themselves (``ioc.places_in_box``, ``ioc.places_of_names``).
"""

from typing import LiteralString

from psycopg import Connection, errors, sql

LEAKPROOF_FUNCTIONS: tuple[tuple[LiteralString, LiteralString, LiteralString], ...] = (
    ("public", "geometry_overlaps", "geometry, geometry"),
    ("pg_catalog", "textlike", "text, text"),
    ("pg_catalog", "texticlike", "text, text"),
)
ARE_LEAKPROOF: LiteralString = """
    SELECT bool_and(coalesce(p.proleakproof, false))
    FROM unnest(%s::text[]) AS wanted LEFT JOIN pg_proc p ON p.oid = to_regprocedure(wanted)
"""
"""Asks whether all of ``SIGNATURES`` are declared."""
SIGNATURES = [f"{schema}.{name}({arguments})" for schema, name, arguments in LEAKPROOF_FUNCTIONS]


def declare_leakproof(connection: Connection) -> bool:
    """Declare the functions leakproof where they are not yet.

    Returns:
        False if the role may not (it takes a superuser): policies leave the indexes unused.
    """
    for schema, name, arguments in LEAKPROOF_FUNCTIONS:
        row = connection.execute(
            "SELECT proleakproof FROM pg_proc WHERE oid = to_regprocedure(%s)",
            [f"{schema}.{name}({arguments})"],
        ).fetchone()
        if row is None or row[0]:
            continue
        try:
            with connection.transaction():
                connection.execute(
                    sql.SQL("ALTER FUNCTION {}.{}({}) LEAKPROOF").format(
                        sql.Identifier(schema), sql.Identifier(name), sql.SQL(arguments)
                    )
                )
        except errors.InsufficientPrivilege:
            return False
    return True
