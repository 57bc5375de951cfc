"""What is published, kept current by the store's notices, so that what is cached is never stale."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, LiteralString

import structlog
from psycopg import AsyncConnection, OperationalError
from psycopg.rows import class_row

from geodata.errors import UserError
from geodata.leakproof import ARE_LEAKPROOF, SIGNATURES

log = structlog.get_logger(__name__)

PUBLISHED: LiteralString = """
    SELECT p.*, d.name_zh AS department_zh, d.name_en AS department_en, r.revision
    FROM ioc.published_datasets() p
    JOIN ioc.department d ON d.code = p.department_code
    JOIN ioc.dataset_revisions() r ON r.id = p.id
"""
HISTORY: LiteralString = "SELECT * FROM ioc.dataset_history()"
LIVE_TARGETS = frozenset({"case_file"})
"""Tables whose rows change without being published anew."""
LIVE_KEPT_SECONDS = 60
"""How long what was made of such a table is taken for true."""
HEARTBEAT_SECONDS = 5.0
RETRY_SECONDS = 1.0
START_SECONDS = 20.0


def current_minute() -> int:
    """The number of the span of ``LIVE_KEPT_SECONDS`` that is running."""
    return int(time.time()) // LIVE_KEPT_SECONDS


@dataclass(frozen=True)
class PublishedDataset:
    """A dataset and its published version. ``dimensions`` is known of departmental features only."""

    id: int
    code: str
    title_zh: str
    title_en: str
    department_code: str
    department_zh: str
    department_en: str
    target: str
    sensitivity: int
    synthetic: bool
    fields: list[dict[str, Any]]
    source_note: str | None
    version_id: int
    published_at: datetime | None
    rows_loaded: int
    extent: list[float] | None
    dimensions: list[int] | None
    revision: int

    @property
    def version_key(self) -> str:
        """Tells these rows from all others: this publication, and the edits by hand accepted until now.

        Of a table whose rows change all the time it tells no more than that; ``rows_key`` does.
        """
        return f"{self.id}.{self.version_id}.{self.published_at}.{self.revision}"

    @property
    def rows_key(self) -> str:
        """As ``version_key``, and of a live table another one from minute to minute."""
        return f"{self.version_key}.{current_minute()}" if self.is_live else self.version_key

    @property
    def is_live(self) -> bool:
        """Whether its rows change without being published anew."""
        return self.target in LIVE_TARGETS


@dataclass(frozen=True)
class Publication:
    """That a version of a dataset was published at some time.

    ``kept`` is false once retention has removed its rows. ``missing`` names columns of today's table that the
    version's own does not have.
    """

    dataset_id: int
    version_id: int
    published_at: datetime
    last_published_at: datetime
    loaded_at: datetime
    kept: bool
    rows_loaded: int
    extent: list[float] | None
    missing: list[str]


@dataclass(frozen=True)
class Snapshot:
    """Every published dataset at one moment, and every publication before it.

    ``policies_use_indexes``: row-level security lets queries use spatial and trigram indexes.
    """

    datasets: tuple[PublishedDataset, ...] = ()
    number: int = field(default=0)
    publications: tuple[Publication, ...] = ()
    policies_use_indexes: bool = True

    @cached_property
    def history(self) -> dict[int, tuple[Publication, ...]]:
        """Publications by dataset, the first one first."""
        found: dict[int, tuple[Publication, ...]] = {}
        for publication in self.publications:
            found[publication.dataset_id] = (*found.get(publication.dataset_id, ()), publication)
        return found

    @cached_property
    def by_target(self) -> dict[str, tuple[PublishedDataset, ...]]:
        """Datasets by the table they are in."""
        found: dict[str, tuple[PublishedDataset, ...]] = {}
        for dataset in self.datasets:
            found[dataset.target] = (*found.get(dataset.target, ()), dataset)
        return found


class DatasetWatch:
    """Listens to the store on one connection of its own, and reconnects when that breaks.

    ``is_watched`` is false from the moment a break is noticed until the new connection has read anew what is
    published: whoever caches must then neither use nor fill the cache.

    Args:
        app_url: how the web reaches the store.
        on_rights_changed: called when any viewer's rights may have changed, a new dataset included.
    """

    def __init__(self, app_url: str, on_rights_changed: Callable[[], None] = lambda: None) -> None:
        self._app_url = app_url
        self._on_rights_changed = on_rights_changed
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self.snapshot = Snapshot()

    def is_watched(self) -> bool:
        """Whether every change is being heard of."""
        return self._ready.is_set()

    async def start(self) -> None:
        """Begin to listen; returns when what is published is known.

        Raises:
            UserError: the store cannot be reached.
        """
        self._task = asyncio.create_task(self._watch(), name="dataset watch")
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready.wait()
        except TimeoutError as error:
            await self.stop()
            raise UserError(
                "The database does not answer; see that it runs (ioc db status) and start again."
            ) from error

    async def stop(self) -> None:
        """Stop listening."""
        self._ready.clear()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _watch(self) -> None:
        while True:
            try:
                await self._listen()
            except (OperationalError, TimeoutError) as error:
                log.warning("lost touch with the store; caches are not used", reason=str(error))
            finally:
                self._ready.clear()
                self._on_rights_changed()
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        connection = await AsyncConnection.connect(self._app_url, autocommit=True)
        async with connection:
            await connection.execute("LISTEN ioc_dataset")
            await connection.execute("LISTEN ioc_rights")
            await self._take_snapshot(connection)
            self._on_rights_changed()
            self._ready.set()
            while True:
                channels = set()
                async for notice in connection.notifies(timeout=HEARTBEAT_SECONDS, stop_after=1):
                    channels.add(notice.channel)
                # Rights name datasets, so a new dataset changes them as well.
                if channels:
                    self._on_rights_changed()
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    if "ioc_dataset" in channels:
                        await self._take_snapshot(connection)
                        self._on_rights_changed()
                    elif not channels:
                        await connection.execute("SELECT 1")

    async def _take_snapshot(self, connection: AsyncConnection[Any]) -> None:
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            datasets = await connection.cursor(row_factory=class_row(PublishedDataset)).execute(PUBLISHED)
            publications = await connection.cursor(row_factory=class_row(Publication)).execute(HISTORY)
            leakproof = await connection.execute(ARE_LEAKPROOF, [SIGNATURES])
            self.snapshot = Snapshot(
                tuple(await datasets.fetchall()),
                self.snapshot.number + 1,
                tuple(await publications.fetchall()),
                await leakproof.fetchone() == (True,),
            )
