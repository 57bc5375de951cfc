"""What a load was made of, what it changes, who decides on it; and which load each row came with."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The driver's own connection takes a file of statements, and leaves the % of format() alone.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None, "Alembic runs on a live connection"
    connection.execute(Path(__file__).with_name("0005_version_lineage.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Rows would lose which load they came with; restore a backup from before instead.")
