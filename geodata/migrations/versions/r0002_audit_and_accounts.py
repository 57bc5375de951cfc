"""The audit trail; lock-out, kiosk links and single sign-on of accounts; administration from the web."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The driver's own connection takes a file of statements, and leaves the % of format() alone.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None, "Alembic runs on a live connection"
    file = Path(__file__).with_name("0002_audit_and_accounts.sql")
    connection.execute(file.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError(
        "An audit trail is not taken back; restore a backup from before this revision instead."
    )
