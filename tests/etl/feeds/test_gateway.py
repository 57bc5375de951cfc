"""A TCP door with real sockets and a store that answers when the test says so."""

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from etl.feeds import hj212
from etl.feeds.door_tally import DoorTally
from etl.feeds.gateway import MOST_RUBBISH, Gateway, Limits
from etl.feeds.hj212_conversation import Hj212Conversation
from etl.feeds.reading import Reading, Receipt, Submission
from tests.etl.feeds.published_frames import HJ212_WRONG_CRC

ADDRESS = "127.0.0.1"
LIAR = next(iter(HJ212_WRONG_CRC)).encode()


def _frame(number: int) -> bytes:
    items = ((("DataTime", "20260701140000"),), (("w01018-Rtd", str(number)),))
    return hj212.encode(hj212.Message("32", "2011", items, f"{number:017d}", "123456", f"A{number}", 5))


def _answered(content: bytes) -> list[int]:
    """Numbers of the frames that were answered."""
    answers = [hj212.decode(found) for found in hj212.stream().feed(content) if isinstance(found, bytes)]
    assert {answer.cn for answer in answers} <= {"9014"}
    return [int(answer.qn or "") for answer in answers]


PATIENT = Limits(60)


class _Store:
    """Keeps readings when ``open`` is set."""

    def __init__(self) -> None:
        self.kept: list[Reading] = []
        self.asked = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def keep(self, submission: Submission) -> Receipt:
        assert submission.source == "hj212"
        self.asked.set()
        await self.open.wait()
        self.kept += submission.readings
        return Receipt(len(submission.readings))


def _with_gateway(run: Callable[[_Store, DoorTally, int], Awaitable[None]], limits: Limits = PATIENT) -> None:
    async def main() -> None:
        store, tally = _Store(), DoorTally("hj212")
        gateway = Gateway("hj212", Hj212Conversation, store.keep, tally, limits)
        port = await gateway.start(ADDRESS, 0)
        try:
            await run(store, tally, port)
        finally:
            await gateway.close()

    asyncio.run(asyncio.wait_for(main(), 60))


async def _converse(port: int, *parts: bytes) -> list[int]:
    """Numbers answered to what is sent, until the device hangs up its side."""
    reader, writer = await asyncio.open_connection(ADDRESS, port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    writer.write_eof()
    answers = await reader.read()
    writer.close()
    return _answered(answers)


def test_nothing_is_answered_before_it_is_stored() -> None:
    async def run(store: _Store, _tally: DoorTally, port: int) -> None:
        store.open.clear()
        reader, writer = await asyncio.open_connection(ADDRESS, port)
        writer.write(_frame(1))
        await store.asked.wait()
        answer = asyncio.create_task(reader.readuntil(hj212.TAIL))
        # Another device is served meanwhile, up to the same gate.
        store.asked.clear()
        _other, other = await asyncio.open_connection(ADDRESS, port)
        other.write(_frame(2))
        await store.asked.wait()
        assert not answer.done()
        store.open.set()
        assert _answered(await answer) == [1]
        assert sorted(reading.device for reading in store.kept)[0] == "A1"
        writer.close()
        other.close()

    _with_gateway(run)


def test_half_frames_many_at_once_and_rubbish_between() -> None:
    async def run(store: _Store, tally: DoorTally, port: int) -> None:
        frames = [_frame(number) for number in range(40)]
        middle = len(frames[0]) // 2
        assert await _converse(port, frames[0][:middle], frames[0][middle:]) == [0]
        assert await _converse(port, b"".join(frames)) == list(range(40))
        assert await _converse(port, b"\x00##99" + frames[3] + LIAR + frames[4]) == [3, 4]
        assert len(store.kept) == 43
        counts, contacts = tally.take()
        assert (counts["messages"], counts["stored"]) == (43, 43)
        assert counts["refused"] >= 2
        assert any("CRC" in refusal.reason_en for refusal in tally.refusals)
        assert contacts["A3"].messages == 2

    _with_gateway(run)


def test_a_liar_is_let_go_and_the_others_are_served() -> None:
    async def run(_store: _Store, tally: DoorTally, port: int) -> None:
        async def lie() -> None:
            reader, writer = await asyncio.open_connection(ADDRESS, port)
            try:
                while not reader.at_eof():
                    writer.write(LIAR * 100)
                    await writer.drain()
                    await asyncio.sleep(0)
            except OSError:
                pass
            writer.close()

        liars = [asyncio.create_task(lie()) for _ in range(8)]
        assert await asyncio.gather(*(_converse(port, _frame(n)) for n in range(30))) == [
            [n] for n in range(30)
        ]
        await asyncio.gather(*liars)
        assert tally.take()[0]["refused"] >= 8 * MOST_RUBBISH

    _with_gateway(run)


def test_a_silent_connection_and_one_too_many_are_let_go() -> None:
    async def run(_store: _Store, tally: DoorTally, port: int) -> None:
        reader, writer = await asyncio.open_connection(ADDRESS, port)
        writer.write(_frame(1))
        assert _answered(await reader.readuntil(hj212.TAIL)) == [1]
        refused, other = await asyncio.open_connection(ADDRESS, port)
        assert await _end(refused) == b""
        assert tally.counts["turned_away"] == 1
        # It has said something sound, so its own patience holds: none.
        assert await _end(reader) == b""
        writer.close()
        other.close()

    _with_gateway(run, Limits(idle_seconds=0.2, connections=1))


async def _end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([b"##", b"##0101", LIAR, _frame(7)[:30]]), max_size=8)
)
@settings(max_examples=25)
def test_no_bytes_end_the_door(rubbish: list[bytes]) -> None:
    async def run(_store: _Store, _tally: DoorTally, port: int) -> None:
        await _converse(port, *rubbish)
        assert await _converse(port, *rubbish, _frame(1)) == [1]

    _with_gateway(run)
