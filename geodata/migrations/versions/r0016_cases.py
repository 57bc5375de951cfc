"""Cases: their file, their steps, who may move them on, and their clocks."""

from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0016_cases.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Cases are not taken back; restore a backup from before instead.")
