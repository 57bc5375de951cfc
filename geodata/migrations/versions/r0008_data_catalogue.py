"""The data catalogue, runs of jobs, and overdue datasets."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0008_data_catalogue.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    for table in ("load_run", "dataset_alarm", "catalogue_entry"):
        op.drop_table(table, schema="ioc")
    op.execute("DROP FUNCTION ioc.viewer_name(), ioc.request_load(text, text), ioc.tell_load_run()")
    for column in ("update_period", "sharing", "sharing_note", "description"):
        op.drop_column("dataset", column, schema="ioc")
