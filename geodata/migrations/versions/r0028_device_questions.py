"""Questions to devices: who asked which station for what, and what became of it."""

from pathlib import Path

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0028_device_questions.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION ioc.end_device_question, ioc.note_question_sent, ioc.waiting_device_questions, "
        "ioc.resume_device_questions, ioc.ask_device, ioc.may_ask_device, ioc.put_device_question, "
        "ioc.is_door_open"
    )
    op.execute("DROP TABLE ioc.device_question")
