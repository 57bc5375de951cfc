"""The store: tables, then the rights that PostgreSQL enforces on them."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL_FILES = ("0001_tables.sql", "0001_rights.sql")


def upgrade() -> None:
    # The driver's own connection takes a file of statements, and leaves the % of format() alone.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None, "Alembic runs on a live connection"
    for name in SQL_FILES:
        connection.execute(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("The first revision is the store itself; restore a backup instead of going below it.")
