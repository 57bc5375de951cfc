"""``ioc bench map`` counts what it says it counts; how fast is for a quiet machine to tell."""

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest

from geodata.errors import UserError
from ioc.bench.chromium import drawn_frames, launched
from ioc.bench.map import Reference, Seen, Use, size_rows, use_rows
from ioc.bench.map_view import Opening, Panning, Traffic

if TYPE_CHECKING:
    from playwright.sync_api import Request

SIZE = (1366, 768)


def test_without_playwright_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(UserError, match=r"playwright \(pip\) and chromium \(apt\)"), launched():
        pass


def test_only_frames_that_were_put_out_are_counted() -> None:
    events = [
        {"name": "DirectRenderer::DrawFrame", "ph": "X"},
        {"name": "DirectRenderer::DrawFrame", "ph": "X"},
        {"name": "DirectRenderer::DrawRenderPass", "ph": "X"},
        {"name": "BeginFrame", "ph": "I"},
    ]
    assert drawn_frames(json.dumps({"traceEvents": events}).encode()) == 2


@dataclass
class _Answer:
    url: str
    body: int
    headers: int = 300

    def sizes(self) -> dict[str, int]:
        return {"responseBodySize": self.body, "responseHeadersSize": self.headers}


def test_a_tile_is_fetched_again_only_if_it_came_over_the_network_again() -> None:
    tile, other = "/tiles/street/11/1/2.mvt", "/tiles/street/11/1/3.mvt"
    # Chromium says of what its cache answered that all its bytes, the headers' too, did not come.
    finished = [
        _Answer(tile, 500),
        _Answer(tile, -300),
        _Answer(other, 0),
        _Answer("/layers", 9),
        _Answer("/layers", 9),
    ]
    traffic = Traffic(cast("list[Request]", finished))
    assert traffic.tiles() == [tile, other]
    assert traffic.fetched_again() == []
    finished.append(_Answer(other, 0))
    assert traffic.fetched_again() == [other]


def test_rows_judge_the_median_opening_and_the_slowest_redraw() -> None:
    openings = [Opening(one, 60, 2_000_000) for one in (2_000.0, 2_500.0, 9_000.0)]
    seen = Seen(openings, openings[:1], Panning(55.0, 28.0, 60.0, [120.0, 501.0]))
    plain = Reference(21_000, 210_000, Opening(8_000, 12, 5_000_000), Panning(4.0, 3.0, 9.0, [900.0]), 80.0)
    rows = {row.figure.split(",")[0]: row for row in size_rows(SIZE, seen, plain)}
    first = size_rows(SIZE, seen, plain)[0]
    assert (first.measured, first.reached) == ("2.50 s", True)
    assert first.reference == "8.00 s (21000 of 210000)"
    frames = rows["frames per second while panning"]
    assert (frames.measured.split()[0], frames.reached) == ("28.0", False)
    redraw = rows["whole again after a pan"]
    assert (redraw.measured, redraw.reached, redraw.reference[:6]) == ("501 ms", False, "900 ms")


def test_rows_of_use_state_the_minutes_really_run() -> None:
    heap, processes, again = use_rows(Use(3.14, 7, (18.0, 19.5), (600.0, None), 180, 2))
    assert heap.figure == "JavaScript heap over 3.1 min, 7 rounds"
    assert heap.measured == "18.0 → 19.5 MB"
    assert processes.measured == "not known here"
    assert (again.measured, again.reached) == ("2", False)
