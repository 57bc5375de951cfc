"""The programs people connect with, against the running server: GDAL, OWSLib, QGIS where it is installed."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyogrio
import pyproj
import pytest
from owslib.ogcapi.features import Features

from ioc.accounts import issue_credential
from tests.conftest import RunningServer

SYSTEM_PYTHON = "/usr/bin/python3"
COUNT = "SELECT count(*) FROM ioc.component WHERE "
# QGIS sends the token with every request it makes.
QGIS_CLIENT = """
import json, os, sys
from qgis.core import (
    QgsApplication, QgsFeatureRequest, QgsNetworkAccessManager, QgsRectangle, QgsVectorLayer,
    QgsVectorTileLayer,
)
address, token = sys.argv[1:]
application = QgsApplication([], False)
application.initQgis()
QgsNetworkAccessManager.setRequestPreprocessor(
    lambda request: request.setRawHeader(b"Authorization", b"Bearer " + token.encode())
)
def layer(name):
    return QgsVectorLayer(f" url='{address}/features/' typename='{name}'", name, "OAPIF")
streets, components = layer("street"), layer("component")
box = QgsFeatureRequest(QgsRectangle(114.30, 30.55, 114.31, 30.56))
tiles = QgsVectorTileLayer(f"type=xyz&url={address}/tiles/street/{{z}}/{{x}}/{{y}}.mvt&zmin=8&zmax=16", "t")
print(json.dumps({
    "valid": [one.isValid() for one in (streets, components, tiles)],
    "streets": len(list(streets.getFeatures())),
    "components": len(list(components.getFeatures(box))),
}))
sys.stdout.flush()
os._exit(0)
"""


def token_of(server: RunningServer, name: str) -> str:
    """A new token of an account."""
    with server.store.owner_connection() as connection:
        row = connection.execute("SELECT id FROM ioc.account WHERE name = %s", [name]).fetchone()
        assert row is not None
        return issue_credential(connection, row[0], "token", timedelta(hours=1))


def rows_of(server: RunningServer, query: str) -> list[tuple]:
    """Rows as the owner sees them."""
    with server.store.owner_connection() as connection:
        return connection.execute(query.encode()).fetchall()


@pytest.fixture
def gdal_address(server: RunningServer) -> Iterator[str]:
    """GDAL's name of the server, the administrator's token in its settings."""
    signed_in = {"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": token_of(server, "admin")}
    pyogrio.set_gdal_config_options(signed_in)
    yield f"OAPIF:{server.address}/features/"
    pyogrio.set_gdal_config_options(dict.fromkeys(signed_in))


needs_gdal = pytest.mark.skipif(
    "OAPIF" not in pyogrio.list_drivers(), reason="this GDAL is built without its OGC API driver"
)


@needs_gdal
def test_gdal_lists_the_collections_and_their_fields(gdal_address: str) -> None:
    names = [name for name, _ in pyogrio.list_layers(gdal_address)]
    assert {"component", "camera", "street", "pipe_segment"} <= set(names)
    described = pyogrio.read_info(gdal_address, layer="component")
    assert described["crs"] == "EPSG:4490"
    types = dict(zip(described["fields"], described["ogr_types"], strict=True))
    assert (types["code"], types["initial_date"]) == ("OFTString", "OFTDate")


@needs_gdal
def test_gdal_reads_every_feature_through_the_pages(server: RunningServer, gdal_address: str) -> None:
    frame = pyogrio.read_dataframe(gdal_address, layer="component")
    expected = rows_of(server, "SELECT code, ST_X(geom), ST_Y(geom) FROM ioc.component ORDER BY code")
    assert len(expected) > 2000
    got = sorted(zip(frame["code"], frame.geometry.x, frame.geometry.y, strict=True))
    assert [row[0] for row in got] == [row[0] for row in expected]
    worst = max(
        abs(a - b) for g, e in zip(got, expected, strict=True) for a, b in zip(g[1:], e[1:], strict=True)
    )
    assert worst < 1e-8


@needs_gdal
@pytest.mark.parametrize("system", ["EPSG:4490", "EPSG:4547", "EPSG:3857", "EPSG:4326", "OGC:CRS84"])
def test_gdal_gets_the_same_places_in_every_system(
    server: RunningServer, gdal_address: str, system: str
) -> None:
    frame = pyogrio.read_dataframe(gdal_address, layer="street", CRS=system)
    assert pyproj.CRS(frame.crs).equals(pyproj.CRS(system), ignore_axis_order=True)
    back = pyproj.Transformer.from_crs(system, "EPSG:4490", always_xy=True)
    centres = {
        code: back.transform(place.x, place.y)
        for code, place in zip(frame["code"], frame.geometry.representative_point(), strict=True)
    }
    outlines = rows_of(
        server, "SELECT code, ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom) FROM ioc.street"
    )
    assert len(centres) == len(outlines) == 14
    for code, west, south, east, north in outlines:
        lon, lat = centres[code]
        assert west < lon < east
        assert south < lat < north


@needs_gdal
def test_gdal_filters_by_place_and_by_value(server: RunningServer, gdal_address: str) -> None:
    box = (114.30, 30.55, 114.32, 30.57)
    inside = "geom && ST_MakeEnvelope(114.30, 30.55, 114.32, 30.57, 4490)"
    by_place = pyogrio.read_dataframe(gdal_address, layer="component", bbox=box)
    assert len(by_place) == rows_of(server, COUNT + inside)[0][0]
    by_value = pyogrio.read_dataframe(gdal_address, layer="component", where="type_code = '01001'")
    late = pyogrio.read_dataframe(
        gdal_address, layer="component", where="change_date >= '2026/03/01' AND change_date < '2026/09/01'"
    )
    between = "change_date BETWEEN '2026-03-01' AND '2026-08-31'"
    assert len(late) == rows_of(server, COUNT + between)[0][0] > 0
    assert len(by_value) == rows_of(server, COUNT + "type_code = '01001'")[0][0]


def test_owslib_walks_the_service(server: RunningServer) -> None:
    headers = {"Authorization": f"Bearer {token_of(server, 'admin')}"}
    service: Any = Features(f"{server.address}/features/", headers=headers)
    assert any(one.endswith("ogcapi-features-1/1.0/conf/core") for one in service.conformance()["conformsTo"])
    assert service.api()["openapi"].startswith("3.0")
    assert {"street", "camera"} <= set(service.feature_collections())
    assert service.collection("street")["itemType"] == "feature"
    assert "name" in service.collection_queryables("street")["properties"]
    page = service.collection_items("street", limit=5)
    assert page["numberReturned"] == 5
    wanted = page["features"][0]
    assert service.collection_item("street", str(wanted["id"]))["properties"] == wanted["properties"]
    found = service.collection_items("street", filter=f"code = '{wanted['properties']['code']}'")
    assert [feature["id"] for feature in found["features"]] == [wanted["id"]]


def test_owslib_finds_nothing_that_the_account_may_not_see(server: RunningServer) -> None:
    headers = {"Authorization": f"Bearer {token_of(server, 'planner')}"}
    service: Any = Features(f"{server.address}/features/", headers=headers)
    assert "camera" not in service.feature_collections()
    with pytest.raises(RuntimeError, match="no layer"):
        service.collection_items("camera")


def test_qgis_connects_with_a_token(server: RunningServer, tmp_path: Path) -> None:
    if subprocess.run([SYSTEM_PYTHON, "-c", "import qgis.core"], capture_output=True).returncode:
        pytest.skip("QGIS is not installed: Debian's package python3-qgis brings it")
    script = tmp_path / "client.py"
    script.write_text(QGIS_CLIENT, "utf-8")
    answer = subprocess.run(
        [SYSTEM_PYTHON, str(script), server.address, token_of(server, "admin")],
        env={
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "XDG_RUNTIME_DIR": str(tmp_path),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    inside = "geom && ST_MakeEnvelope(114.30, 30.55, 114.31, 30.56, 4490)"
    assert json.loads(answer.stdout.splitlines()[-1]) == {
        "valid": [True, True, True],
        "streets": 14,
        "components": rows_of(server, COUNT + inside)[0][0],
    }
