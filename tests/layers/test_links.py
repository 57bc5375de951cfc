"""What belongs to a feature: declared links that exist, pipes by their flow, areas by place, and rights."""

from typing import Any

import pytest

from geodata.models import RECORD_MODELS
from layers.catalogue import Catalogue
from tests.layers.district import District, rows_of

SHIPPED = Catalogue.load()
DEPARTMENTAL = {"hazard"}


@pytest.mark.parametrize("layer", [layer for layer in SHIPPED if layer.links], ids=lambda layer: layer.id)
def test_every_shipped_link_names_what_exists(layer) -> None:
    for link in layer.links:
        if link.layer in DEPARTMENTAL:
            continue
        target = SHIPPED.by_id[link.layer]
        columns = set(RECORD_MODELS[target.table].__table__.columns.keys())
        for match in link.matches:
            assert {match.column, *match.where} <= columns
        assert set(link.show) <= {shown.name for shown in target.fields}


def linked(district: District, layer: str, feature_id: int, who: str = "leader") -> dict[str, Any]:
    answer = district.get(f"/features/{layer}/items/{feature_id}/links", who)
    assert answer.status_code == 200, answer.text
    return {link["layer"]: link for link in answer.json()["links"]}


def test_a_component_tells_the_street_it_stands_in(district: District) -> None:
    place = rows_of(district, "SELECT ST_X(geom) FROM ioc.component WHERE id = 78")[0][0]
    street = linked(district, "component", 78)["street"]
    assert street["count"] == 1
    assert street["features"][0]["id"] == 1 + int((place - 114.30) / (0.08 / 14))
    assert street["features"][0]["title"] == f"第{street['features'][0]['id']}街道"


def test_an_area_counts_what_is_in_it_of_what_one_may_see(district: District) -> None:
    seen = linked(district, "street", 1)
    for layer in ("component", "pipe_segment", "camera"):
        query = f"SELECT count(*) FROM ioc.{layer} WHERE area_code LIKE '420106001%'"  # noqa: S608
        inside = "AND ST_XMin(geom) <= 114.30 + 0.08 / 14"
        least, most = rows_of(district, f"{query} {inside}")[0][0], rows_of(district, query)[0][0]
        # Lines may begin in the street and end beyond its box.
        assert least <= seen[layer]["count"] <= most
        assert seen[layer]["features"] == []
    assert "camera" not in linked(district, "street", 1, "staff")
    assert "component" in linked(district, "street", 1, "street-1")
    assert "component" not in linked(district, "street", 3, "street-1")


@pytest.mark.parametrize("who", ["staff", "nobody"])
def test_a_feature_one_may_not_see_has_no_links(district: District, who: str) -> None:
    assert district.get("/features/camera/items/1/links", who).status_code == 404
    assert district.get("/features/camera/items/999999/links").status_code == 404
    assert district.get("/features/component/items/99999999999999999999/links").status_code == 404


def test_pipes_arrive_and_leave_by_their_flow(server: Any) -> None:
    with server.store.owner_connection() as connection:
        node, code = connection.execute(
            """
            SELECT n.id, n.code FROM ioc.pipe_node n JOIN ioc.pipe_segment s ON s.end_node = n.code
            WHERE EXISTS (SELECT FROM ioc.pipe_segment o WHERE o.start_node = n.code)
            GROUP BY n.id, n.code ORDER BY count(*) DESC, n.id LIMIT 1
            """
        ).fetchone()
        turned = connection.execute(
            """
            UPDATE ioc.pipe_segment SET flow_direction = '1'
            WHERE id = (SELECT min(id) FROM ioc.pipe_segment WHERE end_node = %s) RETURNING id
            """,
            [code],
        ).fetchone()[0]
        arriving, leaving = (
            {row[0] for row in connection.execute(query.encode(), {"code": code})}
            for query in (
                "SELECT id FROM ioc.pipe_segment WHERE end_node = %(code)s AND flow_direction = '0'",
                "SELECT id FROM ioc.pipe_segment WHERE start_node = %(code)s AND flow_direction = '0'",
            )
        )
        connection.commit()
        try:
            with server.client("admin") as client:
                found = client.get(f"/features/pipe_node/items/{node}/links").json()["links"]
        finally:
            connection.execute("UPDATE ioc.pipe_segment SET flow_direction = '0' WHERE id = %s", [turned])
    pipes = {link["title_zh"]: {f["id"] for f in link["features"]} for link in found}
    assert pipes.get("上游管段", set()) == arriving
    assert pipes["下游管段"] == leaving | {turned}
    areas = {link["layer"] for link in found}
    assert {"unit_grid", "duty_grid", "community", "street"} <= areas
    levels = next(link for link in found if link["title_zh"] == "下游管段")["features"][0]["shown"]
    assert [entry["name"] for entry in levels] == ["diameter", "start_invert_level", "end_invert_level"]
