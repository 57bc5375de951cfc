"""Alarms: raised and cleared, acted on, grouped, silenced, and their rules set otherwise."""

from pathlib import Path

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0017_alarms.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("The history of alarms is not taken back; restore a backup from before instead.")
