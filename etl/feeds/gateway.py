"""A TCP door for devices: connections of one protocol, what they send stored, then answered.

Bytes of a connection are read while nothing of it waits to be stored, so a store that is slow holds its
devices back instead of filling the memory. A connection that sends rubbish gets little of the process and is
closed.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from etl.feeds.conversation import Conversation, Heard
from etl.feeds.door_tally import DoorTally
from etl.feeds.frame import Refused
from etl.feeds.reading import Picture, Position, Reading, Receipt, Submission

log = structlog.get_logger(__name__)

Keep = Callable[[Submission], Awaitable[Receipt]]
"""Returns when it is stored for good, however long that takes."""

Replied = Callable[[Heard, Receipt], None]
"""Told of each reply of a device that was asked, once its readings are stored for good."""
Say = Callable[[Conversation], bytes | None]
"""What to say on a device's connection; None: there is nothing to say it with."""

CHUNK = 8 * 1024
FIRST_SECONDS = 60
"""A connection that has sent no sound frame by then is closed."""
ANSWER_SECONDS = 30
"""A device that does not take its answers for so long is let go."""
MOST_RUBBISH = 50
"""Refused frames with nothing sound between them until a connection is closed."""
MOST_DEVICES = 1_000
"""Of one connection that can be spoken to."""
RUBBISH_SHARE = 9
"""Times longer than its rubbish took is a connection left alone."""


@dataclass(frozen=True)
class Limits:
    """``idle_seconds``: silence after which a connection is closed; ``connections``: most at a time."""

    idle_seconds: float
    connections: int = 5_000


@dataclass
class _Chunk:
    """What the frames of one read said, put together for one transaction."""

    readings: list[Reading] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    replies: list[Heard] = field(default_factory=list)
    sound: int = 0
    refused: int = 0

    def add(self, heard: Heard) -> None:
        self.sound += 1
        self.answers += heard.answers
        if heard.reply:
            self.replies.append(heard)
            return
        self.readings += heard.readings
        self.positions += heard.positions
        self.pictures += heard.pictures


@dataclass(eq=False)
class _Line:
    """A connection, and the devices that spoke on it last."""

    conversation: Conversation
    writer: asyncio.StreamWriter
    devices: set[str] = field(default_factory=set)


class Gateway:
    """Listens for the devices of one protocol.

    Args:
        protocol: name of the door, and source of what comes in by it.
        begin: makes the conversation of a new connection.
        keep: see ``Keep``.
        tally: counts what happens.
        replied: see ``Replied``.
    """

    def __init__(
        self,
        protocol: str,
        begin: Callable[[], Conversation],
        keep: Keep,
        tally: DoorTally,
        limits: Limits,
        replied: Replied | None = None,
    ) -> None:
        self._protocol = protocol
        self._begin = begin
        self._keep = keep
        self._tally = tally
        self._limits = limits
        self._replied = replied
        self._open: set[asyncio.Task[None]] = set()
        self._lines: dict[str, _Line] = {}
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port that was taken, where ``port`` is 0.

        Raises:
            OSError: the port cannot be had.
        """
        self._server = await asyncio.start_server(self._accept, host, port, limit=CHUNK, backlog=512)
        return self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Let all devices go; what was not answered they send again."""
        if self._server:
            self._server.close()
        while self._open:
            # Until all are gone: what a device sends in the moment of it swallows a cancellation of wait_for.
            for task in self._open:
                task.cancel()
            await asyncio.wait(self._open, timeout=1)

    def has_line(self, device: str) -> bool:
        """Whether a device can be spoken to."""
        line = self._lines.get(device)
        return line is not None and not line.writer.transport.is_closing()

    def say(self, device: str, say: Say) -> bool:
        """Say something on the connection that a device spoke on last; False: there is none that can."""
        if not self.has_line(device):
            return False
        line = self._lines[device]
        content = say(line.conversation)
        if content is None:
            return False
        line.writer.write(content)
        return True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._open) >= self._limits.connections:
            self._tally.turned_away()
            writer.transport.abort()
            return
        self._open.add(task)
        self._tally.connections = len(self._open)
        try:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await self._converse(reader, writer)
        except (OSError, TimeoutError):
            # Gone or silent: whatever it did not see answered it sends again.
            pass
        except Exception:
            # One device's bytes must not end the others' door.
            log.exception("a connection failed", door=self._protocol)
        finally:
            self._open.discard(task)
            self._tally.connections = len(self._open)
            writer.transport.abort() if task.cancelling() else writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = self._begin()
        line = _Line(conversation, writer)
        try:
            await self._serve(line, reader, writer)
        finally:
            for device in line.devices:
                if self._lines.get(device) is line:
                    del self._lines[device]

    async def _serve(self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = line.conversation
        peer = str(writer.get_extra_info("peername")[0])
        patience, rubbish = FIRST_SECONDS, 0
        while rubbish < MOST_RUBBISH:
            received = await asyncio.wait_for(reader.read(CHUNK), patience)
            if not received:
                break
            begun = time.perf_counter()
            chunk = self._hear(line, conversation.stream.feed(received), peer)
            took = time.perf_counter() - begun
            if chunk.readings or chunk.positions or chunk.pictures:
                submission = Submission(chunk.readings, chunk.positions, self._protocol, chunk.pictures)
                receipt = await self._keep(submission)
                self._tally.stored(receipt, peer)
            for reply in chunk.replies:
                await self._keep_reply(reply, peer)
            if chunk.answers:
                writer.write(b"".join(chunk.answers))
                await asyncio.wait_for(writer.drain(), ANSWER_SECONDS)
            if chunk.sound:
                patience, rubbish = self._limits.idle_seconds, 0
            else:
                rubbish += chunk.refused
                await asyncio.sleep(took * RUBBISH_SHARE)
        self._hear(line, conversation.stream.close(), peer)

    async def _keep_reply(self, reply: Heard, peer: str) -> None:
        receipt = Receipt()
        if reply.readings or reply.pictures:
            receipt = await self._keep(Submission(reply.readings, (), self._protocol, reply.pictures))
            self._tally.stored(receipt, peer)
        if self._replied:
            self._replied(reply, receipt)

    def _hear(self, line: _Line, found: Sequence[bytes | Refused], peer: str) -> _Chunk:
        chunk = _Chunk()
        now = datetime.now(UTC)
        for frame in found:
            if isinstance(frame, Refused):
                chunk.refused += 1
                self._tally.refused(None, peer, frame.error, frame.content)
                continue
            heard = line.conversation.hear(frame, now)
            chunk.add(heard)
            if heard.device is not None and len(line.devices) < MOST_DEVICES:
                line.devices.add(heard.device)
                self._lines[heard.device] = line
            self._tally.contact(heard.device, now)
            for fault in heard.faults:
                self._tally.refused(heard.device, peer, fault, frame)
        return chunk
