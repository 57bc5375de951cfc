"""Cases and alarms by their end, for what was open at a moment."""

from pathlib import Path

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0019_moments.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP INDEX ioc.ix_alarm_cleared_at; DROP INDEX ioc.ix_case_file_ended_at")
