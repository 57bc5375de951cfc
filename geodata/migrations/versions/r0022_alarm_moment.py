"""Alarms judged as of a moment; silence counted only while somebody listens."""

from pathlib import Path

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0022_alarm_moment.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("The history of alarms is not taken back; restore a backup from before instead.")
