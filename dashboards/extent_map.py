"""Small drawings for pages without a script: an extent in the district, and a line of scores."""

import math
from collections.abc import Callable, Sequence

WIDTH, HEIGHT = 220, 200
Ring = Sequence[tuple[float, float]]


def extent_map(outline: Sequence[Ring], extent: Sequence[float] | None) -> str:
    """SVG of rings in degrees with an extent (west, south, east, north) in it; empty without an outline."""
    place = _plane(outline)
    if place is None:
        return ""
    shapes = _outline(outline, place)
    if extent:
        left, top = place(extent[0], extent[3])
        right, bottom = place(extent[2], extent[1])
        size = f'width="{max(3, round(right - left, 1))}" height="{max(3, round(bottom - top, 1))}"'
        shapes += f'<rect class="extent" x="{left}" y="{top}" {size}/>'
    return _drawing(shapes)


def places_map(
    outline: Sequence[Ring], places: Sequence[tuple[float, float]], lines: Sequence[Ring] = ()
) -> tuple[str, int]:
    """SVG of rings with lines, or else places, in degrees, and how many places lie beyond the drawing."""
    place = _plane(outline)
    if place is None:
        return "", 0
    dots = [place(*one) for one in places]
    within = [(x, y) for x, y in dots if 0 <= x <= WIDTH and 0 <= y <= HEIGHT]
    if lines:
        drawn = "".join("M" + "L".join(f"{x} {y}" for x, y in (place(*p) for p in line)) for line in lines)
        return _drawing(f'{_outline(outline, place)}<path class="lines" d="{drawn}"/>'), len(dots) - len(
            within
        )
    # Many places fall on one dot of so small a drawing.
    path = "".join(f"M{x} {y}h0" for x, y in sorted(set(within)))
    shapes = _outline(outline, place) + (f'<path class="places" d="{path}"/>' if path else "")
    return _drawing(shapes), len(dots) - len(within)


def _plane(outline: Sequence[Ring]) -> Callable[[float, float], tuple[float, float]] | None:
    """From degrees to the drawing, with the outline filling it; None without an outline."""
    points = [point for ring in outline for point in ring]
    if not points:
        return None
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    # A degree of longitude is shorter than one of latitude.
    narrow = math.cos(math.radians((south + north) / 2))
    scale = min((WIDTH - 8) / ((east - west) * narrow), (HEIGHT - 8) / (north - south))

    def place(x: float, y: float) -> tuple[float, float]:
        return round(4 + (x - west) * narrow * scale, 1), round(4 + (north - y) * scale, 1)

    return place


def _outline(outline: Sequence[Ring], place: Callable[[float, float], tuple[float, float]]) -> str:
    rings = "".join(
        "M" + "L".join(f"{x} {y}" for x, y in (place(*p) for p in ring)) + "Z" for ring in outline
    )
    return f'<path class="outline" d="{rings}"/>'


def _drawing(shapes: str) -> str:
    return f'<svg class="extent-map" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{shapes}</svg>'


def score_line(scores: Sequence[float]) -> str:
    """SVG of scores from 0 to 100 as a line, the oldest left; empty with fewer than two."""
    if len(scores) < 2:
        return ""
    # Scores lie close to the top: what is below the worst of them, or 80, says nothing.
    low = min(80.0, *scores)
    step = 96 / (len(scores) - 1)
    points = [
        f"{round(2 + step * place, 1)},{round(22 - 20 * (score - low) / (100 - low or 1), 1)}"
        for place, score in enumerate(scores)
    ]
    line = f'<polyline points="{" ".join(points)}"/>'
    return f'<svg class="score-line" viewBox="0 0 100 24" aria-hidden="true">{line}</svg>'
