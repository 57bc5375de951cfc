"""Rules about survey points: two in one place (P06), code and kind that agree (P07)."""

import numpy as np
import pandas as pd
import shapely

from etl.rows import Rows
from etl.rules.finding import Finding, Said, each, nothing, of, rule
from geodata.code_table import CodeTable


@rule("coincident", scope="dataset", columns=("code", "ground_level", "geom"))
def coincident(rows: Rows) -> Finding:
    """P06: no two points have the same position and level (to a millimetre)."""
    if rows.geometry is None or not len(rows):
        return nothing(rows, "geom")
    points = np.flatnonzero(rows.located() & ~rows.refused & (shapely.get_type_id(rows.geometry) == 0))
    # 1e-8 of a degree is a millimetre.
    places = np.round(shapely.get_coordinates(rows.geometry[points]), 8)
    levels = np.round(rows.columns["ground_level"].astype("float64").to_numpy()[points], 3)
    keys = pd.DataFrame({"x": places[:, 0], "y": places[:, 1], "z": np.nan_to_num(levels, nan=-9999.0)})
    first = points[keys.groupby(["x", "y", "z"], sort=False).ngroup().pipe(_first_of).to_numpy()]
    twin = np.arange(len(rows))
    twin[points] = first
    codes = rows.columns["code"].to_numpy(dtype=object)
    describe = each(
        lambda code, other: (
            f"重合点：{code} 与 {other} 平面位置和高程相同",
            f"points in one place: {code} has the position and level of {other}",
            f"只留 {other}，或复测 {code}",
            f"keep {other} only, or survey {code} again",
        ),
        of(codes),
        of(codes[twin]),
    )
    return Finding(twin != np.arange(len(rows)), "geom", describe)


def _first_of(groups: pd.Series) -> pd.Series:
    return pd.Series(np.arange(len(groups))).groupby(groups.to_numpy()).transform("min")


@rule("element_agrees")
def element_agrees(rows: Rows, column: str = "element_code") -> Finding:
    """P07: the point code (CJJ 61-2017 appendix F), where it is listed, names the point's 特征 or 附属物."""
    points = {entry.code: entry for entry in CodeTable.load("pipe_element") if entry["geometry"] == "点"}
    codes = rows.columns[column]
    kind = {code: "feature" if e["point_type"] == "特征" else "attachment" for code, e in points.items()}
    named = codes.map({code: entry.name for code, entry in points.items()})
    is_feature = (codes.map(kind) == "feature").fillna(False).to_numpy(dtype=bool)
    feature, attachment = (rows.columns[name].astype(object) for name in ("feature", "attachment"))
    stated = pd.Series(np.where(is_feature, feature, attachment))
    wrong = named.notna().to_numpy() & (stated.fillna("").to_numpy() != named.fillna("").to_numpy())
    subclass = rows.columns["subclass"].astype(object).to_numpy()
    said = np.where(feature.notna(), feature.fillna(""), attachment.fillna(""))

    def say(code: str, name: str, word: str, system: str | None) -> Said:
        right = _element_of(word, system)
        return (
            f"点编码 {code} 是“{name}”，与所填“{word}”不符",
            f"point code {code} is “{name}”, the record says “{word}”",
            f"“{word}”的点编码是 {right}" if right else "核对点编码",
            f"the code of “{word}” is {right}" if right else "check the point code",
        )

    return Finding(wrong, column, each(say, of(codes), of(named), of(said), of(subclass)))


def _element_of(name: str, subclass: str | None) -> str | None:
    entry = CodeTable.load("pipe_subclass").get(subclass or "")
    number = entry["number"] if entry else None
    return next(
        (e.code for e in CodeTable.load("pipe_element")
         if e.name == name and e["geometry"] == "点" and e["subclass_number"] == number), None
    )  # fmt: skip
