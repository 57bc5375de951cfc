"""Boxes kept in memory tell the same as GEOS does of the geometries themselves."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, box

from layers.class_box import POINT_RECORD, SHAPE_RECORD, ClassBoxes, ClassBoxMemory

PLACES = st.tuples(st.integers(0, 12), st.integers(0, 12))
LINES = st.lists(PLACES, min_size=2, max_size=4, unique=True).map(LineString)
SHAPES = st.one_of(LINES, st.lists(LINES, min_size=2, max_size=3).map(MultiLineString))


def boxes_of(shapes: Sequence[LineString | MultiLineString]) -> ClassBoxes:
    """Every other shape is of class A, the others of none."""
    packed = []
    for name, start in (("A", 0), (None, 1)):
        numbered = list(enumerate(shapes))[start::2]
        rows = [(*shape.bounds, number, len(getattr(shape, "geoms", [0]))) for number, shape in numbered]
        packed.append((name, np.array(rows, SHAPE_RECORD).tobytes()))
    return ClassBoxes.of_shapes(packed)


@given(shapes=st.lists(SHAPES, max_size=12), corner=PLACES, size=PLACES)
def test_what_boxes_tell_is_true_and_what_they_do_not_tell_is_named(
    shapes: list[LineString | MultiLineString], corner: tuple[int, int], size: tuple[int, int]
) -> None:
    view = (corner[0], corner[1], corner[0] + size[0], corner[1] + size[1])
    sure, unsure = boxes_of(shapes).counts(view)
    meeting = {number for number, shape in enumerate(shapes) if shape.intersects(box(*view))}
    for name, start in (("A", 0), (None, 1)):
        of_class = {number for number in meeting if number % 2 == start}
        assert sure.get(name, 0) + len(of_class & set(unsure)) == len(of_class)
    assert all(box(*shapes[number].bounds).intersects(box(*view)) for number in unsure)


def test_only_lines_whose_box_holds_a_corner_of_the_view_are_left_to_the_store() -> None:
    lines = [
        LineString([(2, 2), (4, 4)]),  # in the view
        LineString([(-9, 5), (30, 6)]),  # through it
        LineString([(8, 3), (15, 3)]),  # over its eastern edge
        LineString([(20, 20), (30, 30)]),  # outside
        LineString([(9, 12), (12, 9)]),  # around a corner, past the view
    ]
    sure, unsure = boxes_of(lines).counts((0, 0, 10, 10))
    assert sure == {"A": 2, None: 1}
    assert unsure == [4]


def test_points_are_counted_on_the_edges_too() -> None:
    points = np.array([(0, 0), (10, 10), (10.1, 5), (5, 5)], POINT_RECORD)
    kept = ClassBoxes.of_points([("B", points.tobytes())])
    assert kept.counts((0, 0, 10, 10)) == ({"B": 3}, [])
    assert kept.nbytes == 4 * 18
    assert ClassBoxes.of_points([]).counts((0, 0, 10, 10)) == ({}, [])


def test_boxes_are_read_once_kept_within_bounds_and_not_kept_unwatched() -> None:
    points = ClassBoxes.of_points([(None, np.zeros(100, POINT_RECORD).tobytes())])
    reads: list[str] = []

    async def talk() -> None:
        memory = ClassBoxMemory(most_bytes=2 * points.nbytes)
        watched = True

        async def get(key: str) -> ClassBoxes:
            async def read() -> ClassBoxes:
                reads.append(key)
                await asyncio.sleep(0)
                return points

            return await memory.get(key, read, lambda: watched)

        await asyncio.gather(*(get("a") for _ in range(5)))
        await get("b")
        await get("a")
        assert reads == ["a", "b"]
        await get("c")
        await get("a")
        await get("b")
        assert reads == ["a", "b", "c", "b"]
        watched = False
        await get("d")
        await get("d")
        assert reads[4:] == ["d", "d"]

    asyncio.run(talk())


def test_a_reading_that_fails_is_not_kept() -> None:
    points = ClassBoxes.of_points([])

    async def talk() -> None:
        memory = ClassBoxMemory()

        async def fail() -> ClassBoxes:
            raise ConnectionError

        async def read() -> ClassBoxes:
            return points

        with pytest.raises(ConnectionError):
            await memory.get("a", fail, lambda: True)
        assert await memory.get("a", read, lambda: True) is points

    asyncio.run(talk())
