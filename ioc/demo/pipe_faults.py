"""Rows of the pipe survey that each break one rule of pipe surveys, well apart from one another.

Reverse slopes, narrowings and misconnections (D01, D03, D05) are in the drains themselves (``drain_faults``);
doubled points, missing sizes and unknown ends (P04, L01, T01) are among the plain bad rows. An unreadable
header (P01) would spoil the whole file and is left out.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import shapely

from ioc.demo.bad_rows import SeededRows
from ioc.demo.district import DemoDistrict
from ioc.demo.handover_water import ELEMENTS, PipeTables
from ioc.demo.landscape import points_at

EACH = 2
"""Rows that break each rule."""
# Element codes of CJJ 61-2017 appendix F for 弯头 and 三通, by system.
BENDS = {"YS": "52012101", "WS": "52022101"}
BRANCHES = {"YS": "52012108", "WS": "52022108"}
MANHOLES = {"YS": "雨水井", "WS": "污水井"}
# Beside the middle of another pipe, square to it: where stray pipes begin and end (metres).
STRAYS = {
    ("T03", "D07"): (8.0, 3.0), ("T04", "T03", "D07"): (5.0, 0.3), ("T05", "T03", "D07"): (-3.0, 3.0)
}  # fmt: skip
STRAY_CLEARANCE = 1.0


class PipeSpoiler:
    """Spoils rows of a survey, each in a place of its own, and notes them.

    ``busy_nodes`` and ``busy_segments`` are rows whose faults must not meet another fault.
    """

    def __init__(
        self,
        district: DemoDistrict,
        pipes: PipeTables,
        seeded: SeededRows,
        files: tuple[str, str],
        rng: np.random.Generator,
    ) -> None:
        self.drains = district.drains
        self.nodes, self.points = pipes.nodes.copy(), pipes.points.copy()
        self.segments, self.lines = pipes.segments.copy(), pipes.lines.copy()
        self.seeded, self.files, self.rng = seeded, files, rng
        count = len(self.drains.ground)
        self.arriving = np.bincount(self.drains.bottom, minlength=count)
        self.leaving = np.bincount(self.drains.top, minlength=count)
        self.feeder = np.full(count, -1)
        self.feeder[self.drains.bottom] = self.drains.top
        self.onward = np.full(count, -1)
        self.onward[self.drains.top] = self.drains.bottom
        faulty = np.array([fault.segment for fault in district.drain_faults], dtype=int)
        self.taken = np.zeros(count, dtype=bool)
        self.taken[self.drains.top[faulty]] = self.taken[self.drains.bottom[faulty]] = True
        self.busy_nodes = np.zeros(count, dtype=bool)
        # Where a row that is refused leaves no pipe above without a way on, nor one below by itself.
        leads_on = self.leaving[self.onward[self.onward]] > 0
        self.tips = (self.arriving == 0) & (self.leaving == 1) & (self.leaving[self.onward] > 0) & leads_on
        self.tips &= ~self.taken

    @property
    def tip_segments(self) -> np.ndarray:
        return self.tips[self.drains.top]

    @property
    def busy_segments(self) -> np.ndarray:
        return self.busy_nodes[self.drains.top] | self.busy_nodes[self.drains.bottom]

    def spoil(self) -> PipeTables:
        """The survey with all of it done."""
        through = (self.arriving == 1) & (self.leaving == 1) & (self.drains.feature == "")
        through &= self.feeder < np.arange(len(through))
        suits = {"P06": through & self.tips[self.feeder], "P03": through, "T02": through}
        for rule, spoil in NODE_FAULTS.items():
            for node in self._pick(suits.get(rule, self.tips), lambda node: np.array([node])):
                column = spoil(self, int(node))
                self._note(0, int(node), rule, column)
        for rule, (suits, spoil) in SEGMENT_FAULTS.items():
            concerned = self._ends_with_row_before if rule == "L03" else self._ends
            for segment in self._pick(suits(self), concerned):
                column = spoil(self, int(segment))
                for row, broken in self._breaches(rule, int(segment)):
                    self._note(1, row, broken, column)
        for rules, (begin, end) in STRAYS.items():
            for host in self._pick(self._has_room(begin, end), self._ends):
                row = self._lay_stray(int(host), begin, end)
                for rule in rules:
                    self._note(1, row, rule, "geometry")
        return PipeTables(self.nodes, self.points, self.segments, self.lines)

    def _breaches(self, rule: str, segment: int) -> list[tuple[int, str]]:
        """Rows, with the rules they break, when a segment is spoilt for one rule."""
        if rule == "D04":
            following = int(np.flatnonzero(self.drains.top == self.drains.bottom[segment])[0])
            return [(segment, rule), (following, rule)]
        return [(segment, rule), (segment, "D07")] if rule == "D06" else [(segment, rule)]

    def _ends(self, segment: int) -> np.ndarray:
        return np.array([self.drains.top[segment], self.drains.bottom[segment]])

    def _ends_with_row_before(self, segment: int) -> np.ndarray:
        return np.concatenate([self._ends(segment - 1), self._ends(segment)])

    def _pick(self, suits: np.ndarray, nodes_of: Callable[[int], np.ndarray]) -> Iterator[int]:
        """Some of those that suit, as far as they stay clear of all other faults."""
        picked = 0
        for place in self.rng.permutation(np.flatnonzero(suits)):
            nodes = nodes_of(int(place))
            if self.taken[nodes].any():
                continue
            touching = np.isin(self.drains.top, nodes) | np.isin(self.drains.bottom, nodes)
            around = np.concatenate([nodes, self.drains.top[touching], self.drains.bottom[touching]])
            if self.busy_nodes[around].any():
                continue
            self.busy_nodes[around] = self.taken[around] = True
            yield int(place)
            picked += 1
            if picked == EACH:
                return

    def _note(self, which: int, row: int, rule: str, column: str) -> None:
        table = (self.nodes, self.segments)[which]
        value = table[column].iat[row] if column in table else None
        self.seeded.add(self.files[which], ("管点", "管线段")[which], row, rule, column, value)

    def put(self, table: pd.DataFrame, row: int, **values: object) -> None:
        for column, value in values.items():
            table.iloc[row, table.columns.get_loc(column)] = value

    def _has_room(self, begin: float, end: float) -> np.ndarray:
        """Pipes beside whose middle a stray one meets no other of its kind."""
        room = np.zeros(len(self.drains.top), dtype=bool)
        for system in np.unique(self.drains.subclass):
            mine = np.flatnonzero(self.drains.subclass == system)
            strays = shapely.linestrings([self._square_to(int(row), begin, end) for row in mine])
            near, other = shapely.STRtree(self.lines[mine]).query(
                strays, predicate="dwithin", distance=STRAY_CLEARANCE
            )
            room[mine] = np.bincount(near[near != other], minlength=len(mine)) == 0
        return room & (self.drains.lengths > 20)

    def _square_to(self, segment: int, begin: float, end: float) -> np.ndarray:
        upper, lower = self.drains.position[self._ends(segment)]
        along = (lower - upper) / np.hypot(*(lower - upper))
        across = np.array([-along[1], along[0]])
        middle = (upper + lower) / 2
        return np.round(np.stack([middle + across * begin, middle + across * end]), 3)

    def _lay_stray(self, host: int, begin: float, end: float) -> int:
        """A pipe of its own between two new points; its row."""
        places = self._square_to(host, begin, end)
        node = self.nodes.iloc[[self.drains.top[host]] * 2].copy()
        system, ground = str(node["GXLX"].iat[0]), float(node["DMGC"].iat[0])
        names = [f"{node['WTDH'].iat[0]}{letter}" for letter in "AB"]
        node["WTDH"] = node["TSDH"] = names
        node["X"], node["Y"] = places[:, 1], places[:, 0]
        node["TZ"], node["FSW"] = "", MANHOLES[system]
        node["DBM"] = ELEMENTS[system][MANHOLES[system]]
        pipe = self.segments.iloc[[host]].copy()
        pipe["QDDH"], pipe["ZDDH"] = names
        pipe["QDMS"], pipe["ZDMS"] = 2.0, 2.05
        pipe["QDGC"], pipe["ZDGC"] = round(ground - 2.0, 3), round(ground - 2.05, 3)
        pipe["GJ"] = "300"
        self.nodes = pd.concat([self.nodes, node], ignore_index=True)
        self.points = np.concatenate([self.points, points_at(places)])
        self.segments = pd.concat([self.segments, pipe], ignore_index=True)
        self.lines = np.concatenate([self.lines, np.array([shapely.LineString(places)], dtype=object)])
        return len(self.segments) - 1


def _no_map_code(survey: PipeSpoiler, node: int) -> str:
    survey.put(survey.nodes, node, TSDH="")
    return "TSDH"


def _other_map_code(survey: PipeSpoiler, node: int) -> str:
    survey.put(survey.nodes, node, TSDH=f"{survey.nodes['WTDH'].iat[node]}-1")
    return "TSDH"


def _both_kinds(survey: PipeSpoiler, node: int) -> str:
    survey.put(survey.nodes, node, TZ="弯头")
    return "TZ"


def _in_one_place(survey: PipeSpoiler, node: int) -> str:
    # Of two points in one place the later row is at fault.
    above = survey.feeder[node]
    same = survey.nodes.iloc[above]
    survey.put(survey.nodes, node, X=same["X"], Y=same["Y"], DMGC=same["DMGC"])
    survey.points[node] = survey.points[above]
    return "geometry"


def _other_element(survey: PipeSpoiler, node: int) -> str:
    system = str(survey.drains.system[node])
    kind = "泵站" if survey.drains.fixture[node] != "泵站" else MANHOLES[system]
    survey.put(survey.nodes, node, DBM=ELEMENTS[system][kind])
    return "DBM"


def _branch_of_two(survey: PipeSpoiler, node: int) -> str:
    survey.put(survey.nodes, node, TZ="三通", FSW="", DBM=BRANCHES[str(survey.drains.system[node])])
    return "WTDH"


def _end_is_start(survey: PipeSpoiler, segment: int) -> str:
    survey.put(survey.segments, segment, ZDDH=survey.segments["QDDH"].iat[segment])
    return "ZDDH"


def _twin_of_row_before(survey: PipeSpoiler, segment: int) -> str:
    survey.segments.iloc[segment] = survey.segments.iloc[segment - 1]
    survey.lines[segment] = survey.lines[segment - 1]
    return _turned_round(survey, segment)


def _turned_round(survey: PipeSpoiler, segment: int) -> str:
    row = survey.segments.iloc[segment]
    survey.put(
        survey.segments, segment, QDDH=row["ZDDH"], ZDDH=row["QDDH"], QDMS=row["ZDMS"], ZDMS=row["QDMS"],
        QDGC=row["ZDGC"], ZDGC=row["QDGC"],
    )  # fmt: skip
    survey.lines[segment] = shapely.reverse(survey.lines[segment])
    return "QDDH"


def _too_deep(survey: PipeSpoiler, segment: int) -> str:
    survey.put(survey.segments, segment, QDMS=13.2)
    return "QDMS"


def _drop_at_bend(survey: PipeSpoiler, segment: int) -> str:
    node = int(survey.drains.top[segment])
    survey.put(survey.nodes, node, TZ="弯头", FSW="", DBM=BENDS[str(survey.drains.system[node])])
    row = survey.segments.iloc[segment]
    survey.put(survey.segments, segment, QDGC=round(row["QDGC"] - 0.05, 3), QDMS=round(row["QDMS"] + 0.05, 2))
    return "QDGC"


def _drawn_thrice(survey: PipeSpoiler, segment: int) -> str:
    line = shapely.get_coordinates(survey.lines[segment])
    survey.lines[segment] = shapely.linestrings(np.concatenate([line, line]))
    return "geometry"


def _against_the_flow(survey: PipeSpoiler, segment: int) -> str:
    survey.put(survey.segments, segment, LX=1)
    return "LX"


def _far_wider(survey: PipeSpoiler, segment: int) -> str:
    survey.put(survey.segments, segment, GJ="2800")
    return "GJ"


def _above_ground(survey: PipeSpoiler, segment: int) -> str:
    ground = float(survey.drains.ground[survey.drains.top[segment]])
    survey.put(survey.segments, segment, QDGC=round(ground + 0.5, 3))
    return "QDGC"


def _on_the_way(survey: PipeSpoiler) -> np.ndarray:
    """Pipes with one that feeds them and one that they feed."""
    drains = survey.drains
    return (survey.arriving[drains.top] == 1) & (survey.leaving[drains.bottom] == 1)


def _first(survey: PipeSpoiler) -> np.ndarray:
    """Pipes with none above them."""
    return survey.tip_segments


def _first_after_a_sound_one(survey: PipeSpoiler) -> np.ndarray:
    """Such pipes after a row without a fault."""
    sound = ~(survey.busy_segments | survey.taken[survey.drains.top] | survey.taken[survey.drains.bottom])
    return _first(survey) & np.concatenate([[False], sound[:-1]])


def _with_fall(survey: PipeSpoiler) -> np.ndarray:
    drains = survey.drains
    manhole = drains.fixture[drains.top] != "泵站"
    return _on_the_way(survey) & manhole & (drains.invert_top - drains.invert_bottom > 0.08)


def _at_a_tip(survey: PipeSpoiler) -> np.ndarray:
    drains = survey.drains
    return (survey.arriving[drains.top] == 0) & (survey.leaving[drains.bottom] == 1)


def _long(survey: PipeSpoiler, wide: bool) -> np.ndarray:
    drains = survey.drains
    length = (drains.lengths > 26) & (drains.lengths < 33)
    return length & ((drains.diameter > 600) == wide)


def _narrow_on_the_way(survey: PipeSpoiler) -> np.ndarray:
    return _on_the_way(survey) & (survey.drains.diameter <= 600)


def _wide_and_long(survey: PipeSpoiler) -> np.ndarray:
    return _long(survey, wide=True)


def _narrow_and_long(survey: PipeSpoiler) -> np.ndarray:
    return _long(survey, wide=False)


Spoil = Callable[[PipeSpoiler, int], str]
Suits = Callable[[PipeSpoiler], np.ndarray]
NODE_FAULTS: dict[str, Spoil] = {
    "P02": _no_map_code, "P03": _other_map_code, "P05": _both_kinds, "P06": _in_one_place,
    "P07": _other_element, "T02": _branch_of_two,
}  # fmt: skip
SEGMENT_FAULTS: dict[str, tuple[Suits, Spoil]] = {
    "L06": (_wide_and_long, _drawn_thrice),
    "D09": (_narrow_and_long, _drawn_thrice),
    "L02": (_first, _end_is_start),
    "L03": (_first_after_a_sound_one, _twin_of_row_before),
    "L04": (_on_the_way, _too_deep),
    "L05": (_with_fall, _drop_at_bend),
    "D02": (_first, _against_the_flow),
    "D04": (_narrow_on_the_way, _far_wider),
    "D06": (_at_a_tip, _turned_round),
    "D08": (_first, _above_ground),
}
