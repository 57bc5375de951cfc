"""Rules about pipes that meet: twice the same (L03), unlike (L05), sizes (D03, D04), systems (D05)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from etl.rows import Rows
from etl.rules.finding import Finding, Said, each, of, rule
from etl.rules.pipe_network import COLUMNS, COMBINED, NODES, SEWAGE, STORM, Network, network_of, plain
from etl.rules.pipe_section import is_round

STANDARD_SIZES = (
    200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100, 1200, 1350, 1500, 1650, 1800, 2000, 2200, 2400, 2600,
    2800, 3000,
)  # fmt: skip
"""Diameters (mm) in which concrete drains are made, after GB/T 11836 (unverified)."""

SEPARATORS = ("溢流", "截流")
"""Words in 特征 or 附属物 of a node that is built to part the flow or to join two systems."""


@rule("duplicate_pipe", scope="dataset", columns=COLUMNS)
def duplicate_pipe(rows: Rows) -> Finding:
    """L03: no two pipes join the same two points, in either direction; the first one stays."""
    net = network_of(rows)
    pairs = pd.DataFrame({"low": np.minimum(net.top, net.bottom), "high": np.maximum(net.top, net.bottom)})
    first = (
        pd.Series(np.arange(len(pairs))).groupby([pairs["low"], pairs["high"]]).transform("min").to_numpy()
    )
    twin = np.full(len(rows), -1)
    again = first != np.arange(len(pairs))
    twin[net.rows[again]] = net.rows[first[again]]
    codes = rows.columns["code"].to_numpy(dtype=object)
    describe = each(
        lambda code, row, other: (
            f"重复管线：{code} 与第 {row} 行 {other} 连接同样两点",
            f"{code} joins the same two points as {other} in row {row}",
            "确为双管的补设管点，否则删去一行",
            "if there are two pipes give them points of their own, else keep one row",
        ),
        of(codes),
        lambda chosen: rows.source_row[twin[chosen]].tolist(),
        lambda chosen: codes[twin[chosen]].tolist(),
    )
    return Finding(twin >= 0, "start_node,end_node", describe)


@rule("alike_at_point", scope="dataset", columns=COLUMNS, reads=NODES)
def alike_at_point(
    rows: Rows, tolerance_m: float = 0.01, may_change: Sequence[str] = ("变径", "变材")
) -> Finding:
    """L05: where two pipes meet at a point that is no well, both state the same level, depth, material, size.

    In a well (附属物) pipes may drop and change, and at a 特征 that is named for a change (``may_change``).
    Of two pipes that differ the later row is flagged.
    """
    net = network_of(rows)
    ends = pd.DataFrame({
        "node": np.concatenate([net.top, net.bottom]), "row": np.tile(net.rows, 2),
        "level": np.concatenate([net.up, net.down]),
        "depth": np.concatenate(_depths(rows, net)),
        "material": np.tile(rows.columns["material"].astype(object).to_numpy()[net.rows], 2),
        "size": np.tile(rows.columns["section"].astype(object).to_numpy()[net.rows], 2),
    })  # fmt: skip
    judged = (net.attachment == "") & (net.feature != "") & ~net.is_one_of(tuple(may_change))
    ends = ends.loc[judged[ends["node"]]].sort_values(by=["node", "row"])
    before = ends.groupby("node").shift()
    unlike = {
        "level": (ends["level"] - before["level"]).abs().round(3) > tolerance_m,
        "depth": (ends["depth"] - before["depth"]).abs().round(3) > tolerance_m,
        "material": before["material"].notna()
        & ends["material"].notna()
        & (ends["material"] != before["material"]),
        "size": before["size"].notna() & ends["size"].notna() & (ends["size"] != before["size"]),
    }
    names = {"level": ("高程", "level"), "depth": ("埋深", "depth"), "material": ("材质", "material"),
             "size": ("管径", "size")}  # fmt: skip
    said: dict[int, tuple[list[str], list[str]]] = {}
    for what, differs in unlike.items():
        zh, en = names[what]
        chosen = ends.loc[differs, ["node", "row", what]].to_numpy(dtype=object)
        for (number, row, value), other in zip(chosen, before.loc[differs, what], strict=True):
            lists = said.setdefault(int(row), ([], []))
            node = net.codes[number]
            lists[0].append(f"{node} 处{zh} {_said(value)}，相接管线为 {_said(other)}")
            lists[1].append(f"{en} {_said(value)} at {node}, the pipe it meets has {_said(other)}")
    mask = rows.none()
    mask[list(said)] = True
    describe = each(
        lambda row: ("；".join(said[row][0]), "; ".join(said[row][1]), "核对两条管线的记录",
                     "compare the records of the two pipes"),
        lambda chosen: chosen.tolist(),
    )  # fmt: skip
    return Finding(mask, "start_invert_level,end_invert_level", describe)


def _said(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _depths(rows: Rows, net: Network) -> tuple[np.ndarray, np.ndarray]:
    """Depths where water enters and leaves each pipe of the network."""
    start, end = plain(rows, "start_depth")[net.rows], plain(rows, "end_depth")[net.rows]
    first = net.codes[net.top] == rows.columns["start_node"].to_numpy(dtype=object)[net.rows]
    return np.where(first, start, end), np.where(first, end, start)


def _largest(node: np.ndarray, value: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """For each node the largest value there (-inf where none), and the position that has it (-1)."""
    most, where = np.full(nodes, -np.inf), np.full(nodes, -1)
    order = np.argsort(value, kind="stable")
    most[node[order]], where[node[order]] = value[order], order
    return most, where


@rule("narrowing", scope="dataset", columns=COLUMNS, reads=NODES)
def narrowing(rows: Rows) -> Finding:
    """D03: what leaves a node is no narrower than the widest gravity pipe that arrives, by area."""
    net = network_of(rows)
    known = np.flatnonzero(net.gravity & np.isfinite(net.area))
    nodes = len(net.codes)
    arriving, widest = _largest(net.bottom[known], net.area[known], nodes)
    leaving, _ = _largest(net.top[known], net.area[known], nodes)
    at = net.top[known]
    # Where the flow parts, the widest way on is what counts.
    narrow = (leaving[at] < arriving[at] * (1 - 1e-9)) & np.isfinite(arriving[at])
    feeder = np.full(len(rows), -1)
    feeder[net.rows[known[narrow]]] = net.rows[known[widest[at[narrow]]]]
    sections, codes = (rows.columns[name].to_numpy(dtype=object) for name in ("section", "code"))
    describe = each(
        lambda size, code, above: (
            f"大管接小管：上游 {code} 管径 {above}，本段 {size}",
            f"a smaller pipe takes in a larger one: {above} mm of {code} flows into {size} mm",
            f"核对管径；上下游应不小于 {above}",
            f"check the size; downstream it should be at least {above}",
        ),
        of(sections),
        lambda chosen: codes[feeder[chosen]].tolist(),
        lambda chosen: sections[feeder[chosen]].tolist(),
    )
    return Finding(feeder >= 0, "section", describe)


@rule("size_jump", scope="dataset", columns=COLUMNS, reads=NODES)
def size_jump(rows: Rows, sizes: Sequence[float] = STANDARD_SIZES, steps: int = 2) -> Finding:
    """D04: a round pipe is within so many standard sizes of the widest that arrives."""
    net = network_of(rows)
    section = rows.columns["section"].astype(object).to_numpy()[net.rows]
    round_ones = np.array([isinstance(text, str) and is_round(text) for text in section], dtype=bool)
    known = np.flatnonzero(net.gravity & round_ones)
    arriving, widest = _largest(net.bottom[known], net.height[known], len(net.codes))
    at = net.top[known]
    fed = np.isfinite(arriving[at])
    step = np.searchsorted(sizes, net.height[known]) - np.searchsorted(sizes, np.where(fed, arriving[at], 0))
    jumps = fed & (np.abs(step) > steps)
    feeder, by = np.full(len(rows), -1), np.zeros(len(rows), dtype=int)
    feeder[net.rows[known[jumps]]] = net.rows[known[widest[at[jumps]]]]
    by[net.rows[known[jumps]]] = step[jumps]
    sections, codes = (rows.columns[name].to_numpy(dtype=object) for name in ("section", "code"))

    def say(size: str, above: str, code: str, many: int) -> Said:
        return (
            f"管径突变：上游 {code} 为 {above}，本段 {size}，相差 {abs(many)} 级",
            f"the size jumps by {abs(many)} steps: {above} mm of {code}, then {size} mm",
            "核对管径",
            "check the size",
        )

    describe = each(
        say, of(sections), lambda chosen: sections[feeder[chosen]].tolist(),
        lambda chosen: codes[feeder[chosen]].tolist(), of(by),
    )  # fmt: skip
    return Finding(feeder >= 0, "section", describe)


@rule("misconnection", scope="dataset", columns=COLUMNS, reads=NODES)
def misconnection(rows: Rows) -> Finding:
    """D05 混接: rain does not flow into a sewer, sewage (nor combined flow) not into a storm drain.

    The next pipe decides, at a last node the node's own subclass; a node built to intercept or overflow may
    join the two. Without a well (附属物) at the node the connection is a hidden one (支管暗接).
    """
    net = network_of(rows)
    nodes = len(net.codes)
    onward = {
        kind: np.bincount(net.top[net.gravity & (net.kind == kind)], minlength=nodes) > 0
        for kind in (STORM, SEWAGE, COMBINED)
    }
    last = ~np.any(list(onward.values()), axis=0)
    onward = {kind: leaving | (last & (net.node_kind == kind)) for kind, leaving in onward.items()}
    free = ~net.is_one_of(SEPARATORS)[net.bottom]
    rain = (net.kind == STORM) & onward[SEWAGE][net.bottom]
    sewage = np.isin(net.kind, (SEWAGE, COMBINED)) & onward[STORM][net.bottom]
    wrong = net.gravity & free & (rain | sewage)
    into = np.full(len(rows), "", dtype=object)
    hidden = (net.attachment == "") & (net.feature != "")
    into[net.rows] = np.where(rain, "雨水接入污水", "污水接入雨水")
    into[net.rows[hidden[net.bottom]]] += "，支管暗接"
    at = np.full(len(rows), "", dtype=object)
    at[net.rows] = net.codes[net.bottom]
    english = {"雨水接入污水": "rain into a sewer", "污水接入雨水": "sewage into a storm drain"}
    mask = rows.none()
    mask[net.rows[wrong]] = True

    def say(what: str, node: str) -> Said:
        en = english[what[:6]] + (", joined without a manhole" if what.endswith("暗接") else "")
        return (
            f"混接：{what}（{node}）",
            f"misconnection at {node}: {en}",
            "现场核实去向",
            "look where it leads",
        )

    return Finding(mask, "subclass", each(say, of(into), of(at)))
