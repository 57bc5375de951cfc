"""A hydrological station of SL 651: reports and has them confirmed (M2), and answers what it is asked (M4).

It keeps its line and comes back by itself when it breaks, with a keep-alive; what it measures it keeps, so it
can be asked for what did not get through.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from etl.feeds import sl651, sl651_query
from etl.feeds.frame import BEIJING, FrameError
from etl.feeds.sl651_query import Query, read_query
from etl.feeds.sl651_station_body import write_report, write_row, write_status
from ioc.simulation.senders import ANSWER_SECONDS, PAUSE_SECONDS, TRIES, NoAnswerError

CENTRE, PASSWORD = 1, "0000"
TIMED_REPORT = 0x32
KEPT = 2016
"""Times: a week of five minutes."""
MOST_IN_FRAME = 500
"""Values of a period; a frame has room for about twice as many of the widest."""
STATE = 1 << 7 | 1 << 10
"""Its door is shut, its pump stands still, nothing is wrong (table 58)."""
PROGRAM = "IOC DEMO 1.0"

Values = Mapping[str, float]


class HydrologyStation:
    """A station that sends to a door.

    Args:
        letter: of its class.
        measure: what it measures at this moment; without it, what it measured last.
    """

    def __init__(
        self, code: str, letter: str, host: str, port: int, measure: Callable[[], Values] | None = None
    ) -> None:
        self._code = code
        self._letter = letter
        self._address = host, port
        self._measure = measure
        self._serial = 0
        self._kept: deque[tuple[datetime, Values]] = deque(maxlen=KEPT)
        self._speaking = asyncio.Lock()
        self._connected = asyncio.Event()
        self._living: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._awaited: tuple[int, asyncio.Future[None]] | None = None
        self._answering: set[asyncio.Task[None]] = set()

    def keep(self, observed: datetime, values: Values) -> None:
        """Keep what was measured, whether it gets through or not; times have minutes only."""
        self._kept.append((observed.astimezone(BEIJING).replace(second=0, microsecond=0), dict(values)))

    async def report(self, observed: datetime, values: Values) -> None:
        """Send the values of one time, elements by the identifiers of the standard.

        Raises:
            NoAnswerError: the door stays silent or shut.
        """
        if self._living is None:
            self._living = asyncio.create_task(self._live())
        local = observed.astimezone(BEIJING)
        body = write_report(*self._head(), self._letter, local, dict(values))
        for _attempt in range(TRIES):
            if await self._say(TIMED_REPORT, body):
                return
        raise NoAnswerError

    def _head(self) -> tuple[int, datetime, str]:
        self._serial = self._serial % 0xFFFF + 1
        return self._serial, datetime.now(BEIJING), self._code

    async def _say(self, function: int, body: bytes, end: int = sl651.ETX) -> bool:
        """Send a frame and wait until it is confirmed; whether it was, in time."""
        frame = sl651.encode(sl651.Frame(CENTRE, self._code, PASSWORD, function, body, end))
        async with self._speaking:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._connected.wait()
                    assert self._writer is not None, "it is connected"
                    confirmed = asyncio.get_running_loop().create_future()
                    self._awaited = function, confirmed
                    self._writer.write(frame)
                    await confirmed
                    return True
            self._awaited = None
        return False

    async def _live(self) -> None:
        while True:
            with suppress(OSError):
                reader, self._writer = await asyncio.open_connection(*self._address)
                body = write_status(*self._head())[:8]
                alive = sl651.Frame(CENTRE, self._code, PASSWORD, sl651.KEEP_ALIVE, body, sl651.ETX)
                self._writer.write(sl651.encode(alive))
                self._connected.set()
                try:
                    await self._listen(reader)
                finally:
                    self._connected.clear()
                    self._writer.close()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        stream = sl651.stream()
        while received := await reader.read(4096):
            for found in stream.feed(received):
                if isinstance(found, bytes):
                    self._hear(sl651.decode(found))

    def _hear(self, frame: sl651.Frame) -> None:
        """A question is answered, a confirmation awaited; what does not concern the station is left alone."""
        if frame.end == sl651.ENQ:
            with suppress(FrameError):
                query, _serial, _sent = read_query(frame)
                task = asyncio.create_task(self._answer(query))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
        elif self._awaited and self._awaited[0] == frame.function and not self._awaited[1].done():
            self._awaited[1].set_result(None)

    async def _answer(self, query: Query) -> None:
        if query.function == sl651_query.PERIOD:
            await self._answer_period(query)
            return
        head = self._head()
        if query.function in (sl651_query.PRESENT, sl651_query.CHOSEN):
            observed, values = self._present()
            given = {element: values.get(element) for element in query.elements} or dict(values)
            body = write_report(*head, self._letter, observed, given)
        elif query.function == sl651_query.STATE:
            body = write_status(*head, state=STATE)
        else:
            body = write_status(*head, version=PROGRAM if query.function == sl651_query.VERSION else "")
        await self._say(query.function, body)

    def _present(self) -> tuple[datetime, Values]:
        if self._measure:
            return datetime.now(BEIJING), self._measure()
        return self._kept[-1] if self._kept else (datetime.now(BEIJING), {})

    async def _answer_period(self, query: Query) -> None:
        """In frames that fit, each behind the confirmation of the last."""
        assert query.begin, "a period has both"
        assert query.end, "a period has both"
        step = query.step or timedelta(hours=1)
        for element in query.elements:
            kept = {at: values[element] for at, values in self._kept if element in values}
            within = [at for at in kept if query.begin <= at <= query.end]
            first, last = (min(within), max(within)) if within else (query.begin, query.begin)
            times = [first + number * step for number in range((last - first) // step + 1)]
            for start in range(0, len(times), MOST_IN_FRAME):
                part = times[start : start + MOST_IN_FRAME]
                row = [kept.get(at) for at in part]
                body = write_row(*self._head(), self._letter, part[0], step, element, row)
                more = start + MOST_IN_FRAME < len(times)
                if not await self._say(query.function, body, sl651.ETB if more else sl651.ETX):
                    return
