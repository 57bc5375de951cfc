"""Who may check the unit grids over HTTP, and what the answer holds."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import shapely

from geodata.viewer import Rights, Viewer
from layers.dataset_watch import DatasetWatch
from layers.problem import ForbiddenError
from layers.unit_grid_violations import check_right
from tests.conftest import RunningServer

PATH = "/unit-grids/violations"


@pytest.fixture
def halved_grid(server: RunningServer) -> Iterator[tuple[str, Any]]:
    """A unit grid of which the western half is missing while the test runs: its code and what is missing."""
    with server.store.owner_connection() as connection:
        row = connection.execute(
            """
            SELECT dataset_id, id, code, ST_AsBinary(geom) FROM ioc.unit_grid
            WHERE area_m2 < 30000 ORDER BY code LIMIT 1
            """
        ).fetchone()
        assert row is not None
        dataset_id, feature_id, code, before = row
        whole = shapely.from_wkb(before)
        west, south, east, north = whole.bounds
        kept = whole.intersection(shapely.box((west + east) / 2, south, east, north))
        change = """
            UPDATE ioc.unit_grid SET geom = ST_SetSRID(ST_GeomFromWKB(%s), 4490)
            WHERE (dataset_id, id) = (%s, %s)
        """
        connection.execute(change, [shapely.to_wkb(kept), dataset_id, feature_id])
        connection.commit()
        yield code, whole.difference(kept)
        connection.execute(change, [before, dataset_id, feature_id])


def test_staff_get_the_violations_as_geojson(server: RunningServer, halved_grid: tuple[str, Any]) -> None:
    code, missing = halved_grid
    with server.client("urban") as client:
        answer = client.get(PATH)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["cache-control"] == "private, no-store"
    found = answer.json()
    assert found["summary"]["by_rule"]["gap"] == 1
    (gap,) = [one for one in found["features"] if one["properties"]["rule"] == "gap"]
    assert gap["properties"]["community"] == code[:12]
    assert "没有网格覆盖" in gap["properties"]["reason_zh"]
    assert shapely.hausdorff_distance(shapely.geometry.shape(gap["geometry"]), missing) < 1e-6


def test_the_demo_has_no_errors(server: RunningServer) -> None:
    with server.client("steward") as client:
        found = client.get(PATH, params={"managed": "district"}).json()
    assert found["summary"]["errors"] == 0
    assert found["summary"]["grids"] > 2_000


@pytest.mark.parametrize("name", ["duty", "leader"])
def test_screens_and_leaders_may_not_check(server: RunningServer, name: str) -> None:
    with server.client(name) as client:
        answer = client.get(PATH)
    assert answer.status_code == 403
    assert "administrator" in answer.json()["detail"]
    assert httpx.get(server.address + PATH).status_code == 401


@pytest.mark.parametrize("query", ["managed=moon", "water_above=-1", "water_above=nan"])
def test_a_bad_parameter_is_named(server: RunningServer, query: str) -> None:
    with server.client("steward") as client:
        assert client.get(f"{PATH}?{query}").status_code == 422


def test_who_sees_a_part_of_the_grids_is_refused() -> None:
    grids = SimpleNamespace(id=7, code="unit_grid", sensitivity=1)
    watch = cast(DatasetWatch, SimpleNamespace(snapshot=SimpleNamespace(by_target={"unit_grid": (grids,)})))

    def viewer(rights: Rights) -> Viewer:
        return Viewer(1, "x", "x", frozenset({"staff"}), None, ("420106012",), rights)

    check_right(viewer(Rights(frozenset({7 * 4 + 1}))), watch)
    with pytest.raises(ForbiddenError, match="of which this account sees part"):
        check_right(viewer(Rights(area=frozenset({"7.1.420106012"}))), watch)
