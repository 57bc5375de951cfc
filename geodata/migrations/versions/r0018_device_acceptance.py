"""A steward accepts or refuses devices that wait."""

from pathlib import Path

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The driver's own connection takes a file of statements, and leaves the % of format() alone.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None, "Alembic runs on a live connection"
    connection.execute(Path(__file__).with_name("0018_device_acceptance.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Accepted devices are not taken back; restore a backup from before instead.")
