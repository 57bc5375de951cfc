"""Names of branch roads and lanes: real ones where Wuchang has them, else after the community they lie in."""

import numpy as np
import shapely

from ioc.demo.areas import Areas
from ioc.demo.roads import BRANCH, RoadNetwork

# Names of streets in Wuchang by the code of the street (街道) that they lie in or near.
REAL = {
    "420106001": "得胜桥 前进路 凤凰路 三层楼路 积玉桥路 新生路 四马路 和平里路 一弓堤路",
    "420106002": "四美塘路 杨园南路 才汇巷 建设二路 临江路 电力新村路 冶金大道 园林路 柴林路",
    "420106003": (
        "三角路北 秦园中路 武车路 徐家棚街 团结路 友谊北路 理工路 才茂街 长江隧道引道 "
        "二桥路 油料所路 东湖西路"
    ),
    "420106005": ("胭脂路 昙华林路 戈甲营 云架桥路 崇福山街 候补街 青龙巷 马道门 都司湖路 花园山路"),
    "420106006": "司门口路 户部巷 都府堤 西城壕 自由路 后长街 大堤口路 沙湖路西 曾家巷",
    "420106007": "阅马场路 读书院街 花堤街 大成路 平湖门路 西厂口路 长湖路 复兴东路 熊廷弼街",
    "420106008": ("起义街 水陆街 保望堤 津水路 歌笛湖路 复兴路 明伦街 巡司河路 梅隐寺路 恒安里路"),
    "420106009": ("八铺街 堤东街 万福林路 涂家沟路 夹套河北路 张家湾街 鹦鹉洲引道 武金堤路 青菱路 烽胜路"),
    "420106010": "千家街北 长湖南村路 大东门街 武南路 忠孝门路 付家坡一路 首义南路 静安北路",
    "420106011": (
        "傅家坡路 石牌岭东一路 宝通寺路 梅苑路 静安路 涂家岭路 瑞景路 洪山侧路 "
        "莲溪寺路 丁字桥南路 何家垅路 付家坡路 百瑞景路"
    ),
    "420106012": (
        "放鹰台路 茶港路 东一路 东二路 东三路 天鹅路 东亭路 楚汉路 姚家岭路 岳家嘴路 "
        "小龟山路 白鹭街 翠柳街 汉街 沙湖南路 张家湾路"
    ),
    "420106013": "珞珈山路 广八路 东湖南路 卓刀泉北路 劝业场路 街道口路 狮子山路",
    "420106014": "石洞路 白云路 建桥路 沿堤路 青菱河路",
    "420106015": "宁松路 华锦路 江安路 丁字桥南 平安路 文治街 南湖路 宝安路 恒安南路 晒湖南路",
}
ORDINALS = "一二三四五六七八九十"


def name_roads(network: RoadNetwork, areas: Areas) -> RoadNetwork:
    """The network with every road named; the longest branch roads of a street get its real names."""
    lengths = network.lengths
    total = np.bincount(network.road, weights=lengths, minlength=len(network.names))
    longest = np.full(len(network.names), -1)
    longest[network.road[np.argsort(lengths, kind="stable")]] = np.argsort(lengths, kind="stable")
    middle = shapely.line_interpolate_point(network.lines[longest], 0.5, normalized=True)
    community = areas.community[areas.cell_at(middle)]
    community[longest < 0] = ""
    left = {code: text.split() for code, text in REAL.items()}
    numbers: dict[tuple[str, str], int] = {}
    names = network.names.copy()
    for road in np.argsort(-total, kind="stable"):
        code, road_class = str(community[road]), str(network.classes[road])
        if names[road] or not code:
            continue
        given = left[code[:9]]
        if road_class == BRANCH and given:
            names[road] = given.pop(0)
            continue
        stem = areas.names.communities[code].removesuffix("社区")
        number = numbers[code, road_class] = numbers.get((code, road_class), 0) + 1
        names[road] = stem.removesuffix("路") + (
            f"{_ordinal(number)}路" if road_class == BRANCH else f"{number}巷"
        )
    return RoadNetwork(
        network.lines, network.start, network.end, network.road, network.junctions, names,
        network.classes, network.widths, network.bridge,
    )  # fmt: skip


def _ordinal(number: int) -> str:
    if number <= 10:
        return ORDINALS[number - 1]
    tens, ones = divmod(number, 10)
    return ("" if tens == 1 else ORDINALS[tens - 1]) + "十" + (ORDINALS[ones - 1] if ones else "")
