"""Rules about single pipes: slope, flow, length, depth and cover (L06, L07, D01, D02, D08, D09)."""

from collections.abc import Callable, Sequence

import numpy as np

from etl.rows import Rows
from etl.rules.finding import Finding, Said, each, nothing, of, rule
from etl.rules.pipe_network import NODES, ground_levels, is_gravity, plain, plan_lengths, runs_against
from etl.rules.pipe_section import section_sizes

ABOVE_GROUND = ("JK", "DM", "SJ", "SX")
"""Ways of laying (pipe_embedding) without soil on the pipe: overhead, on the ground, on a rack, in water."""

WELL_SPACING = ((600.0, 75.0), (1000.0, 100.0), (1500.0, 150.0), (2000.0, 200.0))
"""Largest diameter (mm) and longest distance between manholes (m), after GB 50014 (unverified)."""


@rule("reverse_slope")
def reverse_slope(rows: Rows, tolerance_m: float = 0.0) -> Finding:
    """D01: a gravity pipe's invert is no higher where the water leaves than where it enters."""
    against = runs_against(rows)
    start, end = plain(rows, "start_invert_level"), plain(rows, "end_invert_level")
    up, down = np.where(against, end, start), np.where(against, start, end)
    first, last = (rows.columns[name].to_numpy(dtype=object) for name in ("start_node", "end_node"))
    # Levels are millimetres: a rise of exactly the tolerance passes.
    rise = np.round(down - up, 3)

    def say(top: str, bottom: str, high: float, low: float, up_by: float, metres: float) -> Said:
        return (
            f"逆坡 {up_by:.3f} m / {metres:.0f} m：{top} 管底 {high:.3f}，{bottom} 管底 {low:.3f}",
            f"reverse slope, {up_by:.3f} m over {metres:.0f} m: {high:.3f} at {top}, {low:.3f} at {bottom}",
            "复测两端管底高程；若流向填反则改流向",
            "survey both inverts again; if the flow was entered the wrong way round, mend that",
        )

    lengths = plan_lengths(rows)
    describe = each(
        say, of(np.where(against, last, first)), of(np.where(against, first, last)),
        of(up), of(down), of(rise), of(lengths),
    )  # fmt: skip
    return Finding(is_gravity(rows) & (rise > tolerance_m), "end_invert_level", describe)


@rule("flow_against_order")
def flow_against_order(rows: Rows) -> Finding:
    """D02: a gravity pipe is drawn the way the water goes."""
    describe = each(
        lambda start, end: (
            f"管道反向：流向由 {end} 到 {start}，与起止点次序相反",
            f"drawn against the flow: the water goes from {end} to {start}",
            f"对调起止点：起点 {end}，终点 {start}，流向改 0",
            f"exchange the ends: from {end} to {start}, direction 0",
        ),
        of(rows.columns["start_node"]),
        of(rows.columns["end_node"]),
    )
    return Finding(is_gravity(rows) & runs_against(rows), "flow_direction", describe)


@rule("pipe_length")
def pipe_length(rows: Rows, min: float = 0.05, max: float = 75.0) -> Finding:
    """L06: the length, along the slope, lies between the limits (m)."""
    fall = plain(rows, "start_invert_level") - plain(rows, "end_invert_level")
    length = np.hypot(plan_lengths(rows), np.nan_to_num(fall))
    describe = each(
        lambda metres: (
            f"管段长 {metres:.2f} m，超出 {min:g}–{max:g} m",
            f"the pipe is {metres:.2f} m long, outside {min:g}–{max:g} m",
            "核对是否漏测管点" if metres > max else "核对两端是否为同一管点",
            "look for a node left out" if metres > max else "look whether both ends are one node",
        ),
        of(length),
    )
    return Finding((length < min) | (length > max), "geom", describe)


@rule("slope_angle")
def slope_angle(rows: Rows, max: float = 30.0) -> Finding:
    """L07: the pipe is no steeper than so many degrees."""
    fall = np.abs(plain(rows, "start_invert_level") - plain(rows, "end_invert_level"))
    length = plan_lengths(rows)
    angle = np.degrees(np.arctan2(fall, length))
    describe = each(
        lambda degrees, metres, along: (
            f"坡角 {degrees:.1f}°，大于 {max:g}°（高差 {metres:.3f} m / {along:.1f} m）",
            f"slope of {degrees:.1f}°, steeper than {max:g}° ({metres:.3f} m over {along:.1f} m)",
            "核对两端高程",
            "check the levels of both ends",
        ),
        of(angle),
        of(fall),
        of(length),
    )
    return Finding(angle > max, "start_invert_level", describe)


@rule("invert_below_ground", reads=NODES)
def invert_below_ground(rows: Rows) -> Finding:
    """D08: at neither end does the recorded level lie above the ground."""
    over = [
        plain(rows, level) - ground_levels(rows, node)
        for level, node in (("start_invert_level", "start_node"), ("end_invert_level", "end_node"))
    ]
    return _at_worse_end(rows, over, 0.0, lambda node, metres, _limit: (
        f"{node} 处管底高于地面 {metres:.3f} m", f"at {node} the invert lies {metres:.3f} m above the ground",
        "核对管底高程与地面高程", "check invert and ground level",
    ))  # fmt: skip


@rule("cover", reads=NODES)
def cover(rows: Rows, carriageway_m: float = 0.7, path_m: float = 0.6, paths: Sequence[str] = ()) -> Finding:
    """D08: enough soil lies on the pipe; less will do under roads whose name ends in one of ``paths``.

    The pipe's top is invert + height of a gravity drain; of a pressure pipe the recorded level.
    """
    heights, _ = section_sizes(rows.columns["section"].astype(object))
    top = np.where(is_gravity(rows), np.nan_to_num(heights) / 1000, 0.0)
    roads = rows.columns["road_name"].astype("str").fillna("")
    limit = np.full(len(rows), carriageway_m)
    limit[roads.str.endswith(tuple(paths)).to_numpy(dtype=bool)] = path_m
    buried = ~rows.columns["embedding"].isin(ABOVE_GROUND).to_numpy(dtype=bool)
    cover_at = [
        ground_levels(rows, node) - plain(rows, level) - top
        for level, node in (("start_invert_level", "start_node"), ("end_invert_level", "end_node"))
    ]
    # What lies above the ground is invert_below_ground's.
    lacking = [np.where(buried & (c + top >= 0), np.round(limit - c, 3), np.nan) for c in cover_at]
    return _at_worse_end(rows, lacking, 0.0, lambda node, metres, least: (
        f"{node} 处覆土 {least - metres:.2f} m，小于 {least:g} m",
        f"at {node} {least - metres:.2f} m of soil lie on the pipe, less than {least:g} m",
        "核对管底高程、管径与地面高程", "check invert, diameter and ground level",
    ), limit)  # fmt: skip


def _at_worse_end(
    rows: Rows, by: list[np.ndarray], least: float, say: Callable[..., Said], limit: np.ndarray | None = None
) -> Finding:
    at_end = np.nan_to_num(by[1], nan=-np.inf) > np.nan_to_num(by[0], nan=-np.inf)
    amount = np.where(at_end, by[1], by[0])
    start, end = (rows.columns[name].to_numpy(dtype=object) for name in ("start_node", "end_node"))
    limits = limit if limit is not None else np.zeros(len(rows))
    describe = each(say, of(np.where(at_end, end, start)), of(amount), of(limits))
    broken = amount > least
    return Finding(broken, "start_invert_level,end_invert_level", describe)


@rule("well_spacing")
def well_spacing(rows: Rows, limits: Sequence[Sequence[float]] = WELL_SPACING) -> Finding:
    """D09: a gravity pipe is no longer than manholes of its diameter may lie apart."""
    if not limits:
        return nothing(rows, "geom")
    sizes, metres = np.array(limits, dtype=float).T
    heights, _ = section_sizes(rows.columns["section"].astype(object))
    group = np.searchsorted(sizes, np.nan_to_num(heights, nan=np.inf))
    longest = np.append(metres, np.inf)[group]
    length = plan_lengths(rows)
    describe = each(
        lambda along, size, most: (
            f"管径 {size:g} mm 的管段长 {along:.1f} m，检查井间距不应大于 {most:g} m",
            f"a pipe of {size:g} mm is {along:.1f} m long; manholes should be no more than {most:g} m apart",
            "核对是否漏测检查井",
            "look for a manhole left out",
        ),
        of(length),
        of(heights),
        of(longest),
    )
    return Finding(is_gravity(rows) & (length > longest), "geom", describe)
