"""Rules about where water goes: in circles, two ways at once (D06), or to no outlet (D07)."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from etl.rows import Rows
from etl.rules.finding import Finding, each, of, rule
from etl.rules.pipe_meeting import SEPARATORS
from etl.rules.pipe_network import COLUMNS, NODES, SEWAGE, STORM, network_of

STORM_OUTLETS = ("出水口",)
SEWAGE_OUTLETS = ("污水处理厂", "泵站")


@rule("closed_loop", scope="dataset", columns=COLUMNS, reads=NODES)
def closed_loop(rows: Rows) -> Finding:
    """D06: no gravity pipe leads back to where its water came from."""
    net = network_of(rows)
    drains = np.flatnonzero(net.gravity)
    group = circles(net.top[drains], net.bottom[drains], len(net.codes))
    inside = (group[net.top[drains]] >= 0) & (group[net.top[drains]] == group[net.bottom[drains]])
    round_trips = drains[inside]
    many = np.bincount(group[net.top[round_trips]], minlength=1)
    count = np.zeros(len(rows), dtype=int)
    count[net.rows[round_trips]] = many[group[net.top[round_trips]]]
    describe = each(
        lambda pipes: (
            f"环状：{pipes} 段重力管首尾相接成环",
            f"a closed loop of {pipes} gravity pipes",
            "核对各段流向",
            "check which way each of them flows",
        ),
        of(count),
    )
    return Finding(count > 0, "flow_direction", describe)


def circles(top: np.ndarray, bottom: np.ndarray, nodes: int) -> np.ndarray:
    """For each node the number of the circle (strongly connected part) it is in, -1 for none.

    Nodes without arrivals or departures are peeled off until only circles and what joins them is left;
    Tarjan's algorithm tells these apart.
    """
    edges = np.arange(len(top))
    while len(edges):
        arrives = np.bincount(bottom[edges], minlength=nodes) > 0
        leaves = np.bincount(top[edges], minlength=nodes) > 0
        kept = edges[arrives[top[edges]] & leaves[bottom[edges]]]
        if len(kept) == len(edges):
            break
        edges = kept
    onward: dict[int, list[int]] = defaultdict(list)
    for a, b in zip(top[edges].tolist(), bottom[edges].tolist(), strict=True):
        onward[a].append(b)
    group = np.full(nodes, -1)
    for number, members in enumerate(_strongly_connected(onward)):
        if len(members) > 1:
            group[members] = number
    return group


def _strongly_connected(onward: dict[int, list[int]]) -> list[list[int]]:
    """Tarjan's algorithm without recursion."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    stacked: set[int] = set()
    parts = []
    for root in list(onward):
        if root in index:
            continue
        work = [(root, iter(onward.get(root, ())))]
        index[root] = low[root] = len(index)
        stack.append(root)
        stacked.add(root)
        while work:
            node, following = work[-1]
            for target in following:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    stacked.add(target)
                    work.append((target, iter(onward.get(target, ()))))
                    break
                if target in stacked:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    part = []
                    while not part or part[-1] != node:
                        part.append(stack.pop())
                        stacked.discard(part[-1])
                    parts.append(part)
    return parts


@rule("two_outflows", scope="dataset", columns=COLUMNS, reads=NODES)
def two_outflows(rows: Rows, built_for_it: Sequence[str] = SEPARATORS) -> Finding:
    """D06: one gravity pipe leaves a node, unless it is built to part the flow (溢流, 截流)."""
    net = network_of(rows)
    leaving = net.outflows(net.gravity)
    parted = (leaving > 1) & ~net.is_one_of(tuple(built_for_it))
    wrong = net.gravity & parted[net.top]
    mask = rows.none()
    mask[net.rows[wrong]] = True
    node, many = np.full(len(rows), "", dtype=object), np.zeros(len(rows), dtype=int)
    node[net.rows], many[net.rows] = net.codes[net.top], leaving[net.top]
    describe = each(
        lambda code, pipes: (
            f"{code} 有 {pipes} 条出流管，且不是溢流、截流设施",
            f"{pipes} pipes leave {code}, which is no overflow or interceptor",
            "核对流向；确为分流的改附属物",
            "check the flow; if it is built so, say so in 附属物",
        ),
        of(node),
        of(many),
    )
    return Finding(mask, "flow_direction", describe)


@rule("reaches_outlet", scope="dataset", columns=COLUMNS, reads=NODES)
def reaches_outlet(
    rows: Rows, storm: Sequence[str] = STORM_OUTLETS, sewage: Sequence[str] = SEWAGE_OUTLETS
) -> Finding:
    """D07: every gravity pipe leads to an outlet.

    Storm drains to a 出水口, sewers to a works or pumping station, combined ones to either. The last pipe
    before a dead end is flagged, with how many lie above it.
    """
    net = network_of(rows)
    drains = np.flatnonzero(net.gravity)
    top, bottom, kind = net.top[drains], net.bottom[drains], net.kind[drains]
    rain_out, sewage_out = net.is_one_of(tuple(storm)), net.is_one_of(tuple(sewage))
    last = np.bincount(top, minlength=len(net.codes))[bottom] == 0
    out = np.where(
        kind == STORM,
        rain_out[bottom],
        np.where(kind == SEWAGE, sewage_out[bottom], (rain_out | sewage_out)[bottom]),
    )
    dead = np.flatnonzero(last & ~out)
    arriving: dict[int, list[int]] = defaultdict(list)
    for number, node in enumerate(bottom.tolist()):
        arriving[node].append(number)
    above = np.zeros(len(rows), dtype=int)
    node = np.full(len(rows), "", dtype=object)
    for pipe in dead.tolist():
        row = net.rows[drains[pipe]]
        above[row], node[row] = _upstream(pipe, top, arriving), net.codes[bottom[pipe]]
    mask = rows.none()
    mask[net.rows[drains[dead]]] = True
    describe = each(
        lambda code, pipes: (
            f"{code} 之后没有去向，也不是排放口、泵站或污水处理厂；上游 {pipes} 段排不出去",
            f"nothing leads on from {code}, which is no outlet; {pipes} pipes above it have no way out",
            "补测下游管段，或核对该点的特征、附属物",
            "survey the pipe that follows, or check what the point is",
        ),
        of(node),
        of(above),
    )
    return Finding(mask, "end_node", describe)


def _upstream(pipe: int, top: np.ndarray, arriving: dict[int, list[int]]) -> int:
    """How many pipes lie above one."""
    seen = {pipe}
    waiting = [pipe]
    while waiting:
        for other in arriving.get(int(top[waiting.pop()]), ()):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return len(seen) - 1
