"""Fixtures shared by all tests: a private PostGIS cluster for the session."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ioc.embedded_postgis import EmbeddedPostgis

# A cluster that is thrown away needs no crash safety; that makes tests several times faster.
FLEETING = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "max_connections": "60",
}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder every account may pass: root's server runs as `postgres`, which pytest's own shuts out."""
    folder = Path(tempfile.mkdtemp(prefix="ioc-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgis() -> Iterator[EmbeddedPostgis]:
    """A private cluster for the whole test session; tests make their own databases in it."""
    folder = Path(tempfile.mkdtemp(prefix="ioc-test-"))
    folder.chmod(0o755)
    try:
        with EmbeddedPostgis(folder / "postgis", FLEETING).in_use() as cluster:
            yield cluster
    finally:
        shutil.rmtree(folder)
