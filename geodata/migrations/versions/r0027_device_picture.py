"""What the cameras of devices saw."""

from pathlib import Path

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0027_device_picture.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Pictures that were kept are not thrown away; restore a backup from before.")
