"""Cases: limits of stages, deferrals, appeals, places found later, and reporters kept from others."""

from pathlib import Path

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0021_case_work.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Steps of cases are not taken back; restore a backup from before instead.")
