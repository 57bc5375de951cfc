"""Events of the live stream: what happened in the last 24 hours, in the order in which it was committed."""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0014_live.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION ioc.forget_live_events, ioc.live_event_span, ioc.live_events, ioc.tell;"
        "DROP TABLE ioc.live_event"
    )
