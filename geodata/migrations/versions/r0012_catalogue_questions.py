"""What the catalogue's pages ask, and what stewards ask of the workers."""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0012_catalogue_questions.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Runs asked for in new ways are not taken back; restore a backup from before instead.")
