"""``ioc db``, from an empty folder to a restored backup."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from geodata.errors import UserError
from geodata.store import Store
from ioc.db_commands import db_app
from ioc.embedded_postgis import EmbeddedPostgis
from ioc.settings import read_settings


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(db_app, [str(word) for word in words])


@pytest.fixture
def installation(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data folder; whatever was started in it is stopped."""
    monkeypatch.chdir(open_folder)
    monkeypatch.setenv("IOC_DATA_DIR", str(open_folder / "kept"))
    for name in ("IOC_DATABASE_URL", "IOC_OWNER_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    yield open_folder
    EmbeddedPostgis(read_settings().postgis_folder).stop()


def test_from_an_empty_folder_to_a_restored_backup(installation: Path) -> None:
    assert "not created yet" in run("status").stdout
    assert not (installation / "kept").exists()
    assert "runs in" in run("start").stdout
    assert "none → " in run("migrate").stdout
    assert "none" not in run("migrate").stdout
    state = json.loads(run("status", "--json").stdout)
    assert (state["running"], state["stays"], state["rights_bind"]) == (True, True, True)
    assert state["revision"] == state["newest_revision"]
    assert "rows of" in run("backup", installation / "store.dump").stdout
    assert "are back" in run("restore", installation / "store.dump").stdout
    assert json.loads(run("status", "--json").stdout)["revision"] == state["revision"]
    assert "Stopped" in run("stop").stdout
    assert "not running" in run("stop").stdout
    assert "not running" in run("status").stdout


def test_urls_of_both_roles(installation: Path) -> None:
    assert f"host={installation}/kept/postgis/socket" in run("url").stdout
    assert "user=ioc_app" in run("url").stdout
    assert "user=ioc_owner" in run("url", "--owner").stdout


@pytest.mark.usefixtures("installation")
def test_psql_needs_a_running_server() -> None:
    assert "start it with `ioc db start`" in str(run("psql").exception)


def test_a_server_of_ones_own_is_asked_but_not_run(
    installation: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOC_DATABASE_URL", store.app_url)
    monkeypatch.setenv("IOC_OWNER_DATABASE_URL", store.owner_url)
    state = json.loads(run("status", "--json").stdout)
    assert (state["embedded"], state["running"]) == (False, True)
    assert [dataset["code"] for dataset in state["datasets"]] == ["case_file"]
    assert run("url").stdout.strip() == store.app_url
    assert "rows of" in run("backup", installation / "store.dump").stdout
    for command in ("start", "stop"):
        refusal = run(command)
        assert isinstance(refusal.exception, UserError)
        assert "a server that this program does not run" in str(refusal.exception)
