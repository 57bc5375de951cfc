"""Reading for viewers at the rate of map tiles: pooled connections that keep the rights they last had.

Opening a viewer session for one short read costs as much as the read (a transaction and a resolution of
rights: 430 instead of 670 tiles a second). Here a connection keeps the rights of the viewer it last read
for, and is given others before it reads for a viewer whose rights differ in anything.
"""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg import AsyncConnection, OperationalError
from psycopg.sql import Composed
from psycopg_pool import AsyncConnectionPool

from geodata.viewer import Rights, Viewer

Statement = tuple[bytes | Composed, Sequence[Any] | Mapping[str, Any]]
Rows = list[tuple[Any, ...]]

TAKE_RIGHTS: LiteralString = """
    SELECT set_config('ioc.account_id', %s::text, false),
        set_config('ioc.whole_rights', (%s::integer[])::text, false),
        set_config('ioc.area_rights', (%s::text[])::text, false)
"""
SET_TIMEOUT: LiteralString = "SELECT set_config('statement_timeout', %s, false)"
STATEMENT_SECONDS = 30
PREPARED_STATEMENTS = 400


class ReadingConnection(AsyncConnection[tuple[Any, ...]]):
    """A connection that knows whose account and rights it holds; None until it holds any for certain."""

    held: tuple[int, Rights] | None = None

    async def take_rights(self, viewer: Viewer) -> None:
        """From now on see what ``viewer`` may see. Until the server has said so, hold no rights at all."""
        if self.held == (viewer.account_id, viewer.rights):
            return
        self.held = None
        await self.execute(
            TAKE_RIGHTS, [viewer.account_id, list(viewer.rights.whole), list(viewer.rights.area)]
        )
        self.held = (viewer.account_id, viewer.rights)


class ViewerPool:
    """Connections for short reads, each statement a transaction of its own."""

    def __init__(self, app_url: str, size: int) -> None:
        self._pool = AsyncConnectionPool(
            app_url,
            connection_class=ReadingConnection,
            kwargs={"autocommit": True},
            configure=self._configure,
            min_size=1,
            max_size=size,
            open=False,
        )

    @staticmethod
    async def _configure(connection: ReadingConnection) -> None:
        # Not as a connection option, which would displace those of the URL: one of them may be the role.
        await connection.execute(SET_TIMEOUT, [f"{STATEMENT_SECONDS}s"])
        connection.prepare_threshold = 0
        connection.prepared_max = PREPARED_STATEMENTS

    async def read(
        self, viewer: Viewer, statements: Sequence[Statement], *, prepared: bool = True
    ) -> list[Rows]:
        """Rows of each statement, as ``viewer`` may see them; several go to the server in one journey.

        ``prepared`` statements are planned once for all values, others for the values they have.
        A connection that the server closed while it lay idle is replaced and the statements read again.
        """
        await self._pool.open()
        try:
            return await self._read(viewer, statements, prepared)
        except OperationalError:
            await self._pool.check()
            return await self._read(viewer, statements, prepared)

    async def _read(self, viewer: Viewer, statements: Sequence[Statement], prepared: bool) -> list[Rows]:
        prepare = None if prepared else False
        async with self._pool.connection() as connection:
            await connection.take_rights(viewer)
            if len(statements) == 1:
                query, parameters = statements[0]
                cursor = await connection.execute(query, parameters, prepare=prepare)
                return [await cursor.fetchall()]
            async with connection.pipeline():
                cursors = [
                    await connection.execute(query, parameters, prepare=prepare)
                    for query, parameters in statements
                ]
                return [await cursor.fetchall() for cursor in cursors]

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()
