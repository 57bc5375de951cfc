"""Frames of a recorded capture: text or hexadecimal digits line by line, or the raw bytes of a connection."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from etl.feeds import hj212, jt808, sl651
from etl.feeds.frame import FrameError, Refused

_HEXADECIMAL = re.compile(rb"(?:0[xX])?(?:[0-9A-Fa-f]{2}[\s,:-]?)+")
STREAMS = {"hj212": hj212.stream, "sl651": sl651.stream, "jt808": jt808.stream}
PROTOCOLS = tuple(STREAMS)


@dataclass(frozen=True)
class Captured:
    """A frame, or bytes that are none, and the line of the capture they stand in (None in a raw one)."""

    line: int | None
    frame: bytes | Refused


def read_capture(protocol: str, content: bytes) -> Iterator[Captured]:
    """Frames of a capture in their order; what is no sound frame is handed out with the reason.

    A capture is one of lines when none of its bytes could not be text; the raw form is read otherwise.
    """
    if _is_text(content):
        yield from _lines(protocol, content)
    else:
        yield from (Captured(None, found) for found in _cut(protocol, content))


def _is_text(content: bytes) -> bool:
    return not any(octet < 0x20 and octet not in b"\t\r\n\f" for octet in content)


def _lines(protocol: str, content: bytes) -> Iterator[Captured]:
    for number, line in enumerate(content.splitlines(), start=1):
        stripped = line.strip()
        if not stripped:
            continue
        octets = _octets(protocol, stripped)
        if octets is None:
            reason = FrameError("该行不是十六进制数字", "the line is not hexadecimal digits")
            yield Captured(number, Refused(stripped, reason))
            continue
        for found in _cut(protocol, octets):
            yield Captured(number, found)


def _octets(protocol: str, line: bytes) -> bytes | None:
    """A line's bytes: hexadecimal digits become what they say; the CR LF that ended a text frame returns."""
    if _HEXADECIMAL.fullmatch(line):
        return bytes.fromhex(re.sub(rb"^0[xX]|[\s,:-]", b"", line).decode("ascii"))
    return line + hj212.TAIL if protocol == "hj212" else None


def _cut(protocol: str, content: bytes) -> list[bytes | Refused]:
    stream = STREAMS[protocol]()
    found = [*stream.feed(content), *stream.close()]
    return found or [Refused(content, FrameError("没有帧", "no frame"))]
