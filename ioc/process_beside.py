"""A process that runs beside this one and is started again when it dies."""

import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog

from ioc.postgres_binaries import Account

log = structlog.get_logger(__name__)

RESTART_SECONDS = 1.0


def run_as(account: Account | None) -> tuple[int | None, int | None, list[int] | None]:
    """User, group and further groups as `subprocess` takes them for a command that an account runs."""
    return (account.uid, account.gid, []) if account and account.is_other else (None, None, None)


@contextmanager
def process_beside(
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    account: Account | None = None,
) -> Iterator[None]:
    """Run a command for as long as the block lasts; its standard input ends with this process.

    Args:
        environment: all of it; default: that of this process.
        account: whose process it is; default: this one's. Another one than that takes root.
    """
    ended = threading.Event()
    user, group, others = run_as(account)
    running: list[subprocess.Popen[bytes]] = []

    def keep() -> None:
        while not ended.is_set():
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                user=user,
                group=group,
                extra_groups=others,
            )
            running[:] = [process]
            if ended.is_set():
                process.terminate()
            process.wait()
            if not ended.wait(RESTART_SECONDS):
                log.warning(f"{name} died; starting it again", code=process.returncode)

    keeper = threading.Thread(target=keep, name=f"{name} keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        for process in running:
            process.terminate()
        keeper.join()
