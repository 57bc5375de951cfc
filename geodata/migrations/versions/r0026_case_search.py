"""Cases are found by the beginning of their number."""

from pathlib import Path

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0026_case_search.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP INDEX ioc.ix_case_file_code")
