"""Databases and web services: all rows or none, resumed after a kill, never silently short."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pymysql
import pytest
import shapely

from etl.delivery import Delivery, joined
from etl.fetch import Access, Credential, Fetched, FetchError
from etl.source_format import formats, open_source
from etl.source_options import SourceOptions
from geodata.store import Store
from tests.conftest import RunningServer
from tests.layers.test_ogc_clients import token_of

Answer = tuple[int, Any, dict[str, str]]


class FakeService:
    """A web service of so many features on this machine; ``asked`` are the queries it got."""

    def __init__(self, answer: Callable[[str, dict[str, str]], Answer]) -> None:
        self.asked: list[dict[str, str]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                service.asked.append(query)
                status, body, headers = answer(parts.path, query)
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_words: object) -> None:  # type: ignore[override]
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def running(self) -> Iterator["FakeService"]:
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()


class Waits(list[float]):
    """Stands in for sleeping and keeps the pauses."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def fetch(folder: Path, options: dict[str, Any], watermark: str | None = None, **access: Any) -> Fetched:
    chosen = SourceOptions(**options)
    one = formats()[chosen.format or ""]
    assert one.fetch is not None
    folder.mkdir(exist_ok=True)
    given: dict[str, Any] = {"wait": Waits(), **access}
    return one.fetch(chosen, Access(folder, **given), folder, watermark)


def rows_in(fetched: Fetched) -> Delivery:
    with open_source(fetched.path, SourceOptions(path=fetched.path.name)) as source:
        return joined(list(source.chunks(None, 3)))


TOTAL = 7


def feature(number: int) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [114.3 + number / 100, 30.5]}
    return {"type": "Feature", "id": number, "geometry": point, "properties": {"编号": f"A{number}"}}


def ogc_answer(address: Callable[[], str], total: int = TOTAL) -> Callable[[str, dict[str, str]], Answer]:
    def answer(_path: str, query: dict[str, str]) -> Answer:
        size, start = int(query["limit"]), int(query.get("offset", 0))
        found = [feature(number) for number in range(start, min(start + size, total))]
        links = []
        if start + size < total:
            href = f"{address()}/collections/井/items?f=json&limit={size}&offset={start + size}"
            links = [{"rel": "next", "href": href}]
        body = {"type": "FeatureCollection", "features": found, "numberMatched": total, "links": links}
        return 200, body, {}

    return answer


def ogc_options(service: FakeService) -> dict[str, Any]:
    return {"format": "ogc_api", "url": f"{service.address}/collections/井", "page_size": 3}


def test_ogc_api_along_its_next_links(tmp_path: Path) -> None:
    service = FakeService(ogc_answer(lambda: service.address))
    with service.running():
        fetched = fetch(tmp_path, ogc_options(service))
    found = rows_in(fetched)
    assert fetched.rows == TOTAL
    assert found.attributes["编号"].tolist() == [f"A{number}" for number in range(TOTAL)]
    assert found.geometry is not None
    assert found.geometry[6].equals(shapely.Point(114.36, 30.5))
    assert found.crs is not None
    assert found.crs.to_authority() == ("OGC", "CRS84")


def test_the_program_s_own_service_is_one_to_read_from(server: RunningServer, tmp_path: Path) -> None:
    credentials = {"ioc": Credential(token=token_of(server, "planner"))}
    options = {"format": "ogc_api", "url": f"{server.address}/features", "layer": "station", "page_size": 7}
    fetched = fetch(tmp_path, options | {"credential": "ioc"}, credentials=credentials)
    with server.client("planner") as client:
        address = "/features/collections/station/items?limit=1000"
        ids = [str(one["id"]) for one in client.get(address).json()["features"]]
    assert len(ids) > 7
    assert list(map(str, rows_in(fetched).attributes["id"])) == ids
    with pytest.raises(FetchError, match="refuses the sign-in"):
        fetch(tmp_path, options)


def test_a_killed_fetch_goes_on_where_it_was(tmp_path: Path) -> None:
    class KilledError(BaseException):
        pass

    dying = True

    def answer(path: str, query: dict[str, str]) -> Answer:
        if dying and query.get("offset") == "6":
            return 503, {}, {}
        return ogc_answer(lambda: service.address)(path, query)

    def killed(_seconds: float) -> None:
        raise KilledError

    service = FakeService(answer)
    with service.running():
        with pytest.raises(KilledError):
            fetch(tmp_path, ogc_options(service), wait=killed)
        dying = False
        service.asked.clear()
        fetched = fetch(tmp_path, ogc_options(service))
        assert [query.get("offset") for query in service.asked] == [None, "6"]
        assert fetched.rows == TOTAL
        service.asked.clear()
        fetch(tmp_path, ogc_options(service))
        assert [query.get("offset") for query in service.asked] == [None, None, "3", "6"]


def test_busy_answers_are_asked_for_again_after_the_pause_they_name(tmp_path: Path) -> None:
    busy = iter([(429, {}, {"Retry-After": "7"}), (500, {}, {}), (503, {}, {})])

    def answer(path: str, query: dict[str, str]) -> Answer:
        return next(busy, None) or ogc_answer(lambda: service.address)(path, query)

    waits = Waits()
    service = FakeService(answer)
    with service.running():
        assert fetch(tmp_path, ogc_options(service), wait=waits).rows == TOTAL
    assert waits == [7.0, 2.0, 4.0]


def wrong(what: str, service: Callable[[], str]) -> Callable[[str, dict[str, str]], Answer]:
    good = ogc_answer(service)

    def answer(path: str, query: dict[str, str]) -> Answer:
        status, body, headers = good(path, query)
        second = "offset" in query
        if what == "shrinks" and second:
            body["numberMatched"] = TOTAL - 1
        elif what == "short" and second:
            body["features"], body["links"] = [], []
        elif what == "circle" and second:
            body["links"] = [{"rel": "next", "href": f"{service()}{path}?f=json&limit=3"}]
            body["features"] = []
        elif what == "repeats" and second:
            body["features"] = [feature(0)]
        elif what == "elsewhere" and second:
            body["links"] = [{"rel": "next", "href": "http://169.254.169.254/latest"}]
        elif what == "page":
            return 200, b"<html>Sign in</html>", {}
        elif what == "no features":
            body["features"] = [1, "two"]
        elif what == "forbidden":
            return 403, {}, {}
        elif what == "moved":
            return 301, {}, {"Location": "http://127.0.0.1:9/"}
        elif what == "pause":
            return 429, {}, {"Retry-After": "86400"}
        elif what == "dead":
            return 502, {}, {}
        return status, body, headers

    return answer


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("shrinks", "had 7 features and now has 6"),
        ("short", "has 7 features and gave 3"),
        ("circle", "sends in circles|gave"),
        ("repeats", "gives feature 0 twice"),
        ("elsewhere", "sends to another host"),
        ("page", "no JSON: check its address|answers no JSON"),
        ("no features", "other than GeoJSON"),
        ("forbidden", "refuses the sign-in"),
        ("moved", "has moved"),
        ("pause", "pause of 86400 seconds"),
        ("dead", "does not answer after 6 attempts"),
    ],
)
def test_a_service_that_cannot_be_right_gets_one_sentence(tmp_path: Path, what: str, words: str) -> None:
    service = FakeService(wrong(what, lambda: service.address))
    with service.running(), pytest.raises(FetchError, match=words) as refused:
        fetch(tmp_path, ogc_options(service))
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.glob("*.rows.jsonl"))


CAPABILITIES = b"""<WFS_Capabilities xmlns:ows="http://www.opengis.net/ows/1.1">
<ows:Operation name="GetFeature">
<ows:Value>application/gml+xml; version=3.2</ows:Value><ows:Value>application/json</ows:Value>
</ows:Operation></WFS_Capabilities>"""


def test_wfs_page_by_page_in_the_frame_it_states(tmp_path: Path) -> None:
    def answer(_path: str, query: dict[str, str]) -> Answer:
        if query["request"] == "GetCapabilities":
            return 200, CAPABILITIES, {}
        start, size = int(query.get("startIndex", 0)), int(query["count"])
        found = [feature(number) for number in range(start, min(start + size, TOTAL))]
        for one in found:
            one["geometry"]["coordinates"] = [500_000.0, 3_370_000.0]
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4547"}}
        return 200, {"type": "FeatureCollection", "features": found, "totalFeatures": TOTAL, "crs": crs}, {}

    service = FakeService(answer)
    with service.running():
        options = {"format": "wfs", "url": f"{service.address}/ows", "layer": "sw:井", "page_size": 3}
        found = rows_in(fetch(tmp_path, options))
    assert len(found) == TOTAL
    assert found.crs is not None
    assert found.crs.to_epsg() == 4547
    assert [query.get("startIndex") for query in service.asked] == [None, None, "0", "3", "6"]


def test_wfs_tells_its_errors_in_xml(tmp_path: Path) -> None:
    def answer(_path: str, query: dict[str, str]) -> Answer:
        if query["request"] == "GetCapabilities":
            return 200, CAPABILITIES, {}
        return 200, b"<ExceptionReport><ExceptionText>no such type</ExceptionText></ExceptionReport>", {}

    service = FakeService(answer)
    options = {"format": "wfs", "url": service.address, "layer": "x"}
    with service.running(), pytest.raises(FetchError, match="refuses: no such type"):
        fetch(tmp_path, options)


SQUARE = [[0, 0], [0, 10], [10, 10], [10, 0], [0, 0]]
HOLE = [[2, 2], [4, 2], [4, 4], [2, 4], [2, 2]]


def arcgis_answer(*, paged: bool) -> Callable[[str, dict[str, str]], Answer]:
    def answer(path: str, query: dict[str, str]) -> Answer:
        if not path.endswith("/query"):
            about = {
                "maxRecordCount": 3,
                "objectIdField": "OBJECTID",
                "advancedQueryCapabilities": {"supportsPagination": paged},
                "extent": {"spatialReference": {"wkid": 4547}},
            }
            return 200, about, {}
        if query.get("token") != "secret":
            return 200, {"error": {"code": 499, "message": "Token Required"}}, {}
        if "returnCountOnly" in query:
            return 200, {"count": TOTAL}, {}
        if "returnIdsOnly" in query:
            return 200, {"objectIdFieldName": "OBJECTID", "objectIds": list(range(TOTAL))}, {}
        if paged:
            start = int(query["resultOffset"])
            numbers = range(start, min(start + int(query["resultRecordCount"]), TOTAL))
        else:
            words = query["where"].split()
            numbers = range(int(words[2]), int(words[6]) + 1)
        features = [
            {
                "attributes": {"OBJECTID": number, "日期": 1_767_225_600_000},
                "geometry": {"rings": [SQUARE, HOLE]},
            }
            for number in numbers
        ]
        fields = [{"name": "日期", "type": "esriFieldTypeDate"}]
        more = paged and numbers.stop < TOTAL
        body = {"objectIdFieldName": "OBJECTID", "fields": fields, "features": features}
        return 200, body | {"exceededTransferLimit": more}, {}

    return answer


@pytest.mark.parametrize("paged", [True, False])
def test_arcgis_by_offsets_or_object_numbers(tmp_path: Path, paged: bool) -> None:
    service = FakeService(arcgis_answer(paged=paged))
    credentials = {"gis": Credential(token="secret")}
    options = {"format": "arcgis", "url": f"{service.address}/FeatureServer/0", "credential": "gis"}
    with service.running():
        found = rows_in(fetch(tmp_path, options, credentials=credentials))
        with pytest.raises(FetchError, match="refuses the token"):
            fetch(tmp_path, options | {"credential": None})
    assert found.attributes["OBJECTID"].tolist() == list(range(TOTAL))
    assert found.attributes["日期"].tolist()[0] == "2026-01-01T00:00:00+00:00"
    assert found.geometry is not None
    assert (found.geometry[0].area, len(found.geometry[0].interiors)) == (96.0, 1)
    assert found.crs is not None
    assert found.crs.to_epsg() == 4547


def test_postgresql_is_read_on_from_its_watermark(store: Store, tmp_path: Path) -> None:
    with psycopg.connect(store.owner_url, autocommit=True) as department:
        department.execute(
            "CREATE TABLE public.well (id int, 名称 text, changed timestamptz, geom geometry(Point, 4547))"
        )
        department.execute(
            "INSERT INTO public.well SELECT n, '井' || n, '2026-01-01 08:00+08'::timestamptz + n * interval "
            "'1 minute', ST_SetSRID(ST_Point(500000 + n, 3370000), 4547) FROM generate_series(1, 5) n"
        )
        options = {"format": "postgresql", "table": "public.well", "key": "changed", "credential": "wells"}
        credentials = {"wells": Credential(url=store.owner_url)}
        first = fetch(tmp_path, options, credentials=credentials)
        found = rows_in(first)
        assert found.attributes["名称"].tolist() == ["井1", "井2", "井3", "井4", "井5"]
        assert found.crs is not None
        assert found.crs.to_epsg() == 4547
        assert found.geometry is not None
        assert found.geometry[2].equals(shapely.Point(500_003, 3_370_000))
        department.execute("INSERT INTO public.well VALUES (6, '井6', '2026-01-01 08:06+08', NULL)")
        later = fetch(tmp_path, options, first.watermark, credentials=credentials)
        assert rows_in(later).attributes["id"].tolist() == [5, 6]
        overlapping = fetch(tmp_path, options | {"overlap": 120}, first.watermark, credentials=credentials)
        assert rows_in(overlapping).attributes["id"].tolist() == [3, 4, 5, 6]
        with pytest.raises(FetchError, match=r"public\.gone.* cannot be read"):
            fetch(tmp_path, options | {"table": "public.gone"}, credentials=credentials)
        with pytest.raises(FetchError, match="IOC_CREDENTIALS lacks"):
            fetch(tmp_path, options | {"credential": "other"}, credentials=credentials)


@pytest.fixture(scope="module")
def mariadb() -> Iterator[str]:
    """Address of a private MariaDB server, run by an account that is not root."""
    folder = Path(tempfile.mkdtemp(prefix="ioc-mariadb-"))
    folder.chmod(0o755)
    data, socket = folder / "data", folder / "socket"
    account = ["--user=mysql"] if os.geteuid() == 0 else []
    server_options = [f"--datadir={data}", f"--socket={socket}", "--skip-networking", *account]
    try:
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", *account]
        install.append("--auth-root-authentication-method=normal")
        subprocess.run(install, check=True, capture_output=True)
        if account:
            shutil.chown(folder, "mysql")
        command = ["mariadbd", "--no-defaults", *server_options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            said = []
            for line in server.stderr:
                said.append(line)
                if "ready for connections" in line:
                    break
            else:
                raise AssertionError("".join(said))
            threading.Thread(target=server.stderr.read, daemon=True).start()
            try:
                yield f"mysql://root@localhost/department?unix_socket={socket}"
            finally:
                server.terminate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_mysql_is_read_on_from_its_watermark(mariadb: str, tmp_path: Path) -> None:
    socket = mariadb.rpartition("=")[2]
    with pymysql.connect(unix_socket=socket, user="root", charset="utf8mb4") as department:
        cursor = department.cursor()
        cursor.execute("CREATE DATABASE department CHARACTER SET utf8mb4")
        cursor.execute(
            "CREATE TABLE department.`well 50%` "
            "(id int, 名称 varchar(20), width decimal(5,2), place geometry)"
        )
        for number in range(1, 5):
            cursor.execute(
                "INSERT INTO department.`well 50%%` VALUES (%s, %s, 1.50, ST_GeomFromText(%s, 4490))",
                (number, f"井{number}", f"POINT(114.3 30.{number})"),
            )
        department.commit()
        options = {"format": "mysql", "table": "well 50%", "key": "id", "credential": "wells"}
        credentials = {"wells": Credential(url=mariadb)}
        first = fetch(tmp_path, options, credentials=credentials)
        found = rows_in(first)
        assert found.attributes["名称"].tolist() == ["井1", "井2", "井3", "井4"]
        assert found.attributes["width"].tolist() == ["1.50"] * 4
        assert found.geometry is not None
        assert found.geometry[1].equals(shapely.Point(114.3, 30.2))
        assert found.crs is not None
        assert found.crs.to_epsg() == 4490
        assert first.watermark == "4"
        cursor.execute("INSERT INTO department.`well 50%` VALUES (5, '井5', NULL, NULL)")
        department.commit()
        later = fetch(tmp_path, options | {"overlap": 1}, first.watermark, credentials=credentials)
        assert rows_in(later).attributes["id"].tolist() == [3, 4, 5]
        with pytest.raises(FetchError, match="cannot be read"):
            fetch(tmp_path, options | {"table": "gone"}, credentials=credentials)
