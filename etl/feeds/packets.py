"""Joins messages that a device sends in several packets."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

from etl.feeds.frame import FrameError


@dataclass
class _Parts:
    total: int
    bodies: dict[int, bytes] = field(default_factory=dict)
    size: int = 0


class PacketAssembly:
    """Bodies of unfinished messages by message; the oldest are given up when they are too many or too large.

    What is given up was never acknowledged as a whole, so its device sends it again.

    Args:
        most: open messages.
        most_bytes: of all their bodies.
    """

    def __init__(self, most: int = 64, most_bytes: int = 16 * 2**20) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._open: OrderedDict[Hashable, _Parts] = OrderedDict()

    def add(self, message: Hashable, total: int, number: int, body: bytes) -> bytes | None:
        """Add a packet (numbers begin with 1); the whole body when none is missing.

        Raises:
            FrameError: the number does not fit the total.
        """
        if not 1 <= number <= total:
            raise FrameError(f"分包序号{number}不在1～{total}之间", f"packet {number} of {total}")
        parts = self._open.get(message)
        # Another body in the place of one that came already belongs to the next message.
        if parts is None or parts.total != total or parts.bodies.get(number, body) != body:
            parts = self._open[message] = _Parts(total)
        parts.size += len(body) - len(parts.bodies.get(number, b""))
        parts.bodies[number] = body
        if len(parts.bodies) == total:
            del self._open[message]
            return b"".join(parts.bodies[place] for place in range(1, total + 1))
        while len(self._open) > self._most or self._bytes() > self._most_bytes:
            self._open.popitem(last=False)
        return None

    def _bytes(self) -> int:
        return sum(parts.size for parts in self._open.values())

    def missing(self, message: Hashable) -> list[int]:
        """Numbers of an open message that have not come yet."""
        parts = self._open.get(message)
        return [n for n in range(1, parts.total + 1) if n not in parts.bodies] if parts else []
