"""Functions that find rows within the viewer's rights where policies leave indexes unused."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The driver's own connection takes a file of statements, and leaves the % of format() alone.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None, "Alembic runs on a live connection"
    connection.execute(Path(__file__).with_name("0009_rights_in_query.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP FUNCTION ioc.places_of_names, ioc.places_in_box, ioc.viewer_policy")
