"""Editing by hand: rights, proposals, decisions, photographs."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The driver's own connection takes a file of statements, and leaves the % of format() alone.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None, "Alembic runs on a live connection"
    connection.execute(Path(__file__).with_name("0010_edits.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION ioc.decide_edit, ioc.decides_alone, ioc.attach_photo, ioc.propose_edit, "
        "ioc.note_edit, ioc.bring_edits, ioc.bring_edit, ioc.write_feature, ioc.differing_fields, "
        "ioc.same_place, ioc.version_row, ioc.area_holds, ioc.place_of, ioc.dataset_revisions, "
        "ioc.editable_datasets, ioc.viewer_may"
    )
    op.execute("DROP TABLE ioc.feature_photo, ioc.feature_edit_outcome, ioc.feature_edit")
    op.execute("DROP FUNCTION ioc.keep_edit")
    op.execute("ALTER TABLE ioc.dataset DROP COLUMN revision, DROP COLUMN review, DROP COLUMN job_text")
    op.execute("ALTER TABLE ioc.account_right DROP COLUMN may")
    op.execute("ALTER TABLE ioc.role_right DROP COLUMN may")
