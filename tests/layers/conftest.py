"""The made-up district at several sizes."""

from collections.abc import Iterator

import pytest

from ioc.embedded_postgis import EmbeddedPostgis
from tests.layers.district import District, filled

SMALL = {"component": 20_000, "pipe_segment": 4_000, "camera": 600, "place": 1_000}
FEW = {"component": 500, "pipe_segment": 50, "camera": 50, "place": 20}


@pytest.fixture(scope="session")
def district(postgis: EmbeddedPostgis, database_template: str) -> Iterator[District]:
    """The district, for tests that change nothing."""
    with filled(postgis, database_template, SMALL) as opened:
        yield opened


@pytest.fixture
def own_district(postgis: EmbeddedPostgis, database_template: str) -> Iterator[District]:
    """A district of the test's own, to be changed."""
    with filled(postgis, database_template, FEW) as opened:
        yield opened


@pytest.fixture(scope="session")
def full_district(postgis: EmbeddedPostgis, database_template: str) -> Iterator[District]:
    """The district at full size."""
    with filled(postgis, database_template, {}) as opened:
        yield opened
