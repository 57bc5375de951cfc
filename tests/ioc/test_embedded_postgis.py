"""The private cluster: made, started, shared, stopped, killed and found in the way."""

import os
import signal
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from geodata.errors import UserError
from ioc import embedded_postgis, postgres_binaries, postgres_folder
from ioc.embedded_postgis import OWNER_ROLE, EmbeddedPostgis
from ioc.postgres_binaries import PostgresBinaries, find_binaries, find_client, reason_in
from ioc.postgres_tuning import MB, tuned_settings

SMALL = {"shared_buffers": "32MB", "max_connections": "20"}


@pytest.fixture
def cluster(open_folder: Path) -> Iterator[EmbeddedPostgis]:
    """A cluster of the test's own, durable as in use, not yet made."""
    made = EmbeddedPostgis(open_folder / "postgis", SMALL)
    yield made
    made.stop()


def one(cluster: EmbeddedPostgis, query: str) -> object:
    with psycopg.connect(cluster.owner_conninfo) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_created_started_and_stopped(cluster: EmbeddedPostgis) -> None:
    assert not cluster.status().created
    assert cluster.start()
    assert cluster.status().running
    assert one(cluster, "SELECT current_database()") == "ioc"
    assert one(cluster, "SHOW server_encoding") == "UTF8"
    assert one(cluster, "SHOW fsync") == "on"
    assert one(cluster, "SHOW shared_buffers") == "32MB"
    assert cluster.stop()
    assert not cluster.status().running
    assert not cluster.stop()


def test_listens_on_a_private_socket_only(cluster: EmbeddedPostgis) -> None:
    cluster.start()
    assert one(cluster, "SHOW listen_addresses") == ""
    assert cluster.socket_folder.stat().st_mode & 0o077 == 0
    assert cluster.folder.stat().st_mode & 0o077 == 0
    assert cluster.socket_folder.stat().st_uid == cluster.account.uid != 0


def test_chinese_sorts_by_code_point_and_is_made_of_letters(cluster: EmbeddedPostgis) -> None:
    cluster.start()
    with psycopg.connect(cluster.owner_conninfo) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        row = connection.execute("SELECT cardinality(show_trgm('武汉大学')), 'Z' < 'a'").fetchone()
    assert row == (5, True)


def test_committed_rows_survive_a_kill_in_the_middle_of_writing(cluster: EmbeddedPostgis) -> None:
    cluster.start()
    with psycopg.connect(cluster.owner_conninfo) as connection:
        connection.execute("CREATE TABLE reading (n int)")
    committed: list[int] = []
    enough = threading.Event()

    def write() -> None:
        with psycopg.connect(cluster.owner_conninfo, autocommit=True) as connection:
            for n in range(1_000_000):
                connection.execute("INSERT INTO reading VALUES (%s)", [n])
                committed.append(n)
                if n == 300:
                    enough.set()

    def write_until_killed() -> None:
        with pytest.raises(psycopg.OperationalError):
            write()

    writer = threading.Thread(target=write_until_killed)
    writer.start()
    assert enough.wait(60)
    pid = cluster.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert cluster.start()
    writer.join(60)
    assert not writer.is_alive()
    with psycopg.connect(cluster.owner_conninfo) as connection:
        found = {row[0] for row in connection.execute("SELECT n FROM reading")}
    assert set(committed) <= found


def test_a_second_user_shares_the_server_and_the_last_one_stops_it(cluster: EmbeddedPostgis) -> None:
    second = EmbeddedPostgis(cluster.asked_folder, SMALL)
    with second.in_use():
        pid = second.pid()
        with cluster.in_use():
            assert cluster.pid() == pid
            assert not cluster.start()
        assert second.pid() == pid
        assert one(second, "SELECT 1") == 1
    assert second.pid() is None


def test_a_server_that_was_told_to_stay_stays(cluster: EmbeddedPostgis) -> None:
    cluster.start(stay=True)
    with cluster.in_use():
        pass
    assert cluster.status().running
    assert cluster.status().stays
    cluster.stop()
    with cluster.in_use():
        pass
    assert not cluster.status().running


def test_the_server_outlives_a_killed_user_and_serves_the_next(cluster: EmbeddedPostgis) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from ioc.embedded_postgis import EmbeddedPostgis\n"
        "with EmbeddedPostgis(Path(sys.argv[1])).in_use(): os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(cluster.asked_folder)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert cluster.status().running
    with cluster.in_use():
        assert one(cluster, "SELECT 1") == 1
    assert not cluster.status().running


def test_a_path_too_long_for_a_socket_works(open_folder: Path) -> None:
    cluster = EmbeddedPostgis(open_folder / ("很长的路径" * 10) / "postgis", SMALL)
    cluster.start()
    try:
        assert one(cluster, "SELECT 1") == 1
        assert len(os.fsencode(cluster.socket_folder)) < 60
        assert cluster.socket_folder.stat().st_mode & 0o077 == 0
    finally:
        sockets = cluster.socket_folder
        cluster.stop()
        sockets.rmdir()


def test_a_planted_socket_folder_is_refused(cluster: EmbeddedPostgis) -> None:
    cluster.start()
    cluster.stop()
    cluster.socket_folder.chmod(0o777)
    with pytest.raises(UserError, match="open to other accounts"):
        cluster.start()


def test_a_folder_with_something_else_is_refused_and_left_alone(cluster: EmbeddedPostgis) -> None:
    cluster.folder.mkdir()
    precious = cluster.folder / "thesis.doc"
    precious.write_text("years of work")
    with pytest.raises(UserError, match=r"holds 'thesis.doc' and no PostGIS cluster"):
        cluster.start()
    assert precious.read_text() == "years of work"


def test_half_a_cluster_from_a_crash_is_made_anew(cluster: EmbeddedPostgis) -> None:
    (cluster.folder / "data.new").mkdir(parents=True)
    (cluster.folder / "data.new" / "PG_VERSION").write_text("15\n")
    cluster.start()
    assert one(cluster, "SELECT 1") == 1


def test_another_version_of_postgresql_is_refused(cluster: EmbeddedPostgis) -> None:
    cluster.start()
    cluster.stop()
    (cluster.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(
        UserError, match=r"made by PostgreSQL 9 but this machine has .*postgresql-9-postgis-3"
    ):
        EmbeddedPostgis(cluster.asked_folder).start()
    (cluster.data / "PG_VERSION").write_text(f"{cluster.binaries.major}\n")


def test_a_pid_file_whose_number_is_now_another_program_is_no_hindrance(cluster: EmbeddedPostgis) -> None:
    cluster.start()
    pid = cluster.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    file = cluster.data / "postmaster.pid"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert cluster.start()
    assert one(cluster, "SELECT 1") == 1


def test_another_process_in_the_data_directory_is_named(
    cluster: EmbeddedPostgis, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.start()
    cluster.stop()
    monkeypatch.setattr(embedded_postgis, "ORPHAN_SECONDS", 0)
    with subprocess.Popen(["sleep", "600"], cwd=cluster.data) as other:
        try:
            with pytest.raises(UserError, match=rf"Another process \(id {other.pid}\) holds"):
                cluster.start()
        finally:
            other.kill()
    assert cluster.start()


def test_one_process_at_a_time_changes_the_cluster(
    cluster: EmbeddedPostgis, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.start()
    monkeypatch.setattr(postgres_folder, "LOCK_SECONDS", 0)
    with (
        postgres_folder.only_one(cluster.folder),
        pytest.raises(UserError, match=rf"Another process \(id {os.getpid()}\) has been starting"),
    ):
        cluster.stop()


def test_too_little_space_is_said_before_anything_is_written(
    cluster: EmbeddedPostgis, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(embedded_postgis.shutil, "disk_usage", lambda _: usage(1000 * MB, 880 * MB, 120 * MB))
    with pytest.raises(UserError, match="Only 120 MB are free"):
        cluster.start()
    assert not cluster.data.exists()


def test_a_missing_extension_names_the_package_and_leaves_no_server(
    cluster: EmbeddedPostgis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_postgis, "EXTENSIONS", ("postgis", "teleport"))
    with pytest.raises(
        UserError, match=r"no extension teleport: .*apt-get install -y postgresql-\d+-postgis-3"
    ):
        cluster.start()
    assert not cluster.status().running


def test_missing_binaries_name_the_command() -> None:
    with pytest.raises(UserError, match=r"apt-get install -y postgresql postgis"):
        find_binaries(folders=[])


def test_a_server_that_cannot_start_says_why(open_folder: Path) -> None:
    cluster = EmbeddedPostgis(open_folder / "postgis", {"shared_buffers": "nonsense"})
    with pytest.raises(UserError, match=r"did not start: .*Its log is"):
        cluster.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another account")
def test_root_behind_a_closed_folder_gets_a_reachable_place(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_folder, "REACHABLE_FOLDER", open_folder / "var" / "ioc")
    home = open_folder / "root"
    home.mkdir(mode=0o700)
    cluster = EmbeddedPostgis(home / "postgis", SMALL)
    with cluster.in_use():
        assert one(cluster, "SELECT 1") == 1
        assert cluster.folder.is_relative_to(open_folder / "var" / "ioc")
    assert (home / "postgis").resolve() == cluster.folder
    assert EmbeddedPostgis(home / "postgis").status().created


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_the_cluster_of_another_account_is_refused_in_words(cluster: EmbeddedPostgis) -> None:
    cluster.start()
    script = (
        "import os, sys; from pathlib import Path; from geodata.errors import UserError\n"
        "from ioc.embedded_postgis import EmbeddedPostgis\n"
        "os.setgid(65534); os.setuid(65534); os.environ['LOGNAME'] = 'nobody'\n"
        "try: EmbeddedPostgis(Path(sys.argv[1])).start()\n"
        "except UserError as error: print(error)"
    )
    for place in (cluster.asked_folder, cluster.asked_folder / "inside"):
        done = subprocess.run(
            [sys.executable, "-c", script, place], capture_output=True, text=True, check=True
        )
        assert "belongs to another account" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become postgres")
def test_root_without_the_account_postgres_is_told(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(postgres_binaries.pwd, "getpwnam", unknown)
    with pytest.raises(UserError, match="refuses to run as root"):
        postgres_binaries.server_account(open_folder / "new")


def test_urls_name_role_database_and_socket(cluster: EmbeddedPostgis) -> None:
    cluster.start()
    for text in (
        cluster.url(OWNER_ROLE, "postgres").replace("+psycopg", ""),
        cluster.conninfo(OWNER_ROLE, "postgres"),
    ):
        with psycopg.connect(text) as connection:
            assert connection.info.dbname == "postgres"
            assert connection.info.user == OWNER_ROLE


@pytest.mark.parametrize("memory", [256 * MB, 2048 * MB, 24_000 * MB, 512_000 * MB])
def test_memory_settings_stay_within_the_machine(memory: int) -> None:
    settings = tuned_settings(memory, free_disk=2000 * MB, shared_memory_disk=64 * MB)
    sizes = {name: int(value[:-2]) * MB for name, value in settings.items() if value.endswith("MB")}
    assert sizes["shared_buffers"] <= max(memory // 2, 128 * MB)
    assert sizes["shared_buffers"] <= 4096 * MB
    assert sizes["max_wal_size"] <= 250 * MB
    assert settings["jit"] == "off"
    assert "fsync" not in settings
    assert settings["dynamic_shared_memory_type"] == "mmap"


def test_reasons_are_found_in_the_log() -> None:
    log = "2026-01-01 [1]  LOG:  starting\n2026-01-01 [1]  FATAL:  could not write: No space left on device\n"
    assert reason_in(log) == "the disk is full (could not write: No space left on device); make room first"
    assert reason_in("") == ""


def test_the_newest_server_and_the_nearest_client_are_taken(tmp_path: Path) -> None:
    folders = []
    for version in ("14.1", "16.3"):
        folder = tmp_path / version
        folder.mkdir()
        program = folder / "pg_dump"
        program.write_text(f'#!/bin/sh\necho "pg_dump (PostgreSQL) {version}"\n')
        program.chmod(0o755)
        folders.append(folder)
    newest_first = list(reversed(folders))
    assert find_binaries(folders=newest_first).version == "16.3"
    assert find_binaries(14, folders=newest_first).version == "14.1"
    assert PostgresBinaries(folders[0]).major == 14
    assert find_client(14, folders=newest_first).version == "14.1"
    assert find_client(15, folders=newest_first).version == "16.3"
    with pytest.raises(UserError, match="postgresql-client-17"):
        find_client(17, folders=newest_first)


def test_a_setting_is_taken_only_where_the_server_knows_its_value(cluster: EmbeddedPostgis) -> None:
    cluster.start()
    takes = cluster.binaries.takes_setting
    assert takes("wal_compression", "on", cluster.data, cluster.account)
    assert not takes("wal_compression", "brotli", cluster.data, cluster.account)
