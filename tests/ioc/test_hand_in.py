"""Handing data in over the web: from a department's file to a dataset in the catalogue."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from geodata.coordinates import convert
from ioc.hand_in import ARRIVING, FOLDER
from ioc.hand_in_record import RECORD, remove_old

Client = Callable[[str], httpx.Client]
CODE = "xin_jiao_she_shi"


def handed_in(steward: httpx.Client, name: str, content: bytes) -> tuple[str, str]:
    """Address of the hand-in and its page, once it is understood."""
    answer = steward.post("/hand-in", files={"files": (name, content)})
    assert answer.status_code == 303, answer.text
    address = answer.headers["location"]
    while True:
        page = steward.get(address)
        assert page.status_code == 200, page.text
        if "Refresh" not in page.headers:
            return address, page.text


def known_facilities(server: Any) -> list[tuple[str, str, float, float]]:
    """Some facilities of the demo: code, name, longitude and latitude in CGCS2000."""
    with server.store.owner_connection() as connection:
        return connection.execute(
            "SELECT code, name, ST_X(geom), ST_Y(geom) FROM ioc.facility ORDER BY code LIMIT 150"
        ).fetchall()


def as_department(rows: list[tuple[str, str, float, float]]) -> bytes:
    """The rows as a department's GB18030 table in GCJ-02, which it does not say."""
    lon, lat = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])
    x, y = convert(lon, lat, "CGCS2000", "GCJ-02")
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["编号", "名称", "经度", "纬度", "联系电话"])
    for row, one, other in zip(rows, x, y, strict=True):
        table.writerow([row[0], row[1], f"{one:.6f}", f"{other:.6f}", "027-87654321"])
    return text.getvalue().encode("gb18030")


def test_a_departments_file_becomes_a_dataset_at_the_right_place(
    server: Any, client: Client, run_ended: Callable[[], tuple[str, str, str | None]]
) -> None:
    steward, rows = client("steward"), known_facilities(server)
    address, page = handed_in(steward, "..\\..\\新交设施.csv", as_department(rows))
    assert "GB18030" in page
    assert re.search(r"坐标系</dt><dd>GCJ-02", page)
    assert 'class="places"' in page
    fields = dict(re.findall(r'aria-label="([^"]+)".*?<option value="(\w+)" selected>', page))
    assert {"编号": "code", "名称": "name", "联系电话": "phone"}.items() <= fields.items()

    layer = {"layer": "0"}
    head = {**layer, "code": CODE, "title_zh": "新交设施", "title_en": "Handed in", "department": "health"}
    assert steward.post(f"{address}/proposal", data=head).status_code == 303
    assert steward.post(f"{address}/check", data=layer).status_code == 303
    assert run_ended() == ("check", "done", None)
    assert f"读入 {len(rows)} 行" in steward.get(address).text
    assert steward.get(f"/catalogue/{CODE}").status_code == 404

    assert steward.post(f"{address}/publish", data=layer).status_code == 303
    assert run_ended() == ("load", "published", None)
    catalogue = steward.get(f"/catalogue/{CODE}").text
    assert "新交设施" in catalogue
    assert "区卫健局" in catalogue
    with server.store.owner_connection() as connection:
        farthest = connection.execute(
            """
            SELECT count(*), max(ST_Distance(n.geom::geography, o.geom::geography))
            FROM ioc.facility n JOIN ioc.dataset d ON d.id = n.dataset_id AND d.code = %s
            JOIN ioc.facility o ON o.code = n.code AND o.dataset_id <> n.dataset_id
            """,
            [CODE],
        ).fetchone()
    assert farthest is not None
    assert farthest[0] == len(rows)
    # Six decimals are a tenth of a metre.
    assert farthest[1] < 0.5

    again, _page = handed_in(steward, "新交设施.csv", as_department(rows))
    assert steward.post(f"{again}/proposal", data=head).status_code == 303
    refused = steward.post(f"{again}/publish", data=layer)
    assert refused.status_code == 400
    assert "已有数据集使用" in refused.text
    assert steward.post(f"{again}/publish", data={**layer, "replace": "1"}).status_code == 303
    assert run_ended()[:2] == ("load", "published")


def test_a_steward_corrects_what_was_found(server: Any, client: Client) -> None:
    steward = client("steward")
    address, page = handed_in(steward, "更正.csv", as_department(known_facilities(server)))
    place = re.search(r'name="field\.(\d+)" aria-label="联系电话"', page)
    assert place
    fields = dict(re.findall(r'name="(field\.\d+)".*?<option value="(\w+)" selected>', page))
    form = {"layer": "0", "code": "geng_zheng", "target": "facility", "crs": "BD-09", **fields}
    form[f"field.{place[1]}"] = "address"
    assert steward.post(f"{address}/proposal", data=form).status_code == 303
    page = steward.get(address).text
    assert "由数据管理员选定" in page
    assert re.search(r"address = (&#34;|\")联系电话", page)
    assert re.search(r"crs = (&#34;|\")BD-09", page)
    twice = steward.post(f"{address}/proposal", data={**form, f"field.{place[1]}": "name"})
    assert twice.status_code == 400
    assert "name" in twice.text


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ("title_zh = ", "TOML"),
        ('source = { path = "/etc/passwd" }', "只能读所交文件"),
        ('source = { path = "x.csv", parameters = "../../secret.toml" }', "只能读所交文件"),
    ],
)
def test_a_wrong_job_is_refused_in_a_sentence(client: Client, job: str, said: str) -> None:
    steward = client("steward")
    address, _page = handed_in(steward, "x.csv", "名称,经度,纬度\n甲,114.3,30.5\n".encode())
    head = 'title_zh = "a"\ntitle_en = "a"\ndepartment = "water"\ntarget = "departmental_feature"\n'
    text = head.removeprefix('title_zh = "a"\n' if job.startswith("title") else "") + job
    text += "\nfields = { code = { row = true } }\n" if "source" in job else ""
    refused = steward.post(f"{address}/proposal", data={"layer": "0", "code": "x_layer", "job": text})
    assert refused.status_code == 400
    assert said in refused.text


@pytest.mark.parametrize(
    ("name", "content"),
    [("坏.zip", b"PK\x03\x04 broken"), ("空.xlsx", b"no workbook"), ("照片.exe", b"MZ\x00\x01")],
)
def test_rubbish_is_refused_in_a_sentence_and_taken_away(client: Client, name: str, content: bytes) -> None:
    steward = client("steward")
    address, page = handed_in(steward, name, content)
    assert f"{name}：读不出可入库的数据" in page
    assert "/tmp/" not in page
    assert steward.post(f"{address}/remove").status_code == 303
    assert steward.get(address).status_code == 404


def test_only_stewards_hand_in_and_only_what_is_there(client: Client) -> None:
    planner, steward = client("planner"), client("steward")
    assert planner.get("/hand-in").status_code == 403
    assert planner.post("/hand-in", files={"files": ("a.csv", b"a\n1\n")}).status_code == 403
    assert 'href="/hand-in"' not in planner.get("/catalogue").text
    assert 'href="/hand-in"' in steward.get("/catalogue").text
    assert steward.post("/hand-in", files={"files": ("a.csv", b"")}).status_code == 400
    assert steward.get("/hand-in/..%2f..%2fjobs").status_code == 404
    assert steward.get("/hand-in/0123456789abcdef").status_code == 404


KILLED_WHILE_WRITING = """
import asyncio, os, signal, sys
from pathlib import Path
from fastapi import UploadFile
from ioc.hand_in import keep_files

class HalfAFile(UploadFile):
    async def read(self, size=-1):
        if self.size:
            os.kill(os.getpid(), signal.SIGKILL)
        self.size = size
        return b"x" * size

asyncio.run(keep_files(Path(sys.argv[1]), [HalfAFile(None, filename="half.csv", size=0)]))
"""


def test_what_never_arrived_whole_is_taken_away(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    [left] = folder.iterdir()
    assert left.name.startswith(ARRIVING)
    arriving = folder / f"{ARRIVING}b"
    loaded, untold, told_soon, recorded = (folder / (name * 16) for name in "0123")
    for one in (arriving, loaded, untold, told_soon, recorded):
        one.mkdir()
        (one / "点.csv").write_text("编号\n")
    long_ago = time.time() - 7 * 3600
    # What a newer program wrote is no left-over, though this one cannot read it.
    (recorded / RECORD).write_text("{}")
    for one in (left, loaded, untold, recorded):
        os.utime(one, (long_ago, long_ago))
    remove_old(tmp_path, {loaded.name})
    assert sorted(folder.iterdir()) == [arriving, loaded, told_soon, recorded]


def test_lines_are_drawn_as_lines(client: Client) -> None:
    steward = client("steward")
    features = [
        {
            "type": "Feature",
            "properties": {"编号": f"L{at}"},
            "geometry": {"type": "LineString", "coordinates": [[114.3 + at / 100, 30.53], [114.31, 30.56]]},
        }
        for at in range(3)
    ]
    content = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    _address, page = handed_in(steward, "线.geojson", content)
    drawn = re.search(r'class="lines" d="([^"]+)"', page)
    assert drawn
    assert drawn[1].count("M") == 3
