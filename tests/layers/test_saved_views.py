"""Saved views: one's own and the department's, and nobody else's."""

from typing import Any

import httpx
import psycopg
import pytest

from tests.layers.district import Conversation, District

STATE = "1.eyJsIjpbXX0"


async def keep(conversation: Conversation, who: str, name: str, **more: Any) -> httpx.Response:
    body = {"name": name, "state": STATE, **more}
    return await conversation.client.post("/views", json=body, headers={"x-account": who})


async def names(conversation: Conversation, who: str) -> list[str]:
    return [view["name"] for view in (await conversation.get("/views", who)).json()["views"]]


def test_views_are_ones_own_or_the_departments(own_district: District) -> None:
    async def talk(conversation: Conversation) -> None:
        assert (await keep(conversation, "staff", "积水点")).status_code == 201
        shared = await keep(conversation, "staff", "夜查", shared=True)
        assert shared.status_code == 201
        assert (await keep(conversation, "staff", "夜查")).status_code == 400
        assert (await keep(conversation, "street-1", "夜查")).status_code == 201
        assert await names(conversation, "staff") == ["夜查", "积水点"]
        assert await names(conversation, "street-1") == ["夜查", "夜查"]
        assert await names(conversation, "police") == []
        assert await names(conversation, "leader") == []
        listed = (await conversation.get("/views", "street-1")).json()["views"]
        assert {(view["own"], view["keeper"]) for view in listed} == {(False, "staff"), (True, "street-1")}
        path = f"/views/{shared.json()['id']}"
        for other in ("street-1", "police"):
            answer = await conversation.client.delete(path, headers={"x-account": other})
            assert answer.status_code == 404
        answer = await conversation.client.delete(path, headers={"x-account": "staff"})
        assert answer.status_code == 204
        assert await names(conversation, "staff") == ["积水点"]
        assert (await keep(conversation, "leader", "x", shared=True)).status_code == 400

    own_district.ask(talk)


@pytest.mark.parametrize(
    ("name", "state"),
    [("", STATE), ("x" * 81, STATE), ("a\x00b", STATE), ("x", "rubbish"), ("x", "1." + "a" * 13_000)],
)
def test_what_is_no_view_is_refused(own_district: District, name: str, state: str) -> None:
    async def talk(conversation: Conversation) -> None:
        assert (await keep(conversation, "staff", name, state=state)).status_code == 400
        gone = await conversation.client.delete(f"/views/{2**70}", headers={"x-account": "staff"})
        assert gone.status_code == 404

    own_district.ask(talk)


def test_the_store_itself_refuses_a_view_in_anothers_name(own_district: District) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        own_district.store.connect(own_district.viewer("staff")) as connection,
    ):
        connection.execute(
            "INSERT INTO ioc.saved_view (account_id, name, state) VALUES (%s, 'x', 'y')",
            [own_district.accounts["police"]],
        )
