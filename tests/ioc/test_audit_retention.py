"""The audit trail is pruned as far as the law allows, and tells of it."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from geodata.errors import UserError
from geodata.store import Store
from ioc.audit_retention import prune_audit
from ioc.audit_search import ZONE
from ioc.db_commands import db_app

OLD = date(2024, 3, 1)


@pytest.fixture
def old_entries(store: Store) -> None:
    """One entry of the last moment of February 2024 in the district's time, and one of the first of March."""
    midnight = datetime(2024, 3, 1, tzinfo=ZONE)
    with store.owner_connection() as connection:
        for moment in (midnight - timedelta(milliseconds=1), midnight):
            connection.execute("INSERT INTO ioc.audit_entry (at, action) VALUES (%s, 'sign_in')", [moment])


def entries(store: Store) -> list[tuple[str, str | None, dict[str, object]]]:
    with store.owner_connection() as connection:
        return connection.execute(
            "SELECT action, account_name, detail FROM ioc.audit_entry ORDER BY id"
        ).fetchall()


@pytest.mark.usefixtures("old_entries")
def test_days_before_are_removed_and_who_removed_them_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IOC_DATABASE_URL", store.app_url)
    monkeypatch.setenv("IOC_OWNER_DATABASE_URL", store.owner_url)
    done = CliRunner().invoke(db_app, ["audit", "prune", "--before", OLD.isoformat()])
    assert done.stdout == "1 entries from before 2024-03-01 removed from the audit trail.\n"
    kept, (action, actor, detail) = entries(store)
    assert kept[0] == "sign_in"
    assert (action, detail) == ("audit_prune", {"before": "2024-03-01", "entries": 1})
    assert str(actor).endswith("(command line)")


@pytest.mark.usefixtures("old_entries")
def test_what_is_younger_than_six_months_is_not_removed(store: Store) -> None:
    with store.owner_connection() as connection:
        too_late = datetime.now(ZONE).date() - timedelta(days=150)
        with pytest.raises(UserError, match="younger than six months: give --before 20"):
            prune_audit(connection, too_late, "zhang")
    assert len(entries(store)) == 2
