"""Servers to be measured, as processes of their own, and somebody who may ask them."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.request import urlopen

from sqlalchemy import text

from geodata.errors import UserError
from geodata.store import Store
from ioc.accounts import issue_credential

START_SECONDS = 90
LABEL = "ioc bench"
LIFETIME = timedelta(hours=12)


@contextmanager
def credential(store: Store, kind: str) -> Iterator[str]:
    """A token or session of somebody who may see components; taken back at the end.

    Raises:
        UserError: there is no such account.
    """
    with store.owner_session() as session:
        account_id = session.scalar(
            text(
                "SELECT id FROM ioc.account WHERE active AND roles && ARRAY['admin', 'leader'] "
                "ORDER BY id LIMIT 1"
            )
        )
    if account_id is None:
        raise UserError("No account may see components: add one (ioc user add NAME --role leader).")
    with store.owner_connection() as connection:
        secret = issue_credential(connection, account_id, kind, LIFETIME, label=LABEL)
    try:
        yield secret
    finally:
        with store.owner_session() as session:
            session.execute(text("DELETE FROM ioc.credential WHERE label = :label"), {"label": LABEL})


@contextmanager
def serving(command: list[str], environment: dict[str, str], probe: str) -> Iterator[int]:
    """A server process on a free port, ready to answer; ended with the block.

    Raises:
        UserError: it ends by itself, or is not ready in time.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen([*command, str(port)], env={**os.environ, **environment})
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(f"http://127.0.0.1:{port}{probe}"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise UserError(f"The server to be measured did not start: {' '.join(command)}.")
            time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
