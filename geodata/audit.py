"""The audit trail: what is written to it, and in whose name changes of accounts and rights are made.

Changes of accounts, rights, sessions and tokens are written by the store itself, by whatever way they come.
The program writes what the store cannot see: sign-ins, refusals, views of restricted records, exports.
"""

import json
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, LiteralString

from psycopg import Connection
from sqlalchemy.orm import Session

RECORD_SQL: LiteralString = "SELECT ioc.record_audit(%s::jsonb)"
ACT_AS_SQL: LiteralString = (
    "SELECT set_config('ioc.actor', %s, true), set_config('ioc.address', %s::text, true)"
)
RESTRICTED = 3
"""The sensitivity from which on looking at a record is written down."""


@dataclass(frozen=True)
class AuditEntry:
    """One thing that somebody did. ``account_name`` is the name given where there is no account."""

    action: str
    account_id: int | None = None
    account_name: str | None = None
    address: str | None = None
    layer: str | None = None
    subject: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


disclosures: ContextVar[list[AuditEntry] | None] = ContextVar("disclosures", default=None)
"""What the request at hand is about to show or hand out; written before its answer is sent."""


def entries_json(entries: tuple[AuditEntry, ...]) -> str:
    """The entries as ``ioc.record_audit`` takes them."""
    return json.dumps([vars(entry) for entry in entries], ensure_ascii=False)


def record(connection: Connection[Any], *entries: AuditEntry) -> None:
    """Append to the trail in the connection's transaction."""
    connection.execute(RECORD_SQL, [entries_json(entries)])


def act_as(session: Session | Connection[Any], actor: str | None, address: str | None = None) -> None:
    """State who makes the changes of this transaction; without an ``actor`` it is the viewer."""
    parameters = (actor or "", address or "")
    if isinstance(session, Session):
        session.connection().exec_driver_sql(ACT_AS_SQL, parameters)
    else:
        session.execute(ACT_AS_SQL, parameters)
