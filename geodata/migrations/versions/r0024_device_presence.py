"""Whether devices are online, since when, and by how much their clocks are behind."""

from pathlib import Path

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0024_device_presence.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Accepting devices with a type is not taken back; restore a backup from before.")
