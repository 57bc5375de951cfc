"""The devices' side of HJ 212 and JT/T 808: what a real device would send, and that it waits for the answer.

A device keeps its line; what is not answered in time it sends again, on a new line when the old one broke.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from etl.feeds import hj212, jt808, jt808_body
from etl.feeds.frame import BEIJING, FrameStream
from etl.feeds.jt808 import MessageStream

ANSWER_SECONDS = 10.0
TRIES = 3
PAUSE_SECONDS = 5.0
AIR, WATER = "22", "21"
REAL_TIME = "2011"
VEHICLE_FIXED = jt808_body.ACC | jt808_body.FIXED


class NoAnswerError(Exception):
    """The door did not answer in time."""


@dataclass
class Line:
    """One device's connection to a TCP door."""

    host: str
    port: int
    stream: FrameStream | MessageStream
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    async def exchange(self, content: bytes) -> bytes:
        """Send and give the first whole frame of the answer; sent again when nothing comes.

        Raises:
            NoAnswerError: the door stays silent or shut.
        """
        for attempt in range(TRIES):
            try:
                return await asyncio.wait_for(self._exchange(content), ANSWER_SECONDS)
            except (OSError, TimeoutError, EOFError):
                self.close()
                if attempt < TRIES - 1:
                    await asyncio.sleep(PAUSE_SECONDS)
        raise NoAnswerError

    async def _exchange(self, content: bytes) -> bytes:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
        self._writer.write(content)
        await self._writer.drain()
        while True:
            received = await self._reader.read(4096)
            if not received:
                raise EOFError
            for frame in self.stream.feed(received):
                if isinstance(frame, bytes):
                    return frame

    def close(self) -> None:
        if self._writer is not None:
            with suppress(OSError, RuntimeError):
                self._writer.close()
        self._reader = self._writer = None


@dataclass
class EnvironmentStation:
    """A device of HJ 212-2017 that wants an answer to each upload; ``system`` is its ST."""

    code: str
    system: str
    line: Line

    async def report(self, observed: datetime, values: Mapping[str, float]) -> None:
        """Send real-time values by factor."""
        at = observed.astimezone(BEIJING)
        factors = tuple(
            ((f"{factor}-Rtd", f"{value:g}"), (f"{factor}-Flag", "N")) for factor, value in values.items()
        )
        message = hj212.Message(
            st=self.system,
            cn=REAL_TIME,
            items=((("DataTime", at.strftime("%Y%m%d%H%M%S")),), *factors),
            qn=datetime.now(BEIJING).strftime("%Y%m%d%H%M%S%f")[:17],
            pw="123456",
            mn=self.code,
            flag=5,
        )
        await self.line.exchange(hj212.encode(message))


@dataclass
class Terminal:
    """A vehicle's terminal of JT/T 808-2013: registers, authenticates, and reports where it is."""

    phone: str
    line: Line
    _serial: int = 0
    _authenticated: bool = field(default=False, repr=False)

    async def report(
        self, observed: datetime, lon: float, lat: float, speed: float, direction: int, working: bool
    ) -> None:
        """Send a position: degrees in CGCS2000, km/h, degrees from north."""
        status = VEHICLE_FIXED if working else jt808_body.FIXED
        at = observed.astimezone(BEIJING).replace(microsecond=0)
        location = jt808_body.Location(0, status, lon, lat, 23, round(speed, 1), direction, at)
        await self._report(jt808_body.LOCATION, jt808_body.write_location(location))

    async def report_kept(self, observed: Sequence[datetime], lon: float, lat: float) -> None:
        """Send in one message what was kept without network: standing at a place, at these times."""
        locations = [
            jt808_body.Location(
                0, VEHICLE_FIXED, lon, lat, 23, 0.0, 0, at.astimezone(BEIJING).replace(microsecond=0)
            )
            for at in observed
        ]
        await self._report(jt808_body.LOCATION_BATCH, jt808_body.write_location_batch(locations))

    async def _report(self, message_id: int, body: bytes) -> None:
        if not self._authenticated:
            await self._sign_in()
        try:
            await self._send(message_id, body)
        except NoAnswerError:
            self._authenticated = False
            raise

    async def _sign_in(self) -> None:
        plate = f"演{self.phone[-5:]}".encode("gbk")
        maker, model, terminal = b"IOC".ljust(5), b"DEMO".ljust(20, b"\0"), self.phone[-7:].encode()
        body = (42).to_bytes(2) + (106).to_bytes(2) + maker + model + terminal + b"\x02" + plate
        answer = await self._send(jt808_body.REGISTER, body)
        await self._send(jt808_body.AUTHENTICATE, jt808_body.authentication(answer).body)
        self._authenticated = True

    async def _send(self, message_id: int, body: bytes) -> jt808.Message:
        self._serial = (self._serial + 1) % 0x10000
        sent = jt808.Message(message_id, self.phone, self._serial, body)
        return jt808.decode(await self.line.exchange(jt808.encode(sent)))
