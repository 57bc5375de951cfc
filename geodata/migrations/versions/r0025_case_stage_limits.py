"""The limits of filing and of dispatch of each case, for the rates that count them."""

from pathlib import Path

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0025_case_stage_limits.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("ALTER TABLE ioc.case_file DROP COLUMN filing_deadline, DROP COLUMN dispatch_deadline")
