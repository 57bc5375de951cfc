"""Under row-level security the indexes are used: for tiles, for codes, for names."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from geodata.viewer_pool import TAKE_RIGHTS, Statement
from layers.catalogue import Catalogue
from layers.layer import RetainedVersion
from layers.search import _codes, _names
from layers.tile_sql import TileAddress, tile_parameters, tile_statement
from tests.layers.district import District, rows_of, tile_at


@pytest.fixture(params=["leader", "street-1"])
def as_viewer(full_district: District, request: pytest.FixtureRequest) -> Iterator[Connection[Any]]:
    """A connection of the web's role with a viewer's rights: whole datasets, or one area of them."""
    viewer = full_district.viewer(request.param)
    with psycopg.connect(full_district.store.app_url, autocommit=True) as connection:
        connection.execute(
            TAKE_RIGHTS, [viewer.account_id, list(viewer.rights.whole), list(viewer.rights.area)]
        )
        yield connection


def nodes(connection: Connection[Any], statement: Statement) -> list[dict[str, Any]]:
    """Every node of the plan that a statement is run by."""
    query, parameters = statement
    text = query if isinstance(query, bytes) else query.as_bytes(connection)
    rows = connection.execute(b"EXPLAIN (FORMAT JSON) " + text, parameters).fetchall()
    plan = rows[0][0] if not isinstance(rows[0][0], str) else json.loads(rows[0][0])
    found, left = [], [plan[0]["Plan"]]
    while left:
        node = left.pop()
        found.append(node)
        left += node.get("Plans", [])
    return found


def indexes(plan: list[dict[str, Any]]) -> str:
    return " ".join(str(node.get("Index Name", "")) for node in plan)


@pytest.mark.parametrize("layer_id", ["component", "pipe_segment"])
@pytest.mark.parametrize("plan_kind", ["force_custom_plan", "force_generic_plan"])
def test_tiles_use_the_spatial_index(
    as_viewer: Connection[Any], full_district: District, layer_id: str, plan_kind: str
) -> None:
    layer = Catalogue.load().by_id[layer_id]
    tile = TileAddress(16, *tile_at(114.34, 30.556, 16))
    parameters = tile_parameters(layer, tile, [full_district.datasets[layer_id]])
    as_viewer.execute("SELECT set_config('plan_cache_mode', %s, false)", [plan_kind])
    plan = nodes(as_viewer, (tile_statement(layer, 16, 0), parameters))
    assert "geom_3857_idx" in indexes(plan)
    assert not [node for node in plan if node["Node Type"] == "Seq Scan"]


@pytest.mark.parametrize("missing", [(), ("state",)])
def test_tiles_of_retained_versions_use_their_spatial_index(
    as_viewer: Connection[Any], full_district: District, missing: tuple[str, ...]
) -> None:
    dataset = full_district.datasets["component"]
    ((version,),) = rows_of(
        full_district, "SELECT published_version_id FROM ioc.dataset WHERE id = %(id)s", {"id": dataset}
    )
    # The table of a version has the same indexes and policies whether it is attached or not.
    versions = (RetainedVersion(version, missing),)
    layer = replace(Catalogue.load().by_id["component"], versions=versions)
    tile = TileAddress(16, *tile_at(114.34, 30.556, 16))
    plan = nodes(as_viewer, (tile_statement(layer, 16, 0), tile_parameters(layer, tile, [dataset])))
    assert "geom_3857_idx" in indexes(plan)
    assert not [node for node in plan if node["Node Type"] == "Seq Scan"]


def test_a_code_prefix_uses_the_code_index(as_viewer: Connection[Any], full_district: District) -> None:
    layer = Catalogue.load().by_id["component"]
    plan = nodes(as_viewer, _codes(layer, [full_district.datasets["component"]], "4201060010000", 12))
    assert "code_idx" in indexes(plan)
    assert not [node for node in plan if node["Node Type"] == "Seq Scan"]


@pytest.mark.parametrize(("text", "index"), [("东湖小学12", "title_idx"), ("donghuxiaoxue", "pinyin_idx")])
def test_a_name_uses_the_trigram_index(
    as_viewer: Connection[Any], full_district: District, text: str, index: str
) -> None:
    viewer = full_district.viewer("leader")
    catalogue = _catalogue(full_district)
    plan = nodes(as_viewer, _names(catalogue, viewer, text, 12))
    assert index in indexes(plan)


def _catalogue(district: District) -> Catalogue:
    from psycopg.rows import class_row

    from layers.dataset_watch import PUBLISHED, PublishedDataset, Snapshot

    with psycopg.connect(district.store.app_url) as connection:
        cursor = connection.cursor(row_factory=class_row(PublishedDataset))
        datasets = cursor.execute(PUBLISHED).fetchall()
    return Catalogue.load().over(Snapshot(tuple(datasets)))
