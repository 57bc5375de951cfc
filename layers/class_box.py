"""Boxes of a layer's features by class, kept in memory: they tell most of what is in view."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass

import numpy as np

KEPT_BYTES = 64 * 1024 * 1024
"""Boxes kept, of all layers, filters and rights together: 18 bytes a point, 43 a line or area."""
POINT_RECORD = np.dtype([("x", ">f8"), ("y", ">f8")])
SHAPE_RECORD = np.dtype(
    [("west", ">f8"), ("south", ">f8"), ("east", ">f8"), ("north", ">f8"), ("id", ">i8"), ("parts", ">i4")]
)

Box = tuple[float, float, float, float]
"""West, south, east, north in metres of EPSG:3857."""


@dataclass(frozen=True, eq=False)
class ClassBoxes:
    """Boxes of features, as one viewer may see them, with the class of each as an index of ``classes``.

    For points west is east and south is north, and there are no ids. ``whole`` tells features of one piece.
    """

    classes: tuple[str | None, ...]
    class_index: np.ndarray
    west: np.ndarray
    south: np.ndarray
    east: np.ndarray
    north: np.ndarray
    ids: np.ndarray | None = None
    whole: np.ndarray | None = None

    @staticmethod
    def of_points(packed: Iterable[tuple[str | None, bytes]]) -> "ClassBoxes":
        """Points by class, in ``POINT_RECORD`` one after the other."""
        classes, index, records = _unpacked(packed, POINT_RECORD)
        x, y = (records[name].astype("f8") for name in ("x", "y"))
        return ClassBoxes(classes, index, x, y, x, y)

    @staticmethod
    def of_shapes(packed: Iterable[tuple[str | None, bytes]]) -> "ClassBoxes":
        """Lines or areas by class, in ``SHAPE_RECORD`` one after the other."""
        classes, index, records = _unpacked(packed, SHAPE_RECORD)
        sides = [records[name].astype("f8") for name in ("west", "south", "east", "north")]
        return ClassBoxes(classes, index, *sides, ids=records["id"].astype("i8"), whole=records["parts"] == 1)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, arrays that are one and the same counted once."""
        arrays = (self.class_index, self.west, self.south, self.east, self.north, self.ids, self.whole)
        return sum({id(array): array.nbytes for array in arrays if array is not None}.values())

    def counts(self, view: Box) -> tuple[dict[str | None, int], list[int]]:
        """Features that meet the view by class, and ids of those that their box alone does not tell.

        What is in one piece and no wider than the view, or no higher, meets it where its box does.
        """
        west, south, east, north = view
        meets = (self.west <= east) & (self.east >= west) & (self.south <= north) & (self.north >= south)
        if self.ids is None or self.whole is None:
            return self._by_class(meets), []
        across = (self.west >= west) & (self.east <= east)
        along = (self.south >= south) & (self.north <= north)
        sure = meets & ((across & along) | (self.whole & (across | along)))
        return self._by_class(sure), self.ids[meets & ~sure].tolist()

    def _by_class(self, chosen: np.ndarray) -> dict[str | None, int]:
        numbers = np.bincount(self.class_index[chosen], minlength=len(self.classes))
        return {name: int(number) for name, number in zip(self.classes, numbers, strict=True) if number}


def _unpacked(
    packed: Iterable[tuple[str | None, bytes]], record: np.dtype
) -> tuple[tuple[str | None, ...], np.ndarray, np.ndarray]:
    """Classes, the class of each record, and the records."""
    pairs = list(packed)
    parts = [np.frombuffer(content, record) for _, content in pairs]
    index = np.repeat(np.arange(len(parts), dtype="u2"), [len(part) for part in parts])
    return tuple(name for name, _ in pairs), index, np.concatenate([np.empty(0, record), *parts])


class ClassBoxMemory:
    """Boxes by key, read once however many ask at once; those asked for longest ago are given up first."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, ClassBoxes] = OrderedDict()
        self._under_way: dict[Hashable, asyncio.Task[ClassBoxes]] = {}

    async def get(
        self,
        key: Hashable,
        read: Callable[[], Awaitable[ClassBoxes]],
        may_be_kept: Callable[[], bool],
    ) -> ClassBoxes:
        """The boxes of a key, read where they are not kept."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._read(key, read, may_be_kept))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        # A browser that turns away must not take the boxes from the others who wait for them.
        return await asyncio.shield(task)

    async def _read(
        self, key: Hashable, read: Callable[[], Awaitable[ClassBoxes]], may_be_kept: Callable[[], bool]
    ) -> ClassBoxes:
        boxes = await read()
        if may_be_kept():
            self._kept[key] = boxes
            while len(self._kept) > 1 and sum(one.nbytes for one in self._kept.values()) > self._most_bytes:
                self._kept.popitem(last=False)
        return boxes
