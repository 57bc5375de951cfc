"""OGC API – Features: axes and boxes in every coordinate system offered."""

from typing import Any

import pyproj
import pytest

from tests.layers.district import District, rows_of
from tests.layers.ogc_requests import CRS84, OGC_EPSG, expected, ids, items


@pytest.mark.parametrize("system", [4326, 4490, 4547, 3857])
def test_axes_come_in_the_order_of_the_systems_definition(district: District, system: int) -> None:
    lon, lat = rows_of(district, "SELECT ST_X(geom), ST_Y(geom) FROM ioc.camera WHERE id = 7")[0]
    # pyproj without always_xy keeps the order of the EPSG registry, on both sides.
    defined = pyproj.Transformer.from_crs("EPSG:4490", f"EPSG:{system}").transform(lat, lon)
    answer = district.get(f"/features/collections/camera/items/7?crs={OGC_EPSG}{system}", "police")
    assert answer.headers["content-crs"] == f"<{OGC_EPSG}{system}>"
    given = answer.json()["geometry"]["coordinates"]
    assert given == pytest.approx(defined, abs=1e-8 if system in (4326, 4490) else 2e-4)
    plain = district.get("/features/collections/camera/items/7", "police")
    assert plain.headers["content-crs"] == f"<{CRS84}>"
    assert plain.json()["geometry"]["coordinates"] == pytest.approx((lon, lat), abs=1e-8)


def test_northings_of_the_zone_are_metres_from_the_equator_and_come_first(district: District) -> None:
    given = items(district, "street", crs=f"{OGC_EPSG}4547").json()["features"][0]["geometry"]
    northing, easting = given["coordinates"][0][0]
    # A degree of the meridian is 110.9 km at 30°, one of the parallel 95.8 km: no library needed to tell.
    assert northing == pytest.approx(30.52 * 110_850, rel=0.002)
    assert easting == pytest.approx(500_000 + 0.3 * 95_900, abs=300)


@pytest.mark.parametrize("system", [None, 4326, 4490, 4547, 3857])
def test_a_box_means_the_same_in_every_system(district: District, system: int | None) -> None:
    west, south, east, north = 114.32, 30.54, 114.34, 30.56
    asked: dict[str, Any] = {"bbox": f"{west},{south},{east},{north}"}
    edge = 0.0
    if system is not None:
        transformer = pyproj.Transformer.from_crs("EPSG:4490", f"EPSG:{system}")
        lower, upper = transformer.transform(south, west), transformer.transform(north, east)
        asked = {"bbox": ",".join(map(repr, (*lower, *upper))), "bbox_crs": f"{OGC_EPSG}{system}"}
        # The sides of a rectangle of the zone are no parallels and meridians.
        edge = 5e-5 if system == 4547 else 0.0
    found = ids(items(district, limit=10_000, **asked))
    box = "ST_Intersects(geom, ST_MakeEnvelope({}, {}, {}, {}, 4490))"
    inner = box.format(west + edge, south + edge, east - edge, north - edge)
    outer = box.format(west - edge, south - edge, east + edge, north + edge)
    assert expected(district, "component", inner) <= found <= expected(district, "component", outer)
    assert len(found) > 1000


def test_a_box_may_be_the_world_or_cross_the_180th_meridian(district: District) -> None:
    assert len(ids(items(district, "street", bbox="-180,-90,180,90"))) == 14
    assert len(ids(items(district, "street", bbox="170,20,115,40"))) == 14
    assert ids(items(district, "street", bbox="170,20,-170,40")) == set()
    assert len(ids(items(district, "street", bbox="114.30,30.52,-5,114.38,30.592,500"))) == 14
