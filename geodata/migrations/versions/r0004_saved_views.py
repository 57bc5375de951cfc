"""Saved views of the map, per person and per department."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The driver's own connection takes a file of statements, and leaves the % of format() alone.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None, "Alembic runs on a live connection"
    connection.execute(Path(__file__).with_name("0004_saved_views.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP TABLE ioc.saved_view")
    op.execute(
        "DROP FUNCTION ioc.account_display_name(integer), ioc.viewer_department(), ioc.viewer_account()"
    )
