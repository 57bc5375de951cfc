"""Frames in a stream of bytes: found, cut out whole, and refused with a reason when they are damaged.

A connection hands over bytes as they come: half a frame, several frames, rubbish between them. A protocol
says where a frame that begins here would end and whether it is sound; the stream does the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The clock of every device: none of the protocols sends a zone."""


@dataclass(frozen=True)
class CheckValue:
    """The check value a frame carries and the one its bytes have, as hexadecimal digits."""

    declared: str
    computed: str

    @property
    def right(self) -> bool:
        return self.declared == self.computed


class FrameError(ValueError):
    """A frame that is not accepted: why, in Chinese and English; its check values if they were compared."""

    def __init__(self, zh: str, en: str, check: CheckValue | None = None) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en
        self.check = check


@dataclass(frozen=True)
class Refused:
    """Bytes of a stream that are no sound frame."""

    content: bytes
    error: FrameError


FrameEnd = Callable[[bytes, int], int | None]
"""(buffer, begin of a head) → end of the frame, None when more bytes are needed.

Raises FrameError if no frame can begin there.
"""

_NO_FRAME = FrameError("帧头之外的字节", "bytes outside of any frame")


class FrameStream:
    """Cuts a connection's bytes into frames of a protocol that states its length behind a head.

    A damaged length can promise bytes that never come, so frames behind a candidate that is not complete yet
    are looked for too: the first sound one ends the wait, and the bytes before it are refused.

    Args:
        heads: byte strings with which frames begin.
        frame_end: see ``FrameEnd``; it bounds what a stream can hold.
        verify: raises FrameError when a cut-out frame is damaged.
    """

    def __init__(
        self, heads: tuple[bytes, ...], frame_end: FrameEnd, verify: Callable[[bytes], object]
    ) -> None:
        self._heads = heads
        self._frame_end = frame_end
        self._verify = verify
        self._buffer = b""

    def feed(self, received: bytes) -> list[bytes | Refused]:
        """Take bytes in; hand out the frames they complete and what is refused, in their order."""
        self._buffer += received
        found: list[bytes | Refused] = []
        while self._advance(found):
            pass
        return found

    def close(self) -> list[bytes | Refused]:
        """What is left when the stream ends: half a frame is refused."""
        left, self._buffer = self._buffer, b""
        if not left:
            return []
        return [Refused(left, FrameError("帧不完整", "the frame is not complete"))]

    def _advance(self, found: list[bytes | Refused]) -> bool:
        """Hand out the next frame; False when more bytes are needed."""
        waiting: int | None = None
        begin, fault = 0, _NO_FRAME
        while (begin := self._head(begin)) is not None:
            try:
                end = self._frame_end(self._buffer, begin)
                if end is not None:
                    self._verify(self._buffer[begin:end])
                    self._drop(begin, fault, found)
                    found.append(self._buffer[: end - begin])
                    self._buffer = self._buffer[end - begin :]
                    return True
                waiting = begin if waiting is None else waiting
            except FrameError as error:
                if waiting is None:
                    fault = error
            begin += 1
        keep = self._tail() if waiting is None else waiting
        self._drop(keep, fault, found)
        return False

    def _head(self, begin: int) -> int | None:
        places = [place for head in self._heads if (place := self._buffer.find(head, begin)) >= 0]
        return min(places, default=None)

    def _tail(self) -> int:
        """Begin of what could be the first part of a head."""
        longest = max(len(head) for head in self._heads) - 1
        for size in range(min(longest, len(self._buffer)), 0, -1):
            end = self._buffer[-size:]
            if any(head.startswith(end) for head in self._heads):
                return len(self._buffer) - size
        return len(self._buffer)

    def _drop(self, count: int, fault: FrameError, found: list[bytes | Refused]) -> None:
        if count:
            found.append(Refused(self._buffer[:count], fault))
            self._buffer = self._buffer[count:]


def beijing_time(digits: str, form: str, what: str) -> datetime:
    """A device's digits as a time with zone.

    Raises:
        FrameError: they are no time.
    """
    try:
        return datetime.strptime(digits, form).replace(tzinfo=BEIJING)
    except ValueError:
        raise FrameError(f"{what}“{digits}”不是时间", f"{what} “{digits}” is no time") from None
