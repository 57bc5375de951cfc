"""Suggestions and places of quarantined rows, gates that were overridden, versions made by corrections."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0007_checks.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("ALTER TABLE ioc.quarantine DROP suggestion_zh, DROP suggestion_en, DROP geom")
    op.execute(
        "ALTER TABLE ioc.dataset_version DROP source_columns, DROP gate_override, DROP correction_hash"
    )
