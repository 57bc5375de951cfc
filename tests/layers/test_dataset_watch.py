"""The watch hears of what is published and of rights, and says when it does not hear."""

import asyncio

import pytest
from psycopg.conninfo import make_conninfo

from geodata.errors import UserError
from geodata.store import Store
from layers.dataset_watch import DatasetWatch
from tests.layers.district import Conversation, District, change, reload_components, rows_of, tile_at

END_THE_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ioc_app' AND datname = %s"
)


def database_of(district: District) -> str:
    return rows_of(district, "SELECT current_database()")[0][0]


def test_a_broken_connection_stops_caching_until_the_new_one_knows_all(own_district: District) -> None:
    x, y = tile_at(114.34, 30.556, 12)
    path = f"/tiles/component/12/{x}/{y}.mvt"

    async def break_it(conversation: Conversation) -> None:
        watch = conversation.watch
        first = await conversation.get(path)
        change(own_district, END_THE_OTHERS, [database_of(own_district)])
        async with asyncio.timeout(20):
            while watch.is_watched():
                await asyncio.sleep(0)
        meanwhile = await conversation.get(path, if_none_match=first.headers["etag"])
        assert (meanwhile.status_code, meanwhile.headers["cache-control"]) == (200, "no-store")
        reload_components(own_district, 60)
        async with asyncio.timeout(20):
            while not watch.is_watched():
                await asyncio.sleep(0)
        after = await conversation.get(path, if_none_match=first.headers["etag"])
        assert after.status_code == 200
        assert after.headers["etag"] != first.headers["etag"]

    own_district.ask(break_it)


def test_rights_and_datasets_make_everybody_be_resolved_anew(own_district: District) -> None:
    async def listen() -> None:
        heard = asyncio.Event()
        watch = DatasetWatch(own_district.store.app_url, heard.set)
        await watch.start()
        for statement in (
            "UPDATE ioc.account SET sensitivity = 1 WHERE name = %s",
            "UPDATE ioc.dataset SET source_note = %s WHERE code = 'street'",
        ):
            heard.clear()
            change(own_district, statement, ["leader"])
            async with asyncio.timeout(20):
                await heard.wait()
        await watch.stop()
        assert not watch.is_watched()

    asyncio.run(listen())


def test_a_store_that_does_not_answer_is_said_in_one_sentence(
    district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layers.dataset_watch.START_SECONDS", 0.2)
    watch = DatasetWatch(make_conninfo(district.store.app_url, dbname="nosuch"))
    with pytest.raises(UserError, match="does not answer"):
        asyncio.run(watch.start())


def test_reading_outlives_connections_that_the_server_closed(own_district: District) -> None:
    async def read_twice() -> list[int]:
        store = Store(own_district.store.app_url, own_district.store.owner_url)
        counts = []
        for _ in range(2):
            (rows,) = await store.read(
                own_district.viewer("leader"), [(b"SELECT count(*) FROM ioc.component", [])]
            )
            counts.append(rows[0][0])
            change(own_district, END_THE_OTHERS, [database_of(own_district)])
        await store.close()
        return counts

    assert asyncio.run(read_twice()) == [500, 500]


def test_one_url_for_owner_and_web_still_binds_the_web_to_rights(own_district: District) -> None:
    app_url = make_conninfo(own_district.store.owner_url, options="-c role=ioc_app")

    async def count(name: str) -> int:
        store = Store(app_url, own_district.store.owner_url)
        (rows,) = await store.read(own_district.viewer(name), [(b"SELECT count(*) FROM ioc.camera", [])])
        await store.close()
        return rows[0][0]

    assert asyncio.run(count("public")) == 0
    assert asyncio.run(count("police")) == 50
