"""What was published when, and retained versions readable under the rights of published rows."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The driver's own connection takes a file of statements, and leaves the % of format() alone.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None, "Alembic runs on a live connection"
    connection.execute(Path(__file__).with_name("0006_dataset_history.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP FUNCTION ioc.dataset_history(), ioc.open_version_table(text, integer)")
    op.execute("REVOKE USAGE ON SCHEMA version FROM ioc_app")
    op.execute("DROP TABLE ioc.dataset_publication")
