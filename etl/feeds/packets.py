"""Joins messages that a device sends in several packets."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

from etl.feeds.frame import FrameError


@dataclass
class _Parts:
    total: int
    bodies: dict[int, bytes] = field(default_factory=dict)


class PacketAssembly:
    """Bodies of unfinished messages by message; the oldest is given up when more than ``most`` are open.

    What is given up was never acknowledged as a whole, so its device sends it again.
    """

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._open: OrderedDict[Hashable, _Parts] = OrderedDict()

    def add(self, message: Hashable, total: int, number: int, body: bytes) -> bytes | None:
        """Add a packet (numbers begin with 1); the whole body when none is missing.

        Raises:
            FrameError: the number does not fit the total.
        """
        if not 1 <= number <= total:
            raise FrameError(f"分包序号{number}不在1～{total}之间", f"packet {number} of {total}")
        parts = self._open.get(message)
        if parts is None or parts.total != total:
            parts = self._open[message] = _Parts(total)
        parts.bodies[number] = body
        if len(parts.bodies) == total:
            del self._open[message]
            return b"".join(parts.bodies[place] for place in range(1, total + 1))
        while len(self._open) > self._most:
            self._open.popitem(last=False)
        return None

    def missing(self, message: Hashable) -> list[int]:
        """Numbers of an open message that have not come yet."""
        parts = self._open.get(message)
        return [n for n in range(1, parts.total + 1) if n not in parts.bodies] if parts else []
