"""Doors for devices: what came in by each, and when each device was last heard."""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0020_doors.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP FUNCTION ioc.door_totals, ioc.note_door, ioc.sum_counts")
    op.execute("DROP TABLE ioc.feed_door, ioc.feed_count, ioc.device_contact")
