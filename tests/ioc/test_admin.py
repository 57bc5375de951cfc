"""Administration and the audit trail on the running program."""

import html
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openpyxl
import pytest

Client = Callable[[str], httpx.Client]


@pytest.fixture
def client(server: Any) -> Iterator[Client]:
    opened: list[httpx.Client] = []

    def signed_in(name: str) -> httpx.Client:
        opened.append(server.client(name))
        return opened[-1]

    yield signed_in
    for one in opened:
        one.close()


def query(server: Any, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with server.store.owner_connection() as connection:
        return connection.execute(statement, values).fetchall()


def new_account(admin: httpx.Client, server: Any, name: str, role: str = "staff") -> tuple[int, str]:
    form = {"name": name, "display_name": name, "roles": role, "areas": "*", "sensitivity": "3"}
    page = admin.post("/admin/accounts", data=form)
    assert page.status_code == 200, page.text
    password = page.text.split("<code>")[1].split("</code>")[0]
    return query(server, "SELECT id FROM ioc.account WHERE name = %s", name)[0][0], password


def test_a_form_that_is_refused_keeps_what_was_written(client: Client) -> None:
    admin = client("admin")
    form = {"name": "wang", "display_name": "王", "roles": "staff", "areas": "12", "sensitivity": "3"}
    refused = admin.post("/admin/accounts", data=form)
    assert refused.status_code == 400
    for kept in ('value="wang"', 'value="王"', 'value="12"', 'value="staff" checked', 'value="3" selected'):
        assert kept in refused.text
    assert admin.get("/admin/accounts").headers["location"] == "/admin"


@pytest.mark.parametrize("name", ["duty", "water", "planner", "leader", "steward"])
def test_administration_is_refused_to_everybody_else_and_the_refusal_written(
    server: Any, client: Client, name: str
) -> None:
    one = client(name)
    assert one.get("/admin").status_code == 403
    assert one.post("/admin/accounts", data={"name": "x"}).status_code == 403
    refused = query(
        server,
        "SELECT count(*) FROM ioc.audit_entry WHERE action = 'refused' AND account_name = %s",
        name,
    )
    assert refused[0][0] >= 1


def test_an_account_lives_from_its_making_to_its_end(server: Any, client: Client) -> None:
    admin = client("admin")
    account_id, password = new_account(admin, server, "zhao")
    path = f"/admin/accounts/{account_id}"
    page = admin.post(
        f"{path}/grants", data={"dataset": "camera", "department": "*", "area": "420106012", "sensitivity": 3}
    )
    assert "420106012" in page.text
    with httpx.Client(base_url=server.address) as zhao:
        zhao.post("/sign-in", json={"name": "zhao", "password": password})
        assert zhao.get("/whoami").json()["roles"] == ["staff"]
        gone = {"display_name": "赵", "roles": "staff", "areas": "420106012", "sensitivity": "1"}
        assert admin.post(path, data=gone).status_code == 200
        assert zhao.get("/whoami").status_code == 401
    found = admin.get("/admin/audit", params={"subject": "zhao"}).text
    assert all(words in found for words in ("新增账号", "修改账号", "授权"))


@pytest.mark.parametrize(
    ("change", "words"),
    [({"areas": "4201"}, "区域代码"), ({"roles": "staff"}, "不能停用自己"), ({"active": ""}, "不能停用自己")],
)
def test_a_form_that_cannot_be_is_refused_in_words(
    server: Any, client: Client, change: dict[str, str], words: str
) -> None:
    own = query(server, "SELECT id FROM ioc.account WHERE name = 'admin'")[0][0]
    form = {"display_name": "管理员", "roles": "admin", "areas": "*", "sensitivity": "3", "active": "yes"}
    page = client("admin").post(f"/admin/accounts/{own}", data=form | change)
    assert page.status_code == 400
    assert words in page.text


def test_ones_own_password_changes_and_the_other_sessions_end(server: Any, client: Client) -> None:
    _, password = new_account(client("admin"), server, "qian")
    with httpx.Client(base_url=server.address) as here, httpx.Client(base_url=server.address) as there:
        for one in (here, there):
            one.post("/sign-in", json={"name": "qian", "password": password})
        form = {"old": password, "new": "another-password", "again": "another-password"}
        assert here.post("/account/password", data=form | {"old": "wrong"}).status_code == 400
        assert here.post("/account/password", data=form | {"again": "x"}).status_code == 400
        assert here.post("/account/password", data=form).status_code == 200
        assert here.get("/whoami").status_code == 200
        assert there.get("/whoami").status_code == 401
        answer = there.post("/sign-in", json={"name": "qian", "password": "another-password"})
        assert answer.status_code == 200


def test_an_administrator_ends_a_session(server: Any, client: Client) -> None:
    admin = client("admin")
    account_id, password = new_account(admin, server, "sun")
    with httpx.Client(base_url=server.address) as sun:
        sun.post("/sign-in", json={"name": "sun", "password": password})
        wanted = "SELECT id FROM ioc.credential WHERE account_id = %s"
        (session,) = query(server, wanted, account_id)
        assert admin.post(f"/admin/sessions/{session[0]}/revoke").status_code == 303
        assert sun.get("/whoami").status_code == 401


def test_a_session_of_somebody_else_is_not_ones_own_to_end(server: Any, client: Client) -> None:
    admin, water = client("admin"), client("water")
    (newest,) = query(
        server,
        "SELECT max(c.id) FROM ioc.credential c JOIN ioc.account a ON a.id = c.account_id "
        "WHERE a.name = 'admin'",
    )
    water.post(f"/account/sessions/{newest[0]}/revoke")
    assert admin.get("/whoami").status_code == 200


def test_looking_at_a_restricted_record_is_written_before_it_is_sent(server: Any, client: Client) -> None:
    ((camera, lon, lat),) = query(server, "SELECT id, ST_X(geom), ST_Y(geom) FROM ioc.camera LIMIT 1")
    ((facility,),) = query(server, "SELECT id FROM ioc.facility LIMIT 1")
    leader = client("leader")
    assert leader.get(f"/features/camera/items/{camera}").status_code == 200
    place = {"lon": lon, "lat": lat, "zoom": 18, "layers": "camera"}
    assert leader.get("/identify", params=place).json()["layers"]
    assert leader.get("/features/collections/camera/items").status_code == 403
    assert leader.get(f"/features/collections/camera/items/{camera}").status_code == 200
    assert leader.get(f"/features/facility/items/{facility}").status_code == 200
    views = query(
        server,
        "SELECT layer, subject LIKE '%%' || %s || '%%' FROM ioc.audit_entry "
        "WHERE action = 'view' AND account_name = 'leader' ORDER BY id",
        str(camera),
    )
    assert views == [("camera", True)] * 3
    assert not query(server, "SELECT FROM ioc.audit_entry WHERE action = 'view' AND layer = 'facility'")


def test_what_is_asked_of_a_restricted_layer_is_written_and_so_is_what_is_taken_away(
    server: Any, client: Client
) -> None:
    ((code, lon, lat),) = query(server, "SELECT code, ST_X(geom), ST_Y(geom) FROM ioc.camera LIMIT 1")
    d = 0.002
    ring = [
        [lon - d, lat - d],
        [lon + d, lat - d],
        [lon + d, lat + d],
        [lon - d, lat + d],
        [lon - d, lat - d],
    ]
    shape = {"type": "Polygon", "coordinates": [ring]}
    leader = client("leader")
    before = query(server, "SELECT coalesce(max(id), 0) FROM ioc.audit_entry")[0][0]
    asked = [
        leader.get("/search", params={"q": code}),
        leader.get("/nearest", params={"kind": "camera", "lon": lon, "lat": lat}),
        leader.get("/layers/camera/statistics"),
        leader.get("/layers/camera/values", params={"field": "camera_type"}),
        leader.post("/query", json={"geometry": shape, "layers": ["camera"]}),
        leader.post("/layers/camera/rows", json={"bbox": [lon - d, lat - d, lon + d, lat + d]}),
        leader.post("/query/export?format=csv", json={"geometry": shape, "layers": ["component"]}),
    ]
    assert [answer.status_code for answer in asked] == [200] * len(asked)
    trail = query(
        server,
        "SELECT action, layer FROM ioc.audit_entry WHERE id > %s AND account_name = 'leader' "
        "AND action IN ('view', 'export') ORDER BY id",
        before,
    )
    assert trail == [("view", "camera")] * 6 + [("export", "component")]


def test_the_trail_is_taken_away_as_csv_and_excel_and_that_is_written_too(
    server: Any, client: Client
) -> None:
    admin = client("admin")
    asked = {"who": "admin", "action": "sign_in"}
    lines = admin.get("/admin/audit.csv", params=asked).text.splitlines()
    assert lines[0].startswith("\ufeff时间,账号")
    assert len(lines) >= 2
    assert all(",admin,sign_in," in line for line in lines[1:])
    sheet = openpyxl.load_workbook(io.BytesIO(admin.get("/admin/audit.xlsx", params=asked).content)).active
    assert sheet is not None
    assert sheet.max_row == len(lines)
    exports = query(server, "SELECT subject FROM ioc.audit_entry WHERE action = 'audit_export' ORDER BY id")
    assert exports[-2:] == [("csv",), ("xlsx",)]
    assert admin.get("/admin/audit", params={"since": "yesterday"}).status_code == 400


@pytest.mark.parametrize("path", ["/admin", "/admin/rights", "/admin/sessions", "/admin/audit", "/account"])
def test_pages_are_made_in_both_languages(client: Client, path: str) -> None:
    admin = client("admin")
    assert 'lang="zh-CN"' in admin.get(path).text
    assert 'lang="en"' in admin.get(path, params={"lang": "en"}).text
    assert 'lang="en"' in admin.get(path).text


@pytest.mark.parametrize("path", ["/admin/audit?who=admin", "/account", "/review"])
def test_pages_keep_the_theme_that_was_chosen_and_stay_where_they_are(client: Client, path: str) -> None:
    admin = client("admin")
    page = admin.get(path).text
    assert 'data-theme="night"' in page
    link = re.search(r'href="([^"]*theme=day)"', page)
    assert link is not None
    assert html.unescape(link[1]).startswith(path)
    assert 'data-theme="day"' in admin.get(html.unescape(link[1])).text
    assert 'data-theme="day"' in admin.get("/account").text
    assert 'data-theme="night"' in admin.get("/account", params={"theme": "night"}).text


def test_after_a_form_was_refused_the_links_lead_back_to_the_page_it_is_on(client: Client) -> None:
    admin = client("admin")
    sent = {"old": "wrong", "new": "long enough 1", "again": "another one 2"}
    page = admin.post("/account/password", data=sent, headers={"referer": "http://testserver/account"})
    assert page.status_code == 400
    assert 'href="/account?lang=en"' in page.text
    assert 'href="/account?theme=day"' in page.text


@pytest.mark.parametrize(
    ("name", "more"),
    [("leader", []), ("water", ["/review"]), ("steward", ["/hand-in", "/devices", "/review"])],
)
def test_each_office_page_leads_to_the_others_of_use(client: Client, name: str, more: list[str]) -> None:
    one = client(name)
    for path in ("/cases", "/alarms", "/catalogue", "/account", *more):
        navigation = one.get(path).text.split("<header>")[1].split("</nav>")[0]
        assert re.findall(r'<a href="([^"]+)"', navigation) == ["/cases", "/alarms", "/catalogue", *more]
    assert list(one.get("/whoami").json()["pages"].values()) == ["/cases", "/alarms", "/catalogue", *more]
    assert 'href="/admin/audit"' in client("admin").get("/admin/rights").text
