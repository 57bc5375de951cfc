"""Editing by hand: attributes one by one, at most 20 photographs, uniqueness in the whole store."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The driver's own connection takes a file of statements, and leaves the % of format() alone.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None, "Alembic runs on a live connection"
    connection.execute(Path(__file__).with_name("0011_edit_merge.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    # What was replaced stays: the program before calls it by the same names and reads the same from it.
    op.execute(
        "DROP FUNCTION ioc.last_component_number, ioc.place_in_use, ioc.value_in_use, ioc.editable_table"
    )
