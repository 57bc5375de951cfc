"""Guessing is slowed down, refusals are written down, screens sign in once, passwords change hands safely."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.testclient import TestClient

from geodata.store import Store
from ioc.accounts import NewAccount, add_account, issue_credential, issue_kiosk_link, unlock_account
from ioc.request_limit import RequestLimit
from ioc.request_trail import RequestTrail
from ioc.sign_in import COOKIE, SignInMiddleware, ViewerDirectory, may_read_metrics, sign_in_router, viewer_of

PASSWORD = "绿色-grid-10000"
METRICS_TOKEN = "only-for-prometheus"


@pytest.fixture
def account_id(store: Store) -> int:
    with store.owner_session() as session:
        return add_account(session, NewAccount("li", "李值班", ("screen",)), PASSWORD).id


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    app = FastAPI()
    directory = ViewerDirectory(store, lambda: False)
    app.include_router(sign_in_router(store, directory, session_hours=1, demo_hint=lambda: False))

    @app.get("/map")
    @app.get("/tiles/map")
    def one_map(request: Request) -> str:
        return viewer_of(request).name

    @app.get("/metrics", dependencies=[Depends(may_read_metrics)])
    def metrics() -> str:
        return "numbers"

    @app.get("/forbidden")
    def forbidden() -> None:
        raise HTTPException(403)

    requests = RequestTrail(store)
    app.add_middleware(
        SignInMiddleware,
        directory=directory,
        trail=requests,
        limit=RequestLimit(0.5),
        metrics_token=METRICS_TOKEN,
    )
    app.router.add_event_handler("shutdown", requests.close)
    app.router.add_event_handler("shutdown", store.close)
    with TestClient(app, base_url="http://centre.example", follow_redirects=False) as client:
        yield client


def sign_in(client: TestClient, password: str = PASSWORD, name: str = "li") -> int:
    return client.post("/sign-in", json={"name": name, "password": password}).status_code


def trail(store: Store, action: str) -> list[tuple[Any, ...]]:
    with store.owner_connection() as connection:
        return connection.execute(
            "SELECT account_name, address, subject, detail FROM ioc.audit_entry "
            "WHERE action = %s ORDER BY id",
            [action],
        ).fetchall()


@pytest.mark.usefixtures("account_id")
def test_five_wrong_passwords_lock_the_account_for_the_right_one_too(
    client: TestClient, store: Store
) -> None:
    assert [sign_in(client, "wrong-password") for _ in range(5)] == [401] * 5
    locked = client.post("/sign-in", json={"name": "li", "password": PASSWORD})
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= 60
    assert "锁定" in client.post("/sign-in", data={"name": "li", "password": PASSWORD}).text
    assert len(trail(store, "sign_in_failed")) == 5
    assert trail(store, "sign_in_locked")[0][:2] == ("li", "testclient")
    with store.owner_session() as session:
        unlock_account(session, "li", "zhang")
    assert sign_in(client) == 200
    assert trail(store, "account_unlock")[0][::2] == ("zhang", "li")


@pytest.mark.usefixtures("account_id")
def test_the_lock_grows_with_each_further_failure_up_to_a_quarter_of_an_hour(store: Store) -> None:
    def attempt() -> int:
        row = connection.execute("SELECT ioc.begin_sign_in('li', NULL)").fetchone()
        assert row is not None
        return row[0]

    minutes = []
    with store.owner_connection() as connection:
        for _ in range(11):
            assert attempt() == 0
            row = connection.execute(
                "SELECT round(extract(epoch FROM locked_until - last_at) / 60) FROM ioc.sign_in_attempt"
            ).fetchone()
            minutes.append(row and row[0])
            connection.execute("UPDATE ioc.sign_in_attempt SET locked_until = NULL")
    assert minutes == [None] * 4 + [1, 2, 4, 8, 15, 15, 15]


def test_an_address_is_locked_when_it_tries_many_names(client: TestClient, store: Store) -> None:
    assert [sign_in(client, "wrong-password", f"name{n}") for n in range(20)] == [401] * 20
    assert sign_in(client, "wrong-password", "another") == 429
    assert {entry[0] for entry in trail(store, "sign_in_failed")} == {None}


@pytest.mark.usefixtures("account_id")
def test_signing_in_and_out_is_written_down(client: TestClient, store: Store) -> None:
    sign_in(client)
    client.post("/sign-out")
    assert trail(store, "sign_in") == [("li", "testclient", None, {"by": "password"})]
    assert trail(store, "sign_out")[0][0] == "li"


def test_a_refusal_is_written_at_once_and_its_repetitions_are_counted(
    client: TestClient, store: Store, account_id: int
) -> None:
    for _ in range(3):
        client.get("/map", headers={"authorization": "Bearer guess"})
        client.get("/tiles/map", headers={"authorization": "Bearer guess"})
    client.get("/map")
    assert trail(store, "refused") == [(None, "testclient", "/map", {"status": 401, "method": "GET"})]
    with store.owner_connection() as connection:
        token = issue_credential(connection, account_id, "token", timedelta(days=1))
    client.get("/forbidden", headers={"authorization": f"Bearer {token}"})
    assert trail(store, "refused")[1][::2] == ("li", "/forbidden")
    client.__exit__(None, None, None)
    assert trail(store, "refused")[2][3] == {"status": 401, "method": "GET", "repeated": 2}


@pytest.mark.usefixtures("account_id")
def test_who_asks_too_often_is_told_to_wait_and_tiles_are_not_counted(client: TestClient) -> None:
    sign_in(client)
    answers = [client.get("/map") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert int(answers[-1].headers["retry-after"]) in (1, 2)
    assert client.get("/tiles/map").status_code == 200


def test_a_screens_link_works_once_and_not_as_a_token(
    client: TestClient, store: Store, account_id: int
) -> None:
    with store.owner_connection() as connection:
        secret = issue_kiosk_link(connection, account_id, "大屏 3")
    assert client.get("/map", headers={"authorization": f"Bearer {secret}"}).status_code == 401
    opened = client.get(f"/kiosk?token={secret}")
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    assert "max-age=34560000" in opened.headers["set-cookie"].lower()
    assert client.get("/map").json() == "li"
    client.cookies.clear()
    assert client.get(f"/kiosk?token={secret}").status_code == 401
    assert COOKIE not in client.cookies


def test_a_screens_session_ends_when_its_account_is_no_screen_any_more(
    client: TestClient, store: Store, account_id: int
) -> None:
    with store.owner_connection() as connection:
        secret = issue_kiosk_link(connection, account_id)
    client.get(f"/kiosk?token={secret}")
    with store.owner_connection() as connection:
        connection.execute("UPDATE ioc.account SET roles = '{staff}'")
    assert client.get("/map").status_code == 401


def test_the_metrics_token_opens_the_metrics_and_nothing_else(
    client: TestClient, store: Store, account_id: int
) -> None:
    prometheus = {"authorization": f"Bearer {METRICS_TOKEN}"}
    assert client.get("/metrics", headers=prometheus).json() == "numbers"
    assert client.get("/map", headers=prometheus).status_code == 401
    assert client.get("/metrics", headers={"authorization": "Bearer guess"}).status_code == 401
    assert client.get("/metrics").status_code == 401
    with store.owner_connection() as connection:
        token = issue_credential(connection, account_id, "token", timedelta(days=1))
    assert client.get("/metrics", headers={"authorization": f"Bearer {token}"}).status_code == 403
