"""What a protocol's conversation is to the door it comes in by: bytes in, what to store and to answer out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from etl.feeds.frame import FrameError, Refused
from etl.feeds.reading import Picture, Position, Reading


@dataclass(frozen=True)
class Reply:
    """What a device says because it was asked: the function it answers, and what of that is no reading.

    ``whole``: nothing more of it is to come.
    """

    function: int
    whole: bool = True
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Heard:
    """What one frame said.

    ``answers`` are frames to be sent back once what it brought is stored for good; ``device`` is who spoke;
    ``faults`` say what of a sound frame is not accepted; ``reply`` is there when it was asked.
    """

    device: str | None = None
    readings: Sequence[Reading] = ()
    positions: Sequence[Position] = ()
    pictures: Sequence[Picture] = ()
    answers: Sequence[bytes] = ()
    faults: Sequence[FrameError] = ()
    reply: Reply | None = None


class Stream(Protocol):
    """Cuts a connection's bytes into frames."""

    def feed(self, received: bytes) -> list[bytes | Refused]: ...

    def close(self) -> list[bytes | Refused]: ...


class Conversation(Protocol):
    """One connection of a protocol; nothing in it waits or blocks."""

    @property
    def stream(self) -> Stream: ...

    def hear(self, frame: bytes, now: datetime) -> Heard:
        """Take a sound frame of ``stream``; ``now`` has a zone. It raises nothing."""
        ...
