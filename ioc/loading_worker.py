"""The process that loads: `ioc etl worker`, and the one that `ioc up` keeps beside the web server."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import psycopg
import structlog
import typer
from procrastinate.exceptions import ConnectorException
from psycopg import OperationalError

from etl.fetch import Access
from etl.load_queue import RUN_CHANNEL, hand_out
from etl.load_worker import LoadWorker
from geodata.errors import UserError
from geodata.store import Store
from ioc.context import open_store
from ioc.feed_maintenance import maintain_store
from ioc.hand_in_record import remove_old, tokens_of_runs
from ioc.inbox import Inbox, known_jobs
from ioc.process_beside import RESTART_SECONDS, process_beside
from ioc.settings import Settings, read_settings
from ioc.source_access import source_access

log = structlog.get_logger(__name__)

TIDY_SECONDS = 3600.0
"""Between two times that old hand-ins are taken away."""


def worker(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder where departments' files arrive instead of IOC_INBOX.")
    ] = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks into it.")] = 5,
    stop_with_stdin: Annotated[
        bool, typer.Option(hidden=True, help="Stop when standard input ends.")
    ] = False,
) -> None:
    """Load what arrives in the inbox, what stewards hand in and what is scheduled, until stopped."""
    if folder is not None and not folder.is_dir():
        raise UserError(f"The inbox {folder} is not a folder: make it, or name another one.")
    settings = read_settings()
    inbox = folder or settings.inbox_folder
    inbox.mkdir(parents=True, exist_ok=True)
    access = source_access(settings)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    if stop_with_stdin:
        threading.Thread(target=_stop_with_stdin, args=(stopping,), daemon=True).start()
    with open_store(settings) as store:
        work = (store, inbox, access, stopping)
        threading.Thread(target=_work, args=work, name="loads", daemon=True).start()
        _watch(store, Inbox(store, inbox), settings, every, stopping)
    # A load in the middle is left as if the power had gone: nothing of it is seen, and it is begun again.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _stop_with_stdin(stopping: threading.Event) -> None:
    """The pipe from the process that started this one ends with it, however it ends."""
    sys.stdin.buffer.read()
    stopping.set()


def _work(store: Store, inbox: Path, access: Access, stopping: threading.Event) -> None:
    """Runs of the queue; begun again when the database went away."""
    load_worker = LoadWorker(store, inbox, lambda: known_jobs(inbox), access)
    try:
        while not stopping.wait(RESTART_SECONDS):
            try:
                asyncio.run(load_worker.work())
            except (ConnectorException, OperationalError) as error:
                log.error("worker: beginning again", reason=str(error).strip())
    finally:
        # Without this thread the process is of no use; whoever started it starts another.
        stopping.set()


def _watch(store: Store, inbox: Inbox, settings: Settings, every: float, stopping: threading.Event) -> None:
    """Hand out runs as they are asked for, look into the inbox, take old hand-ins and readings away."""
    log.info("worker: watching", inbox=str(inbox.folder))
    tidied = -TIDY_SECONDS
    while not stopping.is_set():
        try:
            with psycopg.connect(store.owner_url, autocommit=True) as told:
                told.execute(f"LISTEN {RUN_CHANNEL}")
                while not stopping.is_set():
                    if time.monotonic() >= tidied + TIDY_SECONDS:
                        _tidy(store, inbox)
                        maintain_store(store, settings)
                        tidied = time.monotonic()
                    inbox.look()
                    with store.owner_connection() as connection:
                        hand_out(connection)
                    _wait(told, every, stopping)
        except (OperationalError, OSError) as error:
            log.error("worker: looking again later", reason=str(error).strip())
            stopping.wait(RESTART_SECONDS)


def _tidy(store: Store, inbox: Inbox) -> None:
    with store.owner_connection() as connection:
        of_runs = tokens_of_runs(connection)
    remove_old(inbox.folder, of_runs)


def _wait(told: psycopg.Connection[Any], seconds: float, stopping: threading.Event) -> None:
    """Until a run is asked for, the time is over, or the process is to stop."""
    step = 0.2
    for _ in range(max(1, round(seconds / step))):
        if stopping.is_set() or any(True for _told in told.notifies(timeout=step, stop_after=1)):
            return


@contextmanager
def worker_beside(store: Store, settings: Settings) -> Iterator[None]:
    """A worker process for as long as the block lasts, started again when it dies."""
    environment = os.environ | {
        "IOC_DATABASE_URL": store.app_url,
        "IOC_OWNER_DATABASE_URL": store.owner_url,
        "IOC_INBOX": str(settings.inbox_folder),
    }
    command = [sys.executable, "-m", "ioc", "etl", "worker", "--stop-with-stdin"]
    with process_beside("worker", command, environment):
        yield
