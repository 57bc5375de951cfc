"""A code for a component that is added by hand: the next number of its class in its division."""

from typing import Any

from psycopg import Connection

from etl.edit import EditableDataset
from geodata.code_table import CodeTable
from geodata.component_code import CURRENT, ComponentCode, type_codes
from geodata.errors import UserError

LAST_NUMBER = 999_999
DIVISION = """
    SELECT code FROM ioc.district
    WHERE ST_DWithin(geom, ST_SetSRID(ST_MakePoint(%s, %s), 4490), 0.0002) ORDER BY code LIMIT 1
"""
"""0.0002 degrees: the 20 m that a component may stand beyond the boundary."""


def component_classes(dataset: EditableDataset) -> list[dict[str, str]]:
    """Classes of which a code can be suggested, as the browser gets them; none for codes of other kinds."""
    code = dataset.job.codes.get("code")
    if code is None or code.kind != ComponentCode.kind.key:
        return []
    entries = CodeTable.load("component").of_edition(CURRENT)
    return [{"value": e.code, "zh": e.name, "en": e.title("en")} for e in entries]


def suggested_code(
    connection: Connection[Any], dataset: EditableDataset, type_code: str, lon: float, lat: float
) -> str:
    """The component code (GB/T 47678.5-2026, 17 digits) that follows the greatest of its class and division.

    Numbers of hidden, proposed and removed components are passed over; degrees of CGCS2000.

    Raises:
        UserError: no such class, no district there, or the class has no number left.
    """
    if not component_classes(dataset) or type_code not in type_codes(CURRENT):
        raise UserError(f"“{type_code}” is no class of components: choose one of the list.")
    division = connection.execute(DIVISION, [lon, lat]).fetchone()
    if division is None:
        raise UserError(
            "The place lies in no district that is loaded: draw the component again.",
            zh="该位置不在本区范围内，请重新选择位置。",
        )
    beginning = division[0] + type_code
    row = connection.execute("SELECT ioc.last_component_number(%s, %s)", [dataset.id, beginning]).fetchone()
    last = row[0] if row else 0
    if last >= LAST_NUMBER:
        raise UserError(
            f"The numbers of {beginning} have reached their end: give a code that is free.",
            zh=f"{beginning} 的顺序号已用完，请填写一个未用的编码。",
        )
    return f"{beginning}{last + 1:06d}"
