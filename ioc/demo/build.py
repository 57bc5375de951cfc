"""`ioc demo build`: the district from a seed, written as files with a manifest."""

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from geodata.errors import UserError
from ioc.demo import writing
from ioc.demo.components import OLD_STREETS
from ioc.demo.district import DemoDistrict, make_district
from ioc.demo.handover import HandOver, hand_over

# Raised whenever the same seed and scale give other files than before.
VERSION = 4
SEED = 420106
SMALLEST, LARGEST = 0.01, 10.0
STEPS = 20
EXPLANATION = """演示数据说明

本目录全部文件由 ioc demo build 生成（种子 {seed}，比例 {scale:g}，版本 {version}），
是合成的演示数据，不是测绘成果。
街道、社区的名称与代码取自国家统计局 2023 年统计用区划代码；道路、地铁站等地名为公开地名；
边界、道路走向、管线、部件、点位、人员和电话均为虚构，不得用于测绘、工程、执法或对外发布。

各目录为相应部门移交时的原样，坐标系与编码各不相同，并有意混入少量错误行；
错误行、排水隐患与混接点的位置见 manifest.json。

Synthetic demo data by ioc demo build (seed {seed}, scale {scale:g}, version {version}), for no real use.
"""


def build_demo(
    folder: Path, seed: int = SEED, scale: float = 1.0, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Writes the demo district into `folder` and gives its manifest; `progress` is told of about STEPS steps.

    The same seed, scale and VERSION give the same bytes. Raises UserError for a scale out of range and when
    the folder cannot be written.
    """
    if not SMALLEST <= scale <= LARGEST:
        raise UserError(f"比例 {scale:g} 超出范围：请给出 {SMALLEST:g} 到 {LARGEST:g} 之间的数。")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        district = make_district(seed, scale, progress)
        out = hand_over(folder, district, seed, progress)
        manifest = _manifest(folder, district, out, seed, scale)
        writing.write_json(folder / "manifest.json", manifest)
        text = EXPLANATION.format(seed=seed, scale=scale, version=VERSION)
        (folder / "说明.txt").write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"无法写入演示数据目录 {folder}（{error.strerror}）：请检查权限和磁盘空间。"
        ) from error
    return manifest


def _manifest(folder: Path, district: DemoDistrict, out: HandOver, seed: int, scale: float) -> dict[str, Any]:
    drains, lengths = district.drains, district.drains.lengths
    faults = district.drain_faults
    network = district.network
    return {
        "title": "武昌区演示数据（合成）",
        "synthetic": True,
        "note": "演示数据",
        "version": VERSION,
        "seed": seed,
        "scale": scale,
        "counts": out.counts,
        "area_km2": round(district.landscape.district.area / 1e6, 3),
        "road_km": round(float(network.lengths.sum()) / 1000, 1),
        "drain_km": {
            kind: round(float(lengths[drains.subclass == kind].sum()) / 1000, 1)
            for kind in np.unique(drains.subclass)
        },
        "streets_with_2013_codes": list(OLD_STREETS),
        "drain_fault_counts": dict(sorted(Counter(f"{f.category}/{f.kind}" for f in faults).items())),
        "drain_faults": out.drain_faults,
        "seeded_rows": out.seeded.rows,
        "sha256": {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name not in ("manifest.json", "说明.txt")
        },
    }
