"""Rules about how pipes and points hang together (T01 to T05). Points are the published ones."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import shapely

from etl.rows import Rows
from etl.rules.finding import Finding, Note, each, nothing, of, rule
from etl.rules.pipe_network import COLUMNS, NODES, Network, in_metres, network_of, node_places

DEGREES = {"三通": 3, "四通": 4, "起止点": 1, "预留口": 1}
"""Pipes that meet at a point of this 特征."""

ENDS = ("起止点", "预留口", "进水口", "出水口", "出地", "盖堵")
"""特征 at which a line may end; it may end at any 附属物 too."""


@rule("unused_node", scope="dataset", columns=COLUMNS, reads=NODES)
def unused_node(rows: Rows) -> Finding:
    """T01: every published point is the end of a pipe. Notes, as the fault is no pipe's."""
    codes = rows.references.table("pipe_node").codes
    net = network_of(rows)
    unused = codes[~codes.isin(net.codes)].to_numpy(dtype=object)
    notes = tuple(
        Note(code, f"孤立点：管点 {code} 没有管线连接", f"point {code} is the end of no pipe", place,
             "补测管线，或删去该点", "survey its pipe, or leave the point out")
        for code, place in zip(unused, node_places(rows, unused), strict=True)
    )  # fmt: skip
    return Finding(rows.none(), None, nothing(rows).describe, notes)


@rule("node_degree", scope="dataset", columns=COLUMNS, reads=NODES)
def node_degree(rows: Rows, degrees: Mapping[str, int] = DEGREES) -> Finding:
    """T02: as many pipes meet at a point as its 特征 says. Notes, as the fault is no pipe's."""
    net = network_of(rows)
    wanted = pd.Series(net.feature).map(dict(degrees)).to_numpy(dtype=float)
    found = _degrees(net)
    wrong = np.flatnonzero(np.isfinite(wanted) & (found != wanted))
    notes = tuple(
        Note(code, f"管点 {code} 为“{feature}”，应连 {int(should)} 条管线，实连 {number} 条",
             f"point {code} is a “{feature}” for {int(should)} pipes, {number} meet there", place,
             "核对特征，或补测管线", "check the feature, or survey the missing pipe")
        for code, feature, should, number, place in zip(
            net.codes[wrong], net.feature[wrong], wanted[wrong], found[wrong],
            node_places(rows, net.codes[wrong]), strict=True)
    )  # fmt: skip
    return Finding(rows.none(), None, nothing(rows).describe, notes)


def _degrees(net: Network) -> np.ndarray:
    return np.bincount(np.concatenate([net.top, net.bottom]), minlength=len(net.codes))


def components(first: np.ndarray, last: np.ndarray, nodes: int) -> np.ndarray:
    """For each node the lowest number of those it is connected with; edges join ``first`` and ``last``."""
    root = np.arange(nodes)
    while True:
        low = np.minimum(root[first], root[last])
        new = root.copy()
        np.minimum.at(new, root[first], low)
        np.minimum.at(new, root[last], low)
        # Everybody follows the root of his root: chains halve in every round.
        while not np.array_equal(new, new[new]):
            new = new[new]
        if np.array_equal(new, root):
            return root
        root = new


@rule("isolated_pipe", scope="dataset", columns=COLUMNS, reads=NODES)
def isolated_pipe(rows: Rows, least: int = 2, ends: Sequence[str] = ENDS) -> Finding:
    """T03: a pipe is one of a network of at least so many, and ends where lines may end (else 断头点)."""
    net = network_of(rows)
    root = components(net.top, net.bottom, len(net.codes))
    size = np.bincount(root[net.top], minlength=len(net.codes))[root[net.top]]
    isolated = size < least
    tip = (_degrees(net) == 1) & (net.attachment == "") & (net.feature != "") & ~net.is_one_of(tuple(ends))
    dead = tip[net.top] | tip[net.bottom]
    where = np.where(tip[net.bottom], net.bottom, net.top)
    said = np.full(len(rows), None, dtype=object)
    for row, alone, many, node in zip(net.rows, isolated, size, where, strict=True):
        said[row] = (
            (f"孤立管线：所在管网只有 {many} 段", f"an isolated network of {many} pipes",
             "补测相接管线", "survey the pipes it joins")
            if alone else
            (f"断头点：{net.codes[node]}（{net.feature[node]}）只连一条管线",
             f"the line ends at {net.codes[node]}, a “{net.feature[node]}”",
             "补测下一段，或改为起止点、预留口", "survey the next pipe, or make it an end point")
        )  # fmt: skip
    mask = rows.none()
    mask[net.rows[isolated | dead]] = True
    return Finding(mask, "start_node,end_node", each(lambda words: words, of(said)))


@rule("dangling_end", scope="dataset", columns=COLUMNS, reads=NODES)
def dangling_end(rows: Rows, tolerance_m: float = 0.5) -> Finding:
    """T04 悬空点: no end lies within the tolerance of a pipe of its kind that it is not joined to."""
    lines, net, plane = _drawn(rows)
    if not len(lines):
        return nothing(rows, "geom")
    tree = shapely.STRtree(plane)
    near: dict[int, tuple[int, int, float]] = {}
    for point, node in ((0, _first_node(rows, net, lines)), (-1, _last_node(rows, net, lines))):
        ends = shapely.get_point(plane, point)
        one, other = tree.query(ends, predicate="dwithin", distance=tolerance_m)
        apart = (net.kind[lines[one]] == net.kind[lines[other]]) & ~_touch(net, lines, node[one], other)
        metres = shapely.distance(ends[one[apart]], plane[other[apart]])
        for a, b, away in zip(one[apart], other[apart], metres, strict=True):
            near.setdefault(int(net.rows[lines[a]]), (int(node[a]), int(net.rows[lines[b]]), float(away)))
    mask = rows.none()
    mask[list(near)] = True
    codes = rows.columns["code"].to_numpy(dtype=object)
    describe = each(
        lambda found: (
            f"悬空点：{net.codes[found[0]]} 距管线 {codes[found[1]]} 仅 {found[2]:.2f} m 而未相接",
            f"{net.codes[found[0]]} lies {found[2]:.2f} m from pipe {codes[found[1]]} without joining it",
            "确应相接的改接到该管线的管点", "if they join, connect it to a point of that pipe",
        ),
        lambda chosen: [near[int(row)] for row in chosen],
    )  # fmt: skip
    return Finding(mask, "geom", describe)


@rule("crossing", scope="dataset", columns=COLUMNS, reads=NODES)
def crossing(rows: Rows) -> Finding:
    """T05: a pipe crosses another of its kind at a point only."""
    lines, net, plane = _drawn(rows)
    if not len(lines):
        return nothing(rows, "geom")
    one, other = shapely.STRtree(plane).query(plane, predicate="crosses")
    pairs = (one > other) & (net.kind[lines[one]] == net.kind[lines[other]])
    one, other = one[pairs], other[pairs]
    apart = ~(
        _touch(net, lines, net.top[lines[one]], other) | _touch(net, lines, net.bottom[lines[one]], other)
    )
    crossed: dict[int, tuple[int, float, float]] = {}
    for a, b in zip(one[apart], other[apart], strict=True):
        row, second = int(net.rows[lines[a]]), int(net.rows[lines[b]])
        assert rows.geometry is not None, "lines were drawn from it"
        place = shapely.get_coordinates(shapely.intersection(rows.geometry[row], rows.geometry[second]))
        if len(place):
            crossed.setdefault(row, (second, float(place[0][0]), float(place[0][1])))
    mask = rows.none()
    mask[list(crossed)] = True
    codes = rows.columns["code"].to_numpy(dtype=object)
    describe = each(
        lambda found: (
            f"与同类管线 {codes[found[0]]} 相交而无管点（{found[1]:.6f}，{found[2]:.6f}）",
            f"crosses {codes[found[0]]} of its kind without a point ({found[1]:.6f}, {found[2]:.6f})",
            "相通的在交点设管点，上下穿过的在备注中说明",
            "if they join, set a point there; if one passes below, say so in the remark",
        ),
        lambda chosen: [crossed[int(row)] for row in chosen],
    )
    return Finding(mask, "geom", describe)


def _drawn(rows: Rows) -> tuple[np.ndarray, Network, np.ndarray]:
    """Positions in the network of pipes with a line, the network, and the lines in metres."""
    net = network_of(rows)
    if rows.geometry is None or not len(net.rows):
        return np.empty(0, dtype=int), net, np.empty(0, dtype=object)
    shapes = rows.geometry[net.rows]
    lines = np.flatnonzero((shapely.get_type_id(shapes) == 1) & rows.located()[net.rows])
    return lines, net, in_metres(shapes[lines]) if len(lines) else shapes[lines]


def _touch(net: Network, lines: np.ndarray, node: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether each node is an end of the other line."""
    return (net.top[lines[other]] == node) | (net.bottom[lines[other]] == node)


def _first_node(rows: Rows, net: Network, lines: np.ndarray) -> np.ndarray:
    """The node each line is drawn from, which is not always where its water enters."""
    start = rows.columns["start_node"].to_numpy(dtype=object)[net.rows[lines]]
    return np.where(net.codes[net.top[lines]] == start, net.top[lines], net.bottom[lines])


def _last_node(rows: Rows, net: Network, lines: np.ndarray) -> np.ndarray:
    return net.top[lines] + net.bottom[lines] - _first_node(rows, net, lines)
