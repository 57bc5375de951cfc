"""Brings the embedded PostGIS back when it has died under a running program."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from geodata.errors import UserError
from ioc.embedded_postgis import EmbeddedPostgis

log = structlog.get_logger(__name__)

CHECK_SECONDS = 2.0


@contextmanager
def kept_running(cluster: EmbeddedPostgis) -> Iterator[None]:
    """Start the server again whenever it is found dead, for as long as the block lasts."""
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(CHECK_SECONDS):
            if cluster.pid() is None:
                log.warning("embedded PostGIS died; starting it again", folder=str(cluster.folder))
                try:
                    cluster.start()
                except UserError as error:
                    log.error("embedded PostGIS does not start", reason=str(error))

    keeper = threading.Thread(target=keep, name="PostGIS keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
