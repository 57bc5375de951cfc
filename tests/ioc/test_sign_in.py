"""Signing in over HTTP: nobody passes without, nothing passes from another site, rights change at once."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from geodata.store import Store
from ioc.accounts import NewAccount, add_account, issue_credential, set_password
from ioc.sign_in import COOKIE, SignInMiddleware, ViewerDirectory, sign_in_router, viewer_of

PASSWORD = "绿色-grid-10000"


class Watch:
    """Stands for the store's notifications: connected or not."""

    connected = True


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def directory(store: Store, watch: Watch) -> ViewerDirectory:
    return ViewerDirectory(store, lambda: watch.connected)


@pytest.fixture
def account_id(store: Store) -> int:
    with store.owner_session() as session:
        return add_account(session, NewAccount("li", "李值班", ("screen",)), PASSWORD).id


@pytest.fixture
def client(store: Store, directory: ViewerDirectory) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(sign_in_router(store, directory, session_hours=1, demo_hint=lambda: False))

    @app.get("/map")
    def one_map(request: Request) -> str:
        return viewer_of(request).name

    @app.post("/map")
    def change_map(request: Request) -> str:
        return viewer_of(request).name

    app.add_middleware(SignInMiddleware, directory=directory)
    with TestClient(app, base_url="http://centre.example", follow_redirects=False) as client:
        yield client


def sign_in(client: TestClient, password: str = PASSWORD) -> int:
    return client.post("/sign-in", json={"name": "li", "password": password}).status_code


def test_nobody_is_sent_to_sign_in_or_refused_in_one_sentence(client: TestClient) -> None:
    page = client.get("/map?layer=a", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/map%3Flayer%3Da")
    answer = client.get("/map", headers={"accept": "application/json"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert "/sign-in" in answer.json()["detail"]


@pytest.mark.usefixtures("account_id")
def test_signing_in_by_form_sets_a_cookie_scripts_cannot_read_and_leads_back(client: TestClient) -> None:
    answer = client.post("/sign-in?next=/map", data={"name": "li", "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/map")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert client.get("/map").json() == "li"
    assert client.get("/whoami").json()["roles"] == ["screen"]


def test_the_sign_in_page_keeps_where_one_wanted_to_go_in_either_language(client: TestClient) -> None:
    page = client.get("/sign-in?next=/map").text
    assert "登录" in page
    assert "/sign-in?next=%2Fmap&amp;lang=en" in page
    assert "/sign-in?next=%2Fmap&amp;lang=zh" in client.get("/sign-in?lang=en&next=/map").text


@pytest.mark.usefixtures("account_id")
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "map"])
def test_signing_in_never_leads_to_another_site(client: TestClient, target: str) -> None:
    answer = client.post("/sign-in", data={"name": "li", "password": PASSWORD, "next": target})
    assert answer.headers["location"] == "/"


@pytest.mark.usefixtures("account_id")
def test_a_wrong_password_an_unknown_name_and_rubbish_are_refused(client: TestClient) -> None:
    assert sign_in(client, "wrong-password") == 401
    assert client.post("/sign-in", data={"name": "nobody", "password": PASSWORD}).status_code == 401
    assert (
        client.post("/sign-in", content=b"\xff{", headers={"content-type": "application/json"}).status_code
        == 401
    )
    assert COOKIE not in client.cookies
    assert client.get("/map").status_code == 401


@pytest.mark.usefixtures("account_id")
def test_signing_out_ends_the_session_for_good(client: TestClient) -> None:
    sign_in(client)
    secret = client.cookies[COOKIE]
    client.post("/sign-out")
    assert client.get("/map", cookies={COOKIE: secret}).status_code == 401


def test_a_token_serves_scripts_until_it_expires(client: TestClient, store: Store, account_id: int) -> None:
    with store.owner_connection() as connection:
        good = issue_credential(connection, account_id, "token", timedelta(days=1))
        expired = issue_credential(connection, account_id, "token", timedelta(seconds=-1))
    assert client.get("/map", headers={"authorization": f"Bearer {good}"}).json() == "li"
    assert client.get("/map", headers={"authorization": f"Bearer {expired}"}).status_code == 401
    assert client.get("/map", headers={"authorization": "Bearer rubbish"}).status_code == 401


@pytest.mark.usefixtures("account_id")
def test_a_request_from_another_sites_page_changes_nothing(client: TestClient) -> None:
    sign_in(client)
    assert client.post("/map", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/map", headers={"origin": "http://centre.example"}).status_code == 200
    attempt = {"name": "li", "password": PASSWORD}
    assert client.post("/sign-in", json=attempt, headers={"origin": "http://evil.example"}).status_code == 403


def test_a_new_password_ends_the_open_sessions(
    client: TestClient, store: Store, directory: ViewerDirectory, account_id: int
) -> None:
    sign_in(client)
    assert client.get("/map").status_code == 200
    with store.owner_session() as session:
        set_password(session, "li", "another-password")
    directory.forget()
    assert client.get("/map").status_code == 401
    assert sign_in(client) == 401
    assert sign_in(client, "another-password") == 200
    assert account_id > 0


def test_rights_are_not_remembered_while_their_changes_are_not_heard(
    client: TestClient, store: Store, watch: Watch, account_id: int
) -> None:
    sign_in(client)
    watch.connected = False
    assert client.get("/map").status_code == 200
    with store.owner_connection() as connection:
        connection.execute("UPDATE ioc.account SET active = false WHERE id = %s", [account_id])
    assert client.get("/map").status_code == 401


def test_a_session_lasts_as_long_as_the_setting_says(
    client: TestClient, store: Store, account_id: int
) -> None:
    sign_in(client)
    with store.owner_connection() as connection:
        row = connection.execute(
            "SELECT expires_at - created_at FROM ioc.credential WHERE account_id = %s", [account_id]
        ).fetchone()
    assert row == (timedelta(hours=1),)
