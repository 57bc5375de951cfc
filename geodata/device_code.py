"""Device identifiers of GB/T 28181 (20 digits, rule A).

Centre (division) 8 digits, industry 2, type of device 3, network 1, sequence 6. The lists of industries and
types at hand are not complete, so an unlisted one is told and not refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from geodata.area_code import area_parts, division_known, known_divisions
from geodata.code_array import Faults, categories, index_of, read_codes, write_codes
from geodata.code_table import CodeTable
from geodata.code_text import CodeKind, CodePart, digits_of, part, refuse_part

CAMERA_TYPES = frozenset({"131", "132"})


@dataclass(frozen=True, order=True)
class DeviceCode:
    """One device, channel, server or user of a video network."""

    text: str
    kind: ClassVar[CodeKind] = CodeKind("device", "设备编码（GB/T 28181）", "device code (GB/T 28181)")

    @classmethod
    def parse(cls, text: str, known: Iterable[str] | None = None) -> Self:
        """`known` are the divisions that exist. A centre code of zeros stands for no division."""
        code = digits_of(cls.kind, text, 20)
        if code[:6] != "000000" and not division_known(code[:6], known):
            raise refuse_part(cls.kind, "division", code, 1, 6)
        return cls(code)

    def __str__(self) -> str:
        return self.text

    @property
    def division(self) -> str:
        return self.text[:6]

    @property
    def industry(self) -> str:
        return self.text[8:10]

    @property
    def device_type(self) -> str:
        return self.text[10:13]

    @property
    def network(self) -> str:
        return self.text[13]

    @property
    def is_camera(self) -> bool:
        return self.device_type in CAMERA_TYPES

    def parts(self, names: Mapping[str, str] | None = None) -> tuple[CodePart, ...]:
        code = self.text
        unit = ("不分下级", "none") if code[6:8] == "00" else (code[6:8], code[6:8])
        return (
            *_division_parts(code, names),
            part(code, 7, 8, ("基层单位", "unit"), unit),
            part(code, 9, 10, ("行业编码", "industry"), _meaning("device_industry", self.industry)),
            part(code, 11, 13, ("类型编码", "type"), _meaning("device_type", self.device_type)),
            part(code, 14, 14, ("网络标识", "network"), _meaning("device_network", self.network)),
            part(code, 15, 20, ("设备序号", "sequence"), (code[14:], code[14:])),
        )


def check_codes(values: Iterable[Any], known: Iterable[str] | None = None) -> pd.DataFrame:
    """Checks a column of device codes.

    Returns columns code (str, missing when faulty), device_type (category of the listed types, missing for
    others) and problem (category of keys of code_fault, missing when there is none).
    """
    index = index_of(values)
    codes = read_codes(values, 20)
    faults = Faults.of(codes)
    faults.mark("length", codes.length != 20)
    faults.mark("not_digits", ~codes.digits(1, 20))
    division = codes.number(1, 6)
    faults.mark("division", ~known_divisions(known)[division] & (division != 0))
    listed = [entry.code for entry in CodeTable.load("device_type")]
    position = np.full(1000, -1, dtype=np.int64)
    position[[int(code) for code in listed]] = np.arange(len(listed))
    types = np.where(faults.none, position[codes.number(11, 13)], -1)
    return pd.DataFrame(
        {
            "code": write_codes(codes.characters, faults.none, index),
            "device_type": categories(types, listed, index),
            "problem": faults.series(index),
        }
    )


def _meaning(table: str, code: str) -> tuple[str, str]:
    entry = CodeTable.load(table).get(code)
    return (entry.name, entry.name_en) if entry else ("未收录", "not in the list at hand")


def _division_parts(code: str, names: Mapping[str, str] | None) -> tuple[CodePart, ...]:
    if code[:6] == "000000":
        return (part(code, 1, 6, ("中心编码", "centre"), ("未使用", "not used")),)
    return area_parts(code[:6], names)
