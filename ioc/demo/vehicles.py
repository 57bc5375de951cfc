"""Vehicles at work in the district, by the number of their JT/T 808 terminal; all numbers are made up."""

import numpy as np
import pandas as pd

VEHICLES = 300
# Kind, letters of the fleet number, share; most of them sanitation's.
FLEETS = (
    ("洒水车", "HW", 0.16),
    ("扫路车", "HW", 0.22),
    ("垃圾清运车", "HW", 0.30),
    ("市政抢修车", "SZ", 0.08),
    ("排水抢险车", "PS", 0.08),
    ("城管执法车", "CG", 0.16),
)


def list_vehicles(scale: float) -> pd.DataFrame:
    """Terminal number (12 digits, as JT/T 808-2013 sends it), name and kind of each vehicle."""
    wanted = max(len(FLEETS), round(VEHICLES * scale))
    ends = np.round(np.cumsum([share for *_, share in FLEETS]) * wanted).astype(int)
    rows = []
    for number in range(wanted):
        kind, letters, _ = FLEETS[int(np.searchsorted(ends, number, side="right"))]
        rows.append(
            {
                "终端手机号": f"0139420{number + 1:05d}",
                "车辆名称": f"{letters}{number + 1:03d}",
                "车辆类型": kind,
                "通信协议": "JT/T 808",
                "状态": "在用",
                "备注": "演示数据",
            }
        )
    return pd.DataFrame(rows)
