"""Where the owner may not declare operators leakproof: the same rows for everybody, and the indexes used."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import Connection, errors

from geodata.leakproof import SIGNATURES
from geodata.store import APP_ROLE
from geodata.viewer_pool import TAKE_RIGHTS, Statement
from ioc.embedded_postgis import EmbeddedPostgis
from layers.catalogue import Catalogue
from layers.dataset_watch import Snapshot
from layers.search import _names
from layers.tile_sql import TileAddress, tile_parameters, tile_statement
from tests.layers.district import Conversation, District, filled, tile_at
from tests.layers.district_rows import ACCOUNTS

PLACE = (114.345, 30.5565)
COUNTS = {"component": 6_000, "pipe_segment": 1_500, "camera": 400, "place": 300}
SQUARE = {
    "type": "Polygon",
    "coordinates": [[[114.34, 30.55], [114.35, 30.55], [114.35, 30.56], [114.34, 30.56], [114.34, 30.55]]],
}
TILE = "/".join(map(str, tile_at(*PLACE, 14)))
GETS = (
    f"/tiles/component,pipe_segment,camera/14/{TILE}.mvt",
    f"/identify?lon={PLACE[0]}&lat={PLACE[1]}&zoom=15",
    "/search?q=东湖",
    "/search?q=donghu",
    "/search?q=dhxx",
    "/search?q=监控 点",
    "/search?q=A_%25",
    f"/nearest?kind=camera&lon={PLACE[0]}&lat={PLACE[1]}&n=5",
    "/features/component/items/78/links",
    "/features/collections/component/items?bbox=114.34,30.55,114.35,30.56&limit=500",
    "/features/collections/camera/items?bbox=114.34,30.55,114.35,30.56&count=true",
)
POSTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/query", {"geometry": SQUARE, "layers": ["component"]}),
    ("/query", {"geometry": SQUARE, "layers": ["camera", "pipe_segment"]}),
    ("/layers/counts", {"bbox": [114.34, 30.55, 114.35, 30.56], "layers": {"pipe_segment": None}}),
    ("/layers/component/rows", {"bbox": [114.34, 30.55, 114.342, 30.552], "limit": 500}),
)


def distrust(connection: Connection[Any]) -> None:
    """What the store is like where nobody was superuser."""
    for signature in SIGNATURES:
        connection.execute(f"ALTER FUNCTION {signature} NOT LEAKPROOF".encode())


@pytest.fixture(scope="module")
def answers(postgis: EmbeddedPostgis, database_template: str) -> Iterator[list[dict[str, Any]]]:
    """What every account is answered, before and after."""

    async def ask(conversation: Conversation) -> dict[str, Any]:
        told = {}
        for who, *_ in ACCOUNTS:
            for path in GETS:
                answer = await conversation.get(path, who)
                timeless = re.sub(rb'"timeStamp": ?"[^"]+"', b"", answer.content)
                told[f"{who} {path}"] = (answer.status_code, timeless)
            for path, body in POSTS:
                answer = await conversation.client.post(path, json=body, headers={"x-account": who})
                told[f"{who} {path} {body}"] = (answer.status_code, answer.content)
        return told

    with filled(postgis, database_template, COUNTS) as district:
        before = district.ask(ask)
        with psycopg.connect(district.store.owner_url) as connection:
            distrust(connection)
        yield [before, district.ask(ask)]


def test_everybody_is_given_the_same_rows(answers: list[dict[str, Any]]) -> None:
    before, after = answers
    assert [key for key in before if before[key] != after[key]] == []
    assert sum(status == 200 for status, _ in before.values()) > len(before) / 2
    assert len({content for key, (_, content) in before.items() if key.endswith(GETS[0])}) >= 4


@pytest.fixture(params=["leader", "street-1"])
def distrusted(full_district: District, request: pytest.FixtureRequest) -> Iterator[Connection[Any]]:
    """The web's role with a viewer's rights, in a transaction in which nothing is leakproof."""
    viewer = full_district.viewer(request.param)
    rights = [viewer.account_id, list(viewer.rights.whole), list(viewer.rights.area)]
    with psycopg.connect(full_district.store.owner_url) as connection:
        distrust(connection)
        connection.execute(f"SET LOCAL ROLE {APP_ROLE}".encode())
        connection.execute(TAKE_RIGHTS, rights)
        yield connection
        connection.rollback()


def rows_and_scans(connection: Connection[Any], statement: Statement, table: str) -> tuple[int, int, int]:
    """Rows of a statement; rows it read by scanning whole tables, and index scans, functions included."""
    query, parameters = statement
    found = len(connection.execute(query, parameters).fetchall())
    row = connection.execute(
        "SELECT sum(seq_tup_read)::int, sum(idx_scan)::int FROM pg_stat_xact_user_tables WHERE relname ^@ %s",
        [f"{table}_"],
    ).fetchone()
    assert row is not None
    return found, *row


@pytest.mark.parametrize("layer_id", ["component", "pipe_segment"])
def test_a_tile_reads_by_the_index(
    distrusted: Connection[Any], full_district: District, layer_id: str
) -> None:
    layer = replace(Catalogue.load().by_id[layer_id], found_by="function")
    tile = TileAddress(16, *tile_at(114.34, 30.556, 16))
    statement = tile_statement(layer, 16, 0), tile_parameters(layer, tile, [full_district.datasets[layer_id]])
    found, whole, by_index = rows_and_scans(distrusted, statement, layer_id)
    assert (found, whole) == (1, 0)
    assert by_index > 0


def test_names_are_found_by_the_index(distrusted: Connection[Any], full_district: District) -> None:
    catalogue = _catalogue(full_district)
    assert not catalogue.snapshot.policies_use_indexes
    statement = _names(catalogue, full_district.viewer("leader"), "东湖小学12", 12)
    found, whole, by_index = rows_and_scans(distrusted, statement, "search_entry")
    # The tables of some datasets are small enough to be read whole.
    assert (whole < 2_000, by_index > 0) == (True, True)
    assert found > 0


def test_places_are_told_of_tables_for_viewers_only(distrusted: Connection[Any]) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        distrusted.execute("SELECT ioc.places_in_box('account', NULL)")


def test_without_rights_no_place_is_told(distrusted: Connection[Any]) -> None:
    distrusted.execute(TAKE_RIGHTS, [0, [], []])
    everywhere = "ST_MakeEnvelope(-2e7, -2e7, 2e7, 2e7, 3857)"
    row = distrusted.execute(f"SELECT ioc.places_in_box('component', {everywhere})".encode()).fetchone()
    assert row == ([],)


def _catalogue(district: District) -> Catalogue:
    from tests.layers.test_query_plans import _catalogue

    trusting = _catalogue(district)
    return Catalogue.load().over(Snapshot(trusting.snapshot.datasets, policies_use_indexes=False))
