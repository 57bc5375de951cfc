"""The proposed job: a TOML file the steward can read, correct and keep; remarks where a choice is left."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

from pypinyin import lazy_pinyin

from etl.inspect.coordinate_columns import CoordinateColumns
from etl.inspect.fields import FieldMatch
from etl.inspect.frame import FrameFinding
from etl.inspect.names import target_columns
from etl.inspect.reading import RawLayer
from etl.inspect.target import NOT_IN_STORE, OWN_LAYER, TargetFinding

PLACES = ("x", "y", "xy", "wkt")
AREAS = ("district", "street", "community", "unit_grid", "duty_grid")
_DEPARTMENTS = {
    "component": "urban",
    "pipe_node": "water",
    "pipe_segment": "water",
    "camera": "police",
    "station": "water",
    "device": "water",
    "case": "centre",
    "base_feature": "planning",
    "district": "civil",
    "street": "civil",
    "community": "civil",
}
_SENSITIVITY = {"camera": 3, "pipe_node": 2, "pipe_segment": 2}
_CODE_KINDS = {"component_code": "component", "device_code": "device", "credit_code": "credit"}
_TABLES = {"subclass": "pipe_subclass", "material": "pipe_material", "element_code": "pipe_element"}
_PRINTABLE = re.compile(r"[^0-9a-z_]+")


def proposed_job(
    raw: RawLayer,
    frame: FrameFinding,
    target: TargetFinding,
    columns: CoordinateColumns | None,
    geometry: str,
) -> str:
    """The job file's text; it loads as it stands wherever no choice is left."""
    table = (
        OWN_LAYER
        if target.target in NOT_IN_STORE or (target.target == "device" and geometry != "none")
        else target.target
    )
    filled = {match.target: match for match in target.fields if match.target and match.target not in PLACES}
    parts = [
        _head(raw, target, table),
        _source(raw, frame, columns),
        _fields(target, table, filled),
        _attributes(target) if table == OWN_LAYER else "",
        _codes(table, filled),
        _rest(table, geometry, filled),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def job_code(raw: RawLayer) -> str:
    """A name for the job file: letters, digits and underscores, from the layer's own name."""
    stem = Path(raw.file).stem
    name = stem if raw.name in (stem, "") else f"{stem}_{raw.name}"
    spelled = "_".join(lazy_pinyin(unicodedata.normalize("NFKC", name))).lower()
    return _PRINTABLE.sub("_", spelled).strip("_")[:50] or "layer"


def _head(raw: RawLayer, target: TargetFinding, table: str) -> str:
    title = (
        raw.name if raw.name and not re.fullmatch(r"(?i)sheet\d*|layer\d*", raw.name) else Path(raw.file).stem
    )
    lines = [
        f"# {raw.file}, {raw.name}: {raw.rows} rows. Proposed by `ioc etl inspect`: read, correct, keep."
    ]
    if target.target in NOT_IN_STORE:
        lines.append(
            f"# 识别为 {target.target}，暂按部门图层入库 recognised, but loads as a departmental layer."
        )
    lines += [
        f"title_zh = {_text(title)}",
        f"title_en = {_text(title)}",
        f"department = {_text(_DEPARTMENTS.get(target.target, 'centre'))}",
        f"target = {_text(table)}  # {target.score:.2f}; {target.runner_up} {target.runner_up_score:.2f}",
    ]
    if table in _SENSITIVITY:
        lines.append(f"sensitivity = {_SENSITIVITY[table]}")
    if table in AREAS or table == "base_feature":
        lines.append("area_bound = false")
    return "\n".join(lines) + "\n"


def _source(raw: RawLayer, frame: FrameFinding, columns: CoordinateColumns | None) -> str:
    lines = ["[source]", *(f"{key} = {_value(value)}" for key, value in raw.source.items())]
    if columns is not None and columns.wkt:
        lines.append(f"wkt = {_text(columns.wkt)}")
    elif columns is not None and columns.xy:
        lines.append(f"xy = {_text(columns.xy)}")
    elif columns is not None:
        x, y = (columns.y, columns.x) if frame.swapped else (columns.x, columns.y)
        lines += [f"x = {_text(x or '')}", f"y = {_text(y or '')}"]
    if frame.swapped and (columns is None or not columns.x):
        lines.append("swapped = true  # 纬度（纵坐标）在前 latitude or northing first")
    if frame.packed:
        lines.append(f"packed = {_text(frame.packed)}")
    if frame.crs is not None:
        lines += _crs(frame)
    elif frame.choose:
        lines.append('# 请选择坐标系 choose the frame: crs = "CGCS2000", or parameters = "file.toml"')
    lines += [f"# {zh}\n#   {en}" for zh, en in frame.evidence]
    return "\n".join(lines) + "\n"


def _crs(frame: FrameFinding) -> list[str]:
    said = f"{frame.confidence:.0%}"
    other = f"; {frame.runner_up} {frame.runner_up_confidence:.0%}" if frame.runner_up else ""
    line = f"crs = {_text(frame.crs or '')}  # {said}{other}"
    if frame.needs_parameters:
        return [
            line,
            "# 旧坐标系须给出转换参数，否则拒绝入库 An old datum is refused without parameters:",
            '# parameters = "parameters.toml"',
        ]
    if frame.choose:
        return ["# 坐标系不能确定，请核对后再发布 The frame is not certain: choose before publishing.", line]
    return [line]


def _fields(target: TargetFinding, table: str, filled: dict[str, FieldMatch]) -> str:
    lines = ["[fields]"]
    own = {column.name for column in target_columns(table)}
    if "code" not in filled or (target.target in NOT_IN_STORE and table == OWN_LAYER):
        lines.append(_code(target, filled))
    for column, match in filled.items():
        if column == "code" and target.target in NOT_IN_STORE:
            continue
        if table == "district" and column == "code" and all(len(one) == 9 for one in match.content.examples):
            lines.append(f"code = {{ source = {_text(match.source)}, extract = '^156(\\d{{6}})$' }}")
        elif column in own:
            lines.append(f"{column} = {_column(match)}")
    if table == "base_feature":
        lines.append(f"kind = {{ constant = {_text(target.kind or 'road')} }}")
    if table == "pipe_segment":
        lines += _section(filled)
    lines += [
        f"# {match.source}: 未对应 not used, {match.content.type}"
        for match in target.fields
        if match.target is None and table != OWN_LAYER
    ]
    if "name" not in filled and table in ("facility", "station", "street", "community", "district"):
        lines.append("name = { row = true }  # 没有名称列 no column holds names")
    return "\n".join(lines) + "\n"


def _code(target: TargetFinding, filled: dict[str, FieldMatch]) -> str:
    """What identifies a row where nothing is called so: both ends of a pipe, or the row's number."""
    if target.target in NOT_IN_STORE and "code" in filled:
        return f"code = {_text(filled['code'].source)}"
    if {"start_node", "end_node"} <= filled.keys():
        ends = ", ".join(_text(filled[end].source) for end in ("start_node", "end_node"))
        return f'code = {{ join = [{ends}], separator = "-" }}'
    return "code = { row = true }  # 没有唯一编码列 no column identifies a row"


def _column(match: FieldMatch) -> str:
    if match.factor is not None:
        return f"{{ source = {_text(match.source)}, factor = {match.factor:g} }}"
    return _text(match.source)


def _section(filled: dict[str, FieldMatch]) -> list[str]:
    if "section" in filled and "diameter" not in filled:
        source = _text(filled["section"].source)
        return [f"diameter = {{ source = {source}, extract = '^[DdΦφ]?[Nn]?(\\d+(?:\\.\\d+)?)$' }}"]
    if "diameter" in filled and "section" not in filled and filled["diameter"].factor is None:
        return [f"section = {_text(filled['diameter'].source)}"]
    return []


def _attributes(target: TargetFinding) -> str:
    """Every further field is kept as it is."""
    own = {column.name for column in target_columns(OWN_LAYER)}
    taken: set[str] = set()
    parts = []
    for match in target.fields:
        if match.target in PLACES or (match.target in own and target.target == OWN_LAYER):
            continue
        if target.target in NOT_IN_STORE and match.target == "code":
            continue
        name = _attribute_name(match.source, taken)
        lines = [
            "[[attributes]]",
            f"name = {_text(name)}",
            f"source = {_text(match.source)}",
            f"label_zh = {_text(match.source)}",
            f"label_en = {_text(match.source)}",
            f"type = {_text(match.content.type)}",
        ]
        if match.unit:
            lines.append(f"unit = {_text(match.unit)}")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _attribute_name(source: str, taken: set[str]) -> str:
    spelled = "_".join(lazy_pinyin(unicodedata.normalize("NFKC", source))).lower()
    name = _PRINTABLE.sub("_", spelled).strip("_")[:40] or "field"
    number = 2
    unique = name
    while unique in taken:
        unique = f"{name}_{number}"
        number += 1
    taken.add(unique)
    return unique


def _codes(table: str, filled: dict[str, FieldMatch]) -> str:
    lines = []
    for column, match in filled.items():
        kind = next((_CODE_KINDS[one] for one in match.content.kinds if one in _CODE_KINDS), None)
        if table in AREAS[:4] and column == "code":
            kind = "area"
        if kind == "component" and table == "component" and column == "code":
            lines += [
                "[codes.code]",
                'kind = "component"',
                'edition = "2013"',
                'type = "type_code"',
                'original = "original_code"',
                "",
            ]
        elif kind == "device" and table == "camera" and column == "code":
            lines += ["[codes.code]", 'kind = "device"', ""]
        elif kind == "area":
            lines += ["[codes.code]", 'kind = "area"', ""]
        elif kind == "credit" and column in (
            "organisation_code",
            "managing_unit_code",
            "owner_code",
            "maintainer_code",
        ):
            lines += [f"[codes.{column}]", 'kind = "credit"', ""]
    return "\n".join(lines)


def _rest(table: str, geometry: str, filled: dict[str, FieldMatch]) -> str:
    lines = ["[assign]", *_assign(table, geometry, filled), ""]
    measured = {"line": "length_m", "polygon": "area_m2"}.get(geometry)
    if (table == "pipe_segment" and geometry == "line") or table in AREAS:
        lines += ["[measure]", f'{measured} = "{"length" if geometry == "line" else "area"}"', ""]
    if "name" in filled and table not in ("component", "pipe_node", "pipe_segment", "device"):
        lines += ["[search]", 'title = "name"', ""]
    for column, match in filled.items():
        if table == "component" and column == "code" and "component_code" in match.content.kinds:
            lines += _check("code", column="code")
        if table in ("pipe_node", "pipe_segment") and column in _TABLES:
            lines += _check("in_table", column=column, table=_TABLES[column], severity="warning")
    if geometry == "none":
        lines += _check("geometry", optional=True)
    elif table not in AREAS:
        lines += _check("inside_district", tolerance_m=100, severity="warning")
    return "\n".join(lines)


def _assign(table: str, geometry: str, filled: dict[str, FieldMatch]) -> list[str]:
    if table in AREAS[:4]:
        return ['by = "code"']
    if table == "duty_grid" and "community_code" in filled:
        return ['by = "code"', 'column = "community_code"']
    if geometry == "none":
        return ['by = "none"']
    return ['by = "district"'] if table == "base_feature" else ['by = "unit_grid"', "tolerance_m = 50"]


def _check(rule: str, **parameters: Any) -> list[str]:
    return [
        "[[checks]]",
        f'rule = "{rule}"',
        *(f"{key} = {_value(value)}" for key, value in parameters.items()),
        "",
    ]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else _text(str(value))


def _text(text: str) -> str:
    """A TOML string: JSON's escapes are TOML's."""
    return json.dumps(text, ensure_ascii=False)
