"""The same job on a Dask cluster gives the same result, a worker lost in the middle included."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

from etl import run
from etl.cluster import ClusterError
from etl.dataset_history import quarantined_rows
from etl.run import LoadOptions, run_job
from geodata.store import Store
from tests.etl.deliveries import degrees_job, load, load_areas, rows_of, write_list


def result(store: Store) -> tuple:
    return (
        rows_of(
            store, "SELECT code, id, source_row, area_code, warnings, name FROM ioc.facility ORDER BY id"
        ),
        rows_of(store, "SELECT code, id, title, pinyin FROM ioc.search_entry ORDER BY id"),
        sorted(
            (q.source_row, q.rule, q.reason_zh, str(q.raw))
            for q in quarantined_rows(store, "facility_test")
        ),
    )  # fmt: skip


def test_two_workers_give_the_same_even_when_one_dies(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_areas(store, tmp_path)
    rows = [f"A{n % 190},第{n}处,114.3{n % 20:02d},30.5{n % 20:02d},甲,{n}" for n in range(200)]
    write_list(tmp_path, rows, "编号,名称,经度,纬度,类别,容量")
    job = degrees_job(tmp_path, checks='[[checks]]\nrule = "inside_district"\n')
    here = load(store, job, tmp_path)
    expected = result(store)
    monkeypatch.setattr(run, "CHUNK_ROWS", 10)
    killed = []
    local: Any = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    with local as cluster:

        def kill(phase: str, done: int, _total: int) -> None:
            if phase == "load" and done and not killed:
                killed.append(cluster.workers[0].process.pid)
                os.kill(killed[0], signal.SIGKILL)

        options = LoadOptions(force=True, scheduler=cluster.scheduler_address)
        there = run_job(store, job, tmp_path, kill, options)
    assert killed
    assert result(store) == expected
    counts = ("rows_read", "rows_loaded", "rows_refused", "rows_flagged", "refused_by_rule")
    assert [getattr(there, name) for name in counts] == [getattr(here, name) for name in counts]


def test_no_scheduler_is_said_in_one_sentence(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.cluster.CONNECT_SECONDS", 1)
    write_list(tmp_path, ["A1,一号,114.305,30.505"])
    options = LoadOptions(scheduler="tcp://127.0.0.1:1")
    with pytest.raises(ClusterError, match="does not answer"):
        run_job(store, degrees_job(tmp_path), tmp_path, options=options)


def test_without_distributed_the_part_to_install_is_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None in sys.modules makes the import fail as on a machine where it is not installed.
    monkeypatch.setitem(sys.modules, "distributed", None)
    write_list(tmp_path, ["A1,一号,114.305,30.505"])
    options = LoadOptions(scheduler="tcp://127.0.0.1:1")
    with pytest.raises(ClusterError, match=r"pip install 'ioc\[cluster\]'"):
        run_job(store, degrees_job(tmp_path), tmp_path, options=options)
