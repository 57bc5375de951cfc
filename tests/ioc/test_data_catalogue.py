"""The data catalogue on the running program: what it shows to whom, and what stewards do there."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest

Client = Callable[[str], httpx.Client]
CATALOGUE = "资源代码 Code"


def listed(page: httpx.Response) -> set[str]:
    assert page.status_code == 200, page.text
    return set(re.findall(r'href="/catalogue/([a-z_]+)">', page.text))


def test_everybody_sees_the_datasets_they_have_a_right_to(client: Client) -> None:
    admin, planner = client("admin"), client("planner")
    assert {"component", "camera", "pipe_segment", "district"} <= listed(admin.get("/catalogue"))
    assert "camera" not in listed(planner.get("/catalogue"))
    assert planner.get("/catalogue/camera").status_code == 404
    assert listed(admin.get("/catalogue", params={"q": "管线"})) >= {"pipe_segment"}
    assert "component" not in listed(admin.get("/catalogue", params={"q": "管线"}))
    assert listed(admin.get("/catalogue", params={"department": "police"})) == {"camera"}


def test_a_dataset_says_what_its_fields_mean_and_where_it_comes_from(client: Client) -> None:
    page = client("steward").get("/catalogue/pipe_segment").text
    for said in ("管径", "pipe_material", "区水务局", "extent-map", "SHA-256", "排水管线"):
        assert said in page
    assert "Data catalogue" in client("steward").get("/catalogue/pipe_segment?lang=en").text


def test_single_accounts_with_a_right_are_named_to_stewards_only(client: Client) -> None:
    assert "<td>duty</td>" in client("admin").get("/catalogue/camera").text
    assert "<td>duty</td>" not in client("duty").get("/catalogue/camera").text


def test_the_catalogue_goes_out_as_excel_and_comes_back_changed(client: Client) -> None:
    steward = client("steward")
    book = openpyxl.load_workbook(io.BytesIO(steward.get("/catalogue/datasets.xlsx").content))
    sheet: Any = book["数据资源目录"]
    fields = book["数据项"]
    columns = columns_of(sheet)
    rows = {sheet.cell(row, columns[CATALOGUE]).value: row for row in range(2, sheet.max_row + 1)}
    assert any(row[0] == "component" for row in fields.iter_rows(min_row=2, values_only=True))
    row = rows["facility"]
    sheet.cell(row, columns["更新周期 Update period"]).value = "每月"
    sheet.cell(row, columns["共享类型 Sharing"]).value = "无条件共享"
    contact = sheet.cell(row, columns["联系方式 Contact"])
    contact.value, contact.data_type = "=HYPERLINK(1)", "s"
    handed = steward.post("/catalogue/import", files={"workbook": ("目录.xlsx", saved(book))})
    assert handed.status_code == 200, handed.text
    page = steward.get("/catalogue/facility").text
    assert "每月" in page
    assert "=HYPERLINK(1)" in page
    again = openpyxl.load_workbook(io.BytesIO(steward.get("/catalogue/datasets.xlsx").content))
    cell = again["数据资源目录"].cell(row, columns["联系方式 Contact"])
    assert (cell.value, cell.data_type) == ("=HYPERLINK(1)", "s")


def columns_of(sheet: Any) -> dict[str, int]:
    """Column numbers by heading."""
    return {str(cell.value): cell.column for cell in sheet[1]}


def saved(book: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("更新周期 Update period", "偶尔", "第 2 行"), (CATALOGUE, "no_such_set", "no_such_set")],
)
def test_one_wrong_cell_and_nothing_of_a_workbook_takes_effect(
    server: Any, client: Client, column: str, value: str, said: str
) -> None:
    steward = client("steward")
    before = steward.get("/catalogue/datasets.xlsx").content
    book = openpyxl.load_workbook(io.BytesIO(before))
    sheet: Any = book["数据资源目录"]
    columns = columns_of(sheet)
    for row in range(3, sheet.max_row + 1):
        sheet.cell(row, columns["资源摘要 Description"]).value = "不该生效"
    sheet.cell(2, columns[column]).value = value
    refused = steward.post("/catalogue/import", files={"workbook": ("目录.xlsx", saved(book))})
    assert refused.status_code in (400, 404)
    assert said in refused.text
    with server.store.owner_connection() as connection:
        rows = connection.execute(
            "SELECT 1 FROM ioc.catalogue_entry WHERE description = '不该生效'"
        ).fetchall()
    assert rows == []


@pytest.mark.parametrize("content", [b"", b"no workbook", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_workbook_is_refused(client: Client, content: bytes) -> None:
    refused = client("steward").post("/catalogue/import", files={"workbook": ("x.xlsx", content)})
    assert refused.status_code == 400
    assert "workbook" in refused.text


def test_dcat_names_every_visible_dataset_and_how_to_take_it(client: Client) -> None:
    document = client("admin").get("/catalogue/dcat.json")
    assert document.headers["content-type"].startswith("application/ld+json")
    body = json.loads(document.text)
    datasets = {one["dct:identifier"]: one for one in body["dcat:dataset"]}
    assert body["@type"] == "dcat:Catalog"
    url = datasets["facility"]["dcat:distribution"][0]["dcat:accessURL"]["@id"]
    assert client("admin").get(url.removeprefix(str(client("admin").base_url))).status_code == 200
    assert "dcat:distribution" not in datasets["camera"]
    assert "camera" not in {
        one["dct:identifier"] for one in client("planner").get("/catalogue/dcat.json").json()["dcat:dataset"]
    }


def test_a_new_edition_is_handed_in_and_taken_back(
    client: Client, demo_folder: Path, run_ended: Callable[[], tuple[str, str, str | None]]
) -> None:
    steward = client("steward")
    content = (demo_folder / "区城市运行管理中心" / "公共设施_BD09.csv").read_bytes()
    fewer = b"\n".join(content.splitlines()[:-1]) + b"\n"
    asked = steward.post("/catalogue/facility/load", files={"files": ("新 设施.csv", fewer)})
    assert asked.status_code == 303
    assert run_ended() == ("load", "published", None)
    page = steward.get("/catalogue/facility").text
    assert "新 设施.csv" in page
    assert 'action="/catalogue/facility/roll-back"' in page
    assert steward.post("/catalogue/facility/roll-back").status_code == 303
    assert run_ended()[:2] == ("roll_back", "done")
    runs = steward.get("/catalogue/runs").json()["runs"]
    assert [(run["action"], run["requested_by"]) for run in runs[:2]] == [
        ("roll_back", "steward"),
        ("load", "steward"),
    ]


def test_what_cannot_be_loaded_is_said_on_the_page(
    client: Client, run_ended: Callable[[], tuple[str, str, str | None]]
) -> None:
    steward = client("steward")
    assert (
        steward.post("/catalogue/facility/load", files={"files": ("设施.csv", b"a,b\n1,2\n")}).status_code
        == 303
    )
    action, state, message = run_ended()
    assert (action, state) == ("load", "failed")
    assert message
    assert message.split("(")[0][:20] in steward.get("/catalogue/facility").text.replace(
        "&#34;", '"'
    ).replace("&#39;", "'")
    assert steward.post("/catalogue/facility/load", files={"files": ("设施.csv", b"")}).status_code == 400


def test_quarantined_rows_go_out_as_a_workbook_and_come_back(
    client: Client, run_ended: Callable[[], tuple[str, str, str | None]]
) -> None:
    steward = client("steward")
    workbook = steward.get("/catalogue/component/quarantine.xlsx")
    assert workbook.status_code == 200, workbook.text
    sheet = openpyxl.load_workbook(io.BytesIO(workbook.content)).worksheets[0]
    assert sheet.max_row > 2
    back = {"workbook": ("更正.xlsx", workbook.content)}
    assert steward.post("/catalogue/component/corrections", files=back).status_code == 303
    assert run_ended() == ("correct", "unchanged", None)


def test_only_stewards_change_anything(client: Client) -> None:
    water = client("water")
    assert water.post("/catalogue/facility/roll-back").status_code == 403
    assert water.post("/catalogue/facility/load", files={"files": ("x.csv", b"a\n1\n")}).status_code == 403
    assert "roll-back" not in water.get("/catalogue/pipe_segment").text
