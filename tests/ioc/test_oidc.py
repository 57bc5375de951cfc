"""Single sign-on against a provider that runs here, over HTTP."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from oidc_provider_mock import User, run_server_in_thread

from geodata.errors import UserError
from geodata.store import Store
from ioc.accounts import NewAccount, add_account
from ioc.oidc import OidcProvider, oidc_router, read_claims
from ioc.sign_in import SignInMiddleware, ViewerDirectory, sign_in_router, viewer_of

PEOPLE = (
    User(sub="1", claims={"preferred_username": "wang", "name": "王水务", "groups": ["ioc-staff", "other"]}),
    User(sub="2", claims={"preferred_username": "li", "name": "李无关", "groups": ["accounting"]}),
    User(sub="3", claims={"preferred_username": "zhang", "name": "冒名", "groups": ["ioc-admin"]}),
)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with run_server_in_thread(user_claims=PEOPLE) as provider:
        yield f"http://localhost:{provider.server_port}"


@pytest.fixture
def client(store: Store, issuer: str) -> Iterator[TestClient]:
    app = FastAPI()
    directory = ViewerDirectory(store, lambda: False)
    provider = OidcProvider(issuer, "ioc", "secret")
    app.include_router(sign_in_router(store, directory, 1, lambda: False, single_sign_on=True))
    app.include_router(oidc_router(store, provider, read_claims(None), timedelta(hours=1)))

    @app.get("/map")
    def one_map(request: Request) -> list[str]:
        viewer = viewer_of(request)
        return [viewer.name, viewer.display_name, *viewer.roles]

    app.add_middleware(SignInMiddleware, directory=directory)
    with TestClient(app, base_url="http://centre.example", follow_redirects=False) as client:
        yield client


def come_back(client: TestClient, subject: str) -> str:
    """The address at which the provider sends a person back who has signed in there."""
    there = client.get("/sign-in/oidc?next=/map").headers["location"]
    answer = httpx.post(there, data={"sub": subject})
    assert answer.status_code in (302, 303), answer.text
    return answer.headers["location"]


def test_a_person_of_the_district_comes_in_with_the_roles_of_the_claims(client: TestClient) -> None:
    assert "/sign-in/oidc?next=%2Fmap" in client.get("/sign-in?next=/map").text
    answer = client.get(come_back(client, "1"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/map")
    assert client.get("/map").json() == ["wang", "王水务", "staff"]
    client.cookies.clear()
    assert client.get(come_back(client, "1")).status_code == 303


def test_who_has_no_role_here_is_refused_and_that_is_written(client: TestClient, store: Store) -> None:
    assert client.get(come_back(client, "2")).status_code == 401
    with store.owner_connection() as connection:
        row = connection.execute(
            "SELECT detail FROM ioc.audit_entry WHERE action = 'sign_in_failed'"
        ).fetchone()
    assert row is not None
    assert row[0]["by"] == "oidc"


def test_a_name_that_is_another_accounts_is_not_taken_over(client: TestClient, store: Store) -> None:
    with store.owner_session() as session:
        add_account(session, NewAccount("zhang", "张主任", ("admin",)), "a-long-password")
    assert client.get(come_back(client, "3")).status_code == 401


def test_an_answer_that_was_not_asked_for_from_this_browser_is_refused(client: TestClient) -> None:
    back = come_back(client, "1")
    client.cookies.clear()
    assert client.get(back).status_code == 401
    again = come_back(client, "1")
    assert client.get(again.replace("state=", "state=x")).status_code == 401


@pytest.mark.parametrize(
    ("change", "words"),
    [(("staff", "boss"), "boss"), (("claim", "demand"), "mapping of claims"), (("=", ""), "mapping")],
)
def test_a_faulty_mapping_is_named(tmp_path: Path, change: Any, words: str) -> None:
    text = (Path(__file__).parents[2] / "ioc" / "oidc_claims.toml").read_text("utf-8")
    file = tmp_path / "claims.toml"
    file.write_text(text.replace(*change), "utf-8")
    with pytest.raises(UserError, match=words):
        read_claims(file)
    with pytest.raises(UserError, match="IOC_OIDC_CLAIMS"):
        read_claims(tmp_path / "missing.toml")
