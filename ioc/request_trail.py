"""What requests leave in the audit trail: refusals, and the restricted records and files they were given."""

import time
from dataclasses import dataclass, replace

import structlog
from psycopg import Error
from psycopg_pool import PoolTimeout
from starlette.requests import HTTPConnection

from geodata.audit import AuditEntry
from geodata.store import Store
from geodata.viewer import Viewer

log = structlog.get_logger(__name__)

QUIET_SECONDS = 60
KINDS_LIMIT = 1000


@dataclass
class _Kind:
    entry: AuditEntry
    since: float
    repeated: int = 0


class RequestTrail:
    """Writes what was disclosed before it is sent, and the first refusal of each kind.

    The same refusal from the same address within a minute is only counted: a page whose session has ended
    asks for many things at once, and who guesses tokens asks forever. The counts are written when their
    minute is over or the server ends.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kinds: dict[tuple[object, ...], _Kind] = {}

    async def note(self, connection: HTTPConnection, viewer: Viewer | None, status: int) -> None:
        """Take down that a request was refused; refused tiles are not."""
        path = connection.scope["path"]
        if path.startswith("/tiles/"):
            return
        address = connection.client.host if connection.client else None
        entry = AuditEntry(
            "refused",
            viewer.account_id if viewer else None,
            viewer.name if viewer else None,
            address,
            subject=path[:200],
            detail={"status": status, "method": connection.scope.get("method", "WEBSOCKET")},
        )
        kind = (address, entry.account_id, path.split("/")[1], status)
        known = self._kinds.get(kind)
        now = time.monotonic()
        if known is not None and now - known.since < QUIET_SECONDS:
            known.repeated += 1
            return
        await self._write_counts(now - QUIET_SECONDS if len(self._kinds) < KINDS_LIMIT else now)
        self._kinds[kind] = _Kind(entry, now)
        await self._write(entry)

    async def disclose(self, connection: HTTPConnection, viewer: Viewer, entries: list[AuditEntry]) -> None:
        """Write what the viewer is about to be given; raises when that cannot be written."""
        address = connection.client.host if connection.client else None
        who = {"account_id": viewer.account_id, "account_name": viewer.name, "address": address}
        await self._store.record_audit(*(replace(entry, **who) for entry in entries))

    async def close(self) -> None:
        """Write what was counted so far."""
        await self._write_counts(time.monotonic())

    async def _write_counts(self, until: float) -> None:
        over = [key for key, kind in self._kinds.items() if kind.since <= until]
        kinds = [self._kinds.pop(key) for key in over]
        counted = [
            replace(kind.entry, detail={**kind.entry.detail, "repeated": kind.repeated})
            for kind in kinds
            if kind.repeated
        ]
        if counted:
            await self._write(*counted)

    async def _write(self, *entries: AuditEntry) -> None:
        try:
            await self._store.record_audit(*entries)
        except (Error, PoolTimeout) as error:
            for entry in entries:
                log.error("audit entry could not be written", reason=str(error), **vars(entry))
