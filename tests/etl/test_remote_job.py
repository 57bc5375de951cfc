"""Jobs that read from databases and services, through the whole load: what is new, gone, or unanswered."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from etl.delivery import SourceUnansweredError
from etl.fetch import Access, Credential
from etl.job import Job
from etl.load_queue import request_load
from etl.load_worker import LoadWorker
from etl.run import run_job
from geodata.store import Store
from tests.etl.deliveries import facility_job, load_areas, rows_of, write_list
from tests.etl.test_fetch import Answer, FakeService, Waits, mariadb, ogc_answer

__all__ = ["mariadb"]

MARKED = 'deletions = { column = "gone", values = ["true", "True", "1"] }'
LISTED = 'deletions = { keys = "all.csv", column = "编号" }'
INCREMENTAL = '[load]\nmode = "incremental"\n'


def database_job(folder: Path, kind: str, deletions: str = MARKED) -> Job:
    where = "public.well" if kind == "postgresql" else "well"
    source = (
        f'format = "{kind}"\ntable = "{where}"\nkey = "changed"\ncredential = "wells"\n'
        'x = "lon"\ny = "lat"\ncrs = "CGCS2000"'
    )
    return facility_job(folder, "", source, checks=INCREMENTAL + deletions, code="well")


TABLE = (
    "CREATE TABLE well (编号 varchar(20) PRIMARY KEY, 名称 varchar(20), lon float8, lat float8, "
    "gone {boolean}, changed {time})"
)
FIRST = (
    "INSERT INTO well VALUES ('A1', '一号', 114.305, 30.505, {no}, '2026-01-01 08:01:00'), "
    "('A2', '二号', 114.315, 30.505, {no}, '2026-01-01 08:02:00'), "
    "('A3', '三号', 114.315, 30.515, {no}, '2026-01-01 08:03:00')"
)
CHANGES = (
    "UPDATE well SET 名称 = '贰号', changed = '2026-01-01 08:04:00' WHERE 编号 = 'A2'",
    "UPDATE well SET gone = {yes}, changed = '2026-01-01 08:05:00' WHERE 编号 = 'A1'",
    "INSERT INTO well VALUES ('A4', '四号', 114.305, 30.515, {no}, '2026-01-01 08:05:00')",
)
WORDS = {
    "postgresql": {"boolean": "boolean", "time": "timestamptz", "yes": "true", "no": "false"},
    "mysql": {"boolean": "bool", "time": "datetime", "yes": "1", "no": "0", "float8": "double"},
}


class Department:
    """A department's own database."""

    def __init__(self, connection: Any, words: dict[str, str]) -> None:
        self.connection, self.words = connection, words

    def does(self, *statements: str) -> None:
        cursor = self.connection.cursor()
        for statement in statements:
            cursor.execute(statement.format(**self.words))
        self.connection.commit()


def connected(kind: str, store: Store, mariadb: str) -> tuple[Any, str]:
    """A connection to an empty database of a department, and its address."""
    if kind == "postgresql":
        return psycopg.connect(store.owner_url, options="-c search_path=public"), store.owner_url
    socket = mariadb.rpartition("=")[2]
    connection = pymysql.connect(unix_socket=socket, user="root", charset="utf8mb4")
    connection.cursor().execute("CREATE OR REPLACE DATABASE wells CHARACTER SET utf8mb4")
    connection.select_db("wells")
    return connection, f"mysql://root@localhost/wells?unix_socket={socket}"


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_only_what_is_new_in_a_department_s_table_is_read(
    store: Store, mariadb: str, tmp_path: Path, kind: str
) -> None:
    load_areas(store, tmp_path)
    connection, address = connected(kind, store, mariadb)
    access = Access(tmp_path / "fetched", {"wells": Credential(url=address)}, Waits())
    job = database_job(tmp_path, kind)
    with connection:
        department = Department(connection, WORDS[kind])
        department.does(TABLE, FIRST)
        first = run_job(store, job, tmp_path, access=access)
        assert (first.rows_read, first.rows_loaded, first.published) == (3, 3, True)
        versions = rows_of(store, "SELECT id, watermark FROM ioc.dataset_version ORDER BY id")
        nothing = run_job(store, job, tmp_path, access=access)
        assert (nothing.unchanged, nothing.published, nothing.version_id) == (True, False, None)
        assert rows_of(store, "SELECT id, watermark FROM ioc.dataset_version ORDER BY id") == versions
        department.does(*CHANGES)
        # The row at the end of the last reading is read once more: another of the same second may be new.
        second = run_job(store, job, tmp_path, access=access)
        assert (second.rows_read, second.rows_loaded, second.rows_removed) == (4, 3, 1)
        found = rows_of(store, "SELECT code, name FROM ioc.facility ORDER BY code")
        assert found == [("A2", "贰号"), ("A3", "三号"), ("A4", "四号")]
        assert run_job(store, job, tmp_path, access=access).unchanged
        # Another job reads all again: what was read before was made by other words.
        listed = database_job(tmp_path, kind, LISTED)
        write_list(tmp_path, ["A2", "A3", "A4"], "编号", "all.csv")
        department.does("DELETE FROM well WHERE 编号 = 'A1'")
        assert run_job(store, listed, tmp_path, access=access).rows_read == 3
        write_list(tmp_path, ["A2", "A3"], "编号", "all.csv")
        department.does("DELETE FROM well WHERE 编号 = 'A4'")
        run_job(store, listed, tmp_path, access=access)
        assert rows_of(store, "SELECT code FROM ioc.facility ORDER BY code") == [("A2",), ("A3",)]


def service_job(folder: Path, address: str) -> Job:
    source = f'format = "ogc_api"\nurl = "{address}/collections/井"\npage_size = 3\ncredential = "wells"'
    return facility_job(folder, "", source, code="well")


def wells_of(address: str, path: str, query: dict[str, str]) -> Answer:
    status, body, headers = ogc_answer(lambda: address)(path, query)
    for one in body["features"]:
        one["properties"]["名称"] = f"井{one['id']}"
        one["geometry"]["coordinates"] = [114.305 + one["id"] / 1_000, 30.505]
    return status, body, headers


def test_a_load_killed_while_it_fetches_goes_on_where_it_was(store: Store, tmp_path: Path) -> None:
    load_areas(store, tmp_path)
    running: list[subprocess.Popen[bytes]] = []

    def answer(path: str, query: dict[str, str]) -> Answer:
        if running and query.get("offset") == "6":
            running.pop().send_signal(signal.SIGKILL)
        return wells_of(service.address, path, query)

    service = FakeService(answer)
    credentials = tmp_path / "credentials.toml"
    credentials.write_text('[wells]\ntoken = "secret"\n')
    with service.running():
        job = service_job(tmp_path, service.address)
        environment = os.environ | {
            "IOC_DATABASE_URL": store.app_url,
            "IOC_OWNER_DATABASE_URL": store.owner_url,
            "IOC_DATA_DIR": str(tmp_path / "data"),
            "IOC_CREDENTIALS": str(credentials),
        }
        command = [sys.executable, "-m", "ioc", "etl", "run", str(tmp_path / "well.toml")]
        process = subprocess.Popen(command, env=environment)
        running.append(process)
        assert process.wait() == -signal.SIGKILL
        assert rows_of(store, "SELECT code FROM ioc.facility") == []
        service.asked.clear()
        access = Access(tmp_path / "data" / "fetched", {"wells": Credential(token="secret")}, Waits())
        report = run_job(store, job, tmp_path, access=access)
        assert [query.get("offset") for query in service.asked] == [None, "6"]
        assert (report.rows_loaded, report.published) == (7, True)
        assert run_job(store, job, tmp_path, access=access).unchanged


def test_the_queue_s_runs_sign_in_and_wait_for_a_service_that_is_away(store: Store, tmp_path: Path) -> None:
    load_areas(store, tmp_path)
    away = True

    def answer(path: str, query: dict[str, str]) -> Answer:
        return (503, {}, {}) if away else wells_of(service.address, path, query)

    service = FakeService(answer)
    with service.running():
        job = service_job(tmp_path, service.address)
        access = Access(tmp_path / "fetched", {"wells": Credential(token="secret")}, Waits())
        worker = LoadWorker(store, tmp_path, lambda: [job], access)
        with store.owner_connection() as connection:
            run_id = request_load(connection, "well", ".", "schedule")
        asyncio.run(worker.work(wait=False))
        [(state, message)] = rows_of(store, "SELECT state, message FROM ioc.load_run WHERE id = %s", run_id)
        assert state == "waiting"
        assert "does not answer after 6 attempts" in message
        away = False
        worker.do(run_id)
    assert rows_of(store, "SELECT state FROM ioc.load_run WHERE id = %s", run_id) == [("published",)]
    assert rows_of(store, "SELECT count(*) FROM ioc.facility") == [(7,)]


def test_a_database_that_is_away_is_to_be_tried_again(store: Store, tmp_path: Path) -> None:
    for kind, address in (
        ("postgresql", "postgresql://a@127.0.0.1:9/b"),
        ("mysql", "mysql://a@127.0.0.1:9/b"),
    ):
        access = Access(tmp_path / "fetched", {"wells": Credential(url=address)}, Waits())
        with pytest.raises(SourceUnansweredError, match="cannot be read") as refused:
            run_job(store, database_job(tmp_path, kind), tmp_path, access=access)
        assert "\n" not in str(refused.value)
