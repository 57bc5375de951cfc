"""The inbox: what arrives whole is published, what is bad is left out, and nothing is loaded twice."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from geodata.errors import UserError
from geodata.store import Store
from ioc.inbox import Inbox, worker

JOB = """
title_zh = "古树名木"
title_en = "Old trees"
department = "garden"
target = "departmental_feature"

[source]
path = "古树.csv"
x = "经度"
y = "纬度"
crs = "EPSG:4490"

[fields]
code = "编号"
name = "名称"

[assign]
by = "none"
"""

ROWS = "编号,名称,经度,纬度\nG1,银杏,114.31,30.54\nG2,樟树,114.32,30.55\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "old_tree.toml").write_text(JOB)
    return tmp_path


def names(store: Store) -> set[str]:
    with store.owner_connection() as connection:
        return {row[0] for row in connection.execute("SELECT name FROM ioc.departmental_feature")}


def test_a_file_is_loaded_once_it_is_quiet_and_not_again(store: Store, folder: Path) -> None:
    inbox = Inbox(store, folder)
    assert inbox.look() == []
    file = folder / "古树.csv"
    file.write_text(ROWS)
    assert inbox.look() == []
    file.write_text(ROWS + "G3,朴树,114.33,30.56\n")
    assert inbox.look() == []
    assert inbox.look() == ["old_tree"]
    assert names(store) == {"银杏", "樟树", "朴树"}
    assert inbox.look() == []
    assert Inbox(store, folder).look() == []


def test_a_new_edition_replaces_the_old_and_a_bad_one_does_not(store: Store, folder: Path) -> None:
    file = folder / "古树.csv"
    file.write_text(ROWS)
    inbox = Inbox(store, folder)
    inbox.look()
    assert inbox.look() == ["old_tree"]
    file.write_text("not,what,was,agreed\n1,2,3,4\n")
    inbox.look()
    assert inbox.look() == []
    assert names(store) == {"银杏", "樟树"}
    file.write_text(ROWS.replace("樟树", "香樟"))
    inbox.look()
    assert inbox.look() == ["old_tree"]
    assert names(store) == {"银杏", "香樟"}


def test_a_bad_job_file_hinders_no_other(store: Store, folder: Path) -> None:
    (folder / "jobs" / "broken.toml").write_text("title_zh = ")
    (folder / "古树.csv").write_text(ROWS)
    inbox = Inbox(store, folder)
    inbox.look()
    assert inbox.look() == ["old_tree"]


def test_the_same_file_is_not_loaded_again_by_another_worker(store: Store, folder: Path) -> None:
    (folder / "古树.csv").write_text(ROWS)
    for expected in (["old_tree"], []):
        inbox = Inbox(store, folder)
        inbox.look()
        assert inbox.look() == expected


def test_the_worker_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        worker(tmp_path / "nowhere")


def test_the_worker_loads_and_stops_when_told(store: Store, folder: Path) -> None:
    (folder / "古树.csv").write_text(ROWS)
    script = "import pathlib, sys, ioc.inbox; ioc.inbox.worker(pathlib.Path(sys.argv[1]), every=0.1)"
    environment = os.environ | {"IOC_DATABASE_URL": store.app_url, "IOC_OWNER_DATABASE_URL": store.owner_url}
    with subprocess.Popen(
        [sys.executable, "-c", script, folder], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ending = threading.Timer(60, process.kill)
        ending.start()
        published = any("published" in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        ending.cancel()
    assert published
    assert names(store) == {"银杏", "樟树"}
