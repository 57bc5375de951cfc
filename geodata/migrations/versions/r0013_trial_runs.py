"""Runs that only try a job."""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0013_trial_runs.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Runs that tried a job are not taken back; restore a backup from before instead.")
