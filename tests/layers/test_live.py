"""The live stream shows each viewer what the viewer's rights cover, loses nothing, and says when it must."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from geodata.store import Store
from geodata.viewer import Viewer, resolve_viewer
from ioc.embedded_postgis import EmbeddedPostgis
from layers.live.event import View
from layers.live.hub import MOST_REPLAYED, LiveHub
from layers.live.snapshot import Topics
from layers.live.stream import LiveStream
from layers.live.subscription import MOST_WAITING_BYTES
from tests.layers.district import District, change, filled, rows_of

TINY = {"component": 300, "pipe_segment": 50, "camera": 50, "place": 1}
END_THE_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ioc_app' AND datname = %s"
)


@pytest.fixture(scope="module")
def town(postgis: EmbeddedPostgis, database_template: str) -> Iterator[District]:
    """Accounts and datasets that items can be under."""
    with filled(postgis, database_template, TINY) as opened:
        yield opened


@dataclass
class Message:
    """A message as a browser gets it."""

    kind: str
    data: Any
    id: int | None


class Reader:
    """What a browser does with a stream."""

    def __init__(self, stream: LiveStream, after: int | None) -> None:
        self._chunks = stream.messages(after)
        self._messages: list[Message] = []

    async def next(self, *kinds: str) -> Message:
        """The next message that is one of ``kinds``; without any, that is not a sign of life."""
        async with asyncio.timeout(20):
            while True:
                while not self._messages:
                    self._messages = parsed(await anext(self._chunks))
                message = self._messages.pop(0)
                if message.kind in kinds or (not kinds and message.kind != "beat"):
                    return message

    async def values(self, count: int) -> list[Any]:
        """The values of the next ``count`` items."""
        found: list[Any] = []
        while len(found) < count:
            found += [item["value"] for item in (await self.next("reading")).data]
        return found


def parsed(chunk: bytes) -> list[Message]:
    messages = []
    for block in chunk.decode().strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        if "event" in fields:
            event_id = int(fields["id"]) if "id" in fields else None
            messages.append(Message(fields["event"], json.loads(fields["data"]), event_id))
    return messages


@dataclass
class Process:
    """A hub as in one web server, and streams of it."""

    district: District
    store: Store
    hub: LiveHub

    @asynccontextmanager
    async def stream(self, who: str, after: int | None = None, area: str = "") -> AsyncIterator[Reader]:
        def present() -> Viewer | None:
            with self.district.store.owner_connection() as connection:
                return resolve_viewer(connection, self.district.accounts[who])

        async def viewer() -> Viewer | None:
            return await asyncio.to_thread(present)

        first = present()
        assert first is not None
        with self.hub.subscribed(["reading"], View(first.rights, area)) as subscription:
            yield Reader(LiveStream(self.hub, self.store, subscription, viewer), after)

    def tell(self, *values: Any, street: str = "420106001", dataset: str = "component") -> int:
        """One event of items under a right, whatever their values."""
        right = [self.district.datasets[dataset], 1, street]
        return self.say([{"r": right, "value": value} for value in values])

    def say(self, items: list[Any]) -> int:
        with psycopg.connect(self.district.store.owner_url) as connection:
            row = connection.execute("SELECT ioc.tell('reading', %s)", [json.dumps(items)]).fetchone()
        assert row is not None
        return row[0]


def in_a_process(district: District, do: Callable[[Process], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        store = Store(district.store.app_url, district.store.owner_url)
        hub = LiveHub(store.app_url)
        await hub.start()
        async with asyncio.timeout(20):
            while not hub.is_listening:
                await asyncio.sleep(0)
        try:
            await do(Process(district, store, hub))
        finally:
            await hub.stop()
            await store.close()

    asyncio.run(run())


@pytest.mark.parametrize("table", ["component", "pipe_segment", "camera", "street"])
@pytest.mark.parametrize("who", ["leader", "staff", "police", "street-1", "public", "nobody"])
def test_rights_cover_exactly_the_rows_that_the_store_shows(town: District, table: str, who: str) -> None:
    rights = town.viewer(who).rights
    read = sql.SQL("SELECT id, dataset_id, sensitivity, coalesce(area_code, '') FROM ioc.{}").format(
        sql.Identifier(table)
    )
    with psycopg.connect(town.store.owner_url) as owner, town.store.connect(town.viewer(who)) as viewer:
        rows = owner.execute(read).fetchall()
        shown = set(viewer.execute(read).fetchall())
    assert {row for row in rows if rights.covers(*row[1:])} == shown
    assert rows


def test_each_viewer_gets_the_items_their_rights_cover(town: District) -> None:
    async def watch(process: Process) -> None:
        async with (
            process.stream("leader") as leader,
            process.stream("street-1") as street,
            process.stream("police") as police,
            process.stream("leader", area="420106002") as second,
        ):
            components, cameras = town.datasets["component"], town.datasets["camera"]
            process.say(
                [
                    {"r": [components, 1, "420106001001"], "value": "street 1"},
                    {"r": [components, 1, "420106002001"], "value": "street 2"},
                    {"r": [components, 3, "420106001001"], "value": "restricted"},
                    {"r": [cameras, 3, "420106001001"], "value": "camera"},
                    {"r": [components, 1], "value": "half a right"},
                    {"r": {"any": 1}, "value": "no right"},
                    {"value": "none"},
                    "not an item",
                ]
            )
            process.tell("end", street="420106001")
            process.tell("end", street="420106002")
            assert await leader.values(6) == ["street 1", "street 2", "restricted", "camera", "end", "end"]
            assert await street.values(2) == ["street 1", "end"]
            assert await second.values(2) == ["street 2", "end"]
            assert await police.values(5) == ["street 1", "street 2", "camera", "end", "end"]

    in_a_process(town, watch)


def test_items_do_not_tell_of_rights(town: District) -> None:
    async def watch(process: Process) -> None:
        async with process.stream("leader") as leader:
            process.tell(1)
            assert (await leader.next()).data == [{"value": 1}]

    in_a_process(town, watch)


def test_a_stream_goes_on_after_an_event_without_loss_or_doubling(town: District) -> None:
    async def watch(process: Process) -> None:
        first = process.tell(1)
        change(
            town,
            """
            SELECT ioc.tell('reading', jsonb_build_array(jsonb_build_object(
                'value', value, 'r', jsonb_build_array(%s::integer, 1, '42010600' || 2 - value %% 2))))
            FROM generate_series(2, 250) AS value
            """,
            [town.datasets["component"]],
        )
        last = process.tell(251)
        async with asyncio.timeout(20):
            while process.hub.position < last:
                await asyncio.sleep(0)
        async with process.stream("street-1", after=first) as street:
            process.tell(253)
            assert await street.values(126) == list(range(3, 254, 2))
        async with process.stream("street-1", after=process.hub.position) as street:
            assert (await street.next("beat", "reading")).kind == "beat"

    in_a_process(town, watch)


@pytest.mark.parametrize("after", ["before the day", "too many", "ahead"])
def test_who_cannot_be_given_what_was_missed_is_told_so(town: District, after: str) -> None:
    async def watch(process: Process) -> None:
        event = process.tell("old")
        change(town, "UPDATE ioc.live_event SET at = at - interval '25 hours' WHERE id <= %s", [event])
        change(town, "SELECT ioc.forget_live_events()", [])
        last = process.tell("kept")
        async with asyncio.timeout(20):
            while process.hub.position < last:
                await asyncio.sleep(0)
        asked = {"before the day": event - 1, "too many": last - MOST_REPLAYED - 1, "ahead": last + 1}[after]
        async with process.stream("leader", after=max(0, asked)) as leader:
            gap = await leader.next()
            assert (gap.kind, gap.id) == ("gap", last)
            process.tell("new")
            assert await leader.values(1) == ["new"]

    in_a_process(town, watch)


def test_rights_that_change_change_the_stream_at_once(own_district: District) -> None:
    async def watch(process: Process) -> None:
        async with process.stream("staff") as staff:
            process.tell("before")
            assert await staff.values(1) == ["before"]
            change(own_district, "UPDATE ioc.account SET areas = '{420106002}' WHERE name = %s", ["staff"])
            # Told before the process has heard of the change, and waiting to be sent.
            process.tell("waiting")
            assert (await staff.next()).kind == "gap"
            process.tell("elsewhere")
            process.tell("there", street="420106002")
            assert await staff.values(1) == ["there"]
            change(own_district, "UPDATE ioc.account SET active = false WHERE name = %s", ["staff"])
            process.hub.review()
            assert (await staff.next()).kind == "end"

    in_a_process(own_district, watch)


def test_a_stuck_browser_is_told_of_its_gap_and_holds_up_nobody(town: District) -> None:
    async def watch(process: Process) -> None:
        bulk = "x" * (MOST_WAITING_BYTES // 4)
        async with process.stream("leader") as stuck, process.stream("staff") as quick:
            for number in range(6):
                process.tell(f"{number}{bulk}")
                assert (await quick.values(1))[0][0] == str(number)
            gap = await stuck.next()
            assert (gap.kind, gap.id) == ("gap", process.hub.position)
            process.tell("after")
            assert await stuck.values(1) == ["after"]

    in_a_process(town, watch)


def test_a_lost_database_is_said_and_what_was_told_meanwhile_comes_later(own_district: District) -> None:
    async def watch(process: Process) -> None:
        async with process.stream("leader") as leader:
            process.tell(1)
            assert await leader.values(1) == [1]
            change(own_district, END_THE_OTHERS, [database_of(own_district)])
            process.tell(2)
            silent = await leader.next("beat", "reading")
            while silent.kind == "beat" and silent.data["silent_since"] is None:
                silent = await leader.next("beat", "reading")
            assert silent.kind == "beat"
            assert await leader.values(1) == [2]
            assert process.hub.is_listening

    in_a_process(own_district, watch)


def database_of(district: District) -> str:
    return rows_of(district, "SELECT current_database()")[0][0]


def test_a_topic_is_a_file_whose_rows_are_read_under_the_viewers_rights(
    town: District, tmp_path: Path
) -> None:
    (tmp_path / "part.sql").write_text(
        "SELECT jsonb_build_object('code', code) FROM ioc.component "
        "WHERE area_code LIKE %(area)s || '%%' ORDER BY code",
        encoding="utf-8",
    )
    assert list(Topics(town.store, tmp_path)) == ["part"]
    codes = [row[0] for row in rows_of(town, "SELECT code FROM ioc.component ORDER BY code")]
    own = [code for code in codes if code.startswith("420106001")]

    async def read(who: str, area: str) -> list[str]:
        store = Store(town.store.app_url, town.store.owner_url)
        (items,) = await Topics(store, tmp_path).items(town.viewer(who), ["part"], area)
        await store.close()
        return [item["code"] for item in json.loads(items)]

    assert asyncio.run(read("leader", "")) == codes
    assert asyncio.run(read("leader", "420106001")) == own
    assert asyncio.run(read("street-1", "")) == own
    assert asyncio.run(read("nobody", "")) == []
    assert own
