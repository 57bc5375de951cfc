"""What does not change of series while they report, remembered for each set of rights.

It holds until a dataset of devices, metrics or stations changes, or a series reports that was not known.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass
from typing import Generic, TypeVar

from geodata.viewer import Rights, Viewer

MOST_RIGHTS = 64
"""So many sets of rights are remembered."""

STATE = b"SELECT ioc.feed_devices_state()"
"""Read this before, or together with, what the series report."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Known(Generic[T]):
    state: str
    content: T
    series: frozenset[int]


class SeriesMemory(Generic[T]):
    """What ``learn`` gives for a viewer: something, and the series that it speaks of."""

    def __init__(self, learn: Callable[[Viewer], Awaitable[tuple[T, frozenset[int]]]]) -> None:
        self._learn = learn
        self._known: OrderedDict[Rights, _Known[T]] = OrderedDict()

    async def of(self, viewer: Viewer, state: str, reported: Set[int]) -> T:
        """What is known under the viewer's rights of series of which these have reported."""
        known = self._known.get(viewer.rights)
        if known is None or known.state != state or not known.series >= reported:
            known = self._known[viewer.rights] = _Known(state, *await self._learn(viewer))
            if len(self._known) > MOST_RIGHTS:
                self._known.popitem(last=False)
        self._known.move_to_end(viewer.rights)
        return known.content
