"""``ioc etl`` as a steward types it."""

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

from etl.run import LoadOptions, run_job
from geodata.store import Store
from ioc import etl_commands
from ioc.cli import main
from tests.etl.deliveries import degrees_job, write_list

WIDTH = 200
ROWS = ["A1,一号,114.305,30.505", "A1,=1+1,114.315,30.505", "A2,二号,114.315,30.515"]


class Done(NamedTuple):
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def settings(store: Store, tmp_path: Path) -> dict[str, str]:
    """The environment of commands on the test's store."""
    return {
        "IOC_DATABASE_URL": store.app_url,
        "IOC_OWNER_DATABASE_URL": store.owner_url,
        "IOC_DATA_DIR": str(tmp_path / "data"),
        "COLUMNS": str(WIDTH),
    }


@pytest.fixture
def ioc(
    settings: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., Done]:
    """Runs ``ioc etl …`` in the test's folder; in this process, for another one takes seconds to begin."""
    degrees_job(tmp_path)
    monkeypatch.chdir(tmp_path)
    # What was imported before has the width of a terminal there is not.
    monkeypatch.setattr(etl_commands, "console", Console(width=WIDTH, highlight=False))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["ioc", "etl", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        return Done(int(ended.value.code or 0), str(said.out), str(said.err))

    return run


def test_run_history_quarantine_and_rollback(ioc, tmp_path: Path) -> None:
    write_list(tmp_path, ROWS)
    first = ioc("run", "facility_test.toml")
    assert first.returncode == 0, first.stderr
    assert "3 rows read, 2 accepted, 1 refused, 0 flagged" in first.stdout
    assert "refused by unique: 1" in first.stdout
    assert "nothing to do" in ioc("run", "facility_test.toml").stdout

    shown = ioc("quarantine", "facility_test")
    assert "“A1”与第 2 行重复" in shown.stdout
    assert ioc("quarantine", "facility_test", "--csv", "bad.csv").returncode == 0
    with (tmp_path / "bad.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["source_row"], row["rule"], row["名称"]) for row in rows] == [("3", "unique", "'=1+1")]

    write_list(tmp_path, ROWS[:1])
    assert ioc("run", "facility_test.toml").returncode == 0
    assert "superseded" in ioc("history", "facility_test").stdout
    assert "shows version" in ioc("rollback", "facility_test").stdout


def test_list_names_every_packaged_job(settings: dict[str, str]) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "ioc", "etl", "list"],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0
    assert "component" in listed.stdout
    assert "城市部件" in listed.stdout


def test_a_dry_run_says_what_would_be_refused(ioc, tmp_path: Path) -> None:
    write_list(tmp_path, ROWS)
    assert (
        "facility_test: checked: 3 rows read, 2 accepted"
        in ioc("run", "facility_test.toml", "--dry-run").stdout
    )
    assert ioc("history", "facility_test").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nothing"], "There is no job “nothing”"),
        (["run", "facility_test.toml"], "which is not there"),
        (["run", "facility_test.toml", "--source", "x.csv"], "given with --source is not there"),
        (["history", "nothing"], "There is no dataset “nothing”"),
        (["rollback", "nothing"], "There is no dataset “nothing”"),
        (["quarantine", "nothing"], "There is no dataset “nothing”"),
    ],
)
def test_bad_input_gets_one_sentence(ioc, arguments: list[str], words: str) -> None:
    done = ioc(*arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_runs_and_overdue_datasets_are_listed(ioc, store: Store, tmp_path: Path) -> None:
    write_list(tmp_path, ROWS)
    assert ioc("run", "facility_test.toml").returncode == 0
    assert "No dataset is overdue" in ioc("overdue").stdout
    with store.owner_connection() as connection:
        connection.execute(
            "INSERT INTO ioc.catalogue_entry (dataset_id, update_period, edited_by) "
            "SELECT id, 'daily', 'steward' FROM ioc.dataset WHERE code = 'facility_test'"
        )
        connection.execute(
            "UPDATE ioc.dataset_version SET finished_at = now() - interval '3 days', "
            "published_at = now() - interval '3 days'"
        )
        connection.execute(
            "INSERT INTO ioc.load_run (job, source, trigger, requested_by) "
            "VALUES ('facility_test', '.', 'upload', 'steward')"
        )
    assert "facility_test" in ioc("overdue").stdout
    listed = ioc("runs").stdout
    assert "upload steward" in listed
    assert "queued" in listed


def test_what_a_version_changes_is_shown_decided_and_traced(ioc, store: Store, tmp_path: Path) -> None:
    def said(*arguments: str) -> str:
        done = ioc(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    job = degrees_job(tmp_path)
    with store.owner_connection() as connection:
        connection.execute(
            "INSERT INTO ioc.account (name, display_name, roles, areas, sensitivity) "
            "VALUES ('li', '李', '{steward}', '{*}', 3)"
        )
    write_list(tmp_path, ROWS[:1])
    first = run_job(store, job, tmp_path, options=LoadOptions(loaded_by="wang")).version_id
    write_list(tmp_path, ["A1,一号,114.305,30.505", "A3,三号,114.31,30.51"])
    second = run_job(store, job, tmp_path, options=LoadOptions(review=True)).waiting
    assert f"against version {first}: 1 added, 0 removed, 0 changed" in said("diff", "facility_test")
    assert "the first version: 1 rows" in said("diff", "facility_test", str(first))
    refused = said("refuse", "facility_test", str(second), "--as", "li", "--reason", "多了一处")
    assert f"Version {second} of facility_test is refused" in refused
    third = run_job(store, job, tmp_path, options=LoadOptions(review=True)).waiting
    assert "is published" in said("approve", "facility_test", str(third), "--as", "li")
    with store.owner_connection() as connection:
        found = connection.execute("SELECT id FROM ioc.facility WHERE code = 'A3'").fetchone()
    assert found is not None
    assert f"A3: list.csv, row 3, load {third} (full)" in said("lineage", "facility", str(found[0]))
