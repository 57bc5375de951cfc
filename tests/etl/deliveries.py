"""Small deliveries for the tests of loading: a square district of four unit grids, jobs of a few lines."""

from pathlib import Path
from typing import LiteralString

import geopandas as gpd
import shapely
from psycopg import sql

from etl.job import Job
from etl.job_file import find_job, load_job
from etl.run import LoadReport, run_job
from geodata.store import Store

WEST, SOUTH, EAST, NORTH = 114.30, 30.50, 114.32, 30.52
MIDDLE = (114.31, 30.51)
COMMUNITY = "420106003001"


def write_areas(folder: Path) -> None:
    """District, street, community and unit grids as the departments hand them over."""
    square = shapely.box(WEST, SOUTH, EAST, NORTH)
    for file, columns in (
        ("区", {"代码": ["420106"], "名称": ["武昌区"]}),
        ("街道", {"代码": ["420106003"], "名称": ["徐家棚街道"], "区代码": ["420106"], "常住人口": [9]}),
        ("社区", {"代码": [COMMUNITY], "名称": ["一社区"], "街道代码": ["420106003"], "常住人口": [9]}),
    ):
        write_geojson(folder / f"区民政局/行政区划_{file}.geojson", columns, [square])
    cells = [
        shapely.box(WEST + 0.01 * i, SOUTH + 0.01 * j, WEST + 0.01 * (i + 1), SOUTH + 0.01 * (j + 1))
        for i in range(2)
        for j in range(2)
    ]
    codes = [f"{COMMUNITY}{number:03d}" for number in range(1, 5)]
    columns = {"网格编码": codes, "社区代码": [COMMUNITY] * 4}
    columns |= {name: [None] * 4 for name in ("网格名称", "初始日期", "终止日期", "备注")}
    write_geojson(folder / "区城市运行管理中心/万米单元网格.geojson", columns, cells)


def write_geojson(path: Path, columns: dict, shapes: list) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4490").to_file(path, driver="GeoJSON")


def load_areas(store: Store, folder: Path) -> None:
    """Publish the district and what lies in it."""
    write_areas(folder)
    for name in ("district", "street", "community", "unit_grid"):
        run_job(store, find_job(name), folder)


def write_job(folder: Path, code: str, text: str) -> Job:
    """A job file of a test's own, read."""
    path = folder / f"{code}.toml"
    path.write_text(text, encoding="utf-8")
    return load_job(path)


FACILITY = """
title_zh = "设施"
title_en = "Facilities"
department = "centre"
target = "facility"
{options}
[source]
path = "{path}"
{source}
[fields]
code = "编号"
name = "名称"
category = {{ source = "类别", optional = true }}
capacity = {{ source = "容量", optional = true }}
[search]
title = "name"
{checks}
"""


def facility_job(
    folder: Path,
    path: str,
    source: str = "",
    checks: str = "",
    options: str = "",
    code: str = "facility_test",
) -> Job:
    """A job for a list of facilities with columns 编号, 名称, and perhaps 类别 and 容量."""
    return write_job(folder, code, FACILITY.format(path=path, source=source, checks=checks, options=options))


def degrees_job(folder: Path, path: str = "list.csv", **parts: str) -> Job:
    """As ``facility_job``, for a CSV with 经度 and 纬度 in CGCS2000."""
    return facility_job(folder, path, 'x = "经度"\ny = "纬度"\ncrs = "CGCS2000"', **parts)


def write_list(
    folder: Path, rows: list[str], header: str = "编号,名称,经度,纬度", name: str = "list.csv"
) -> Path:
    """A CSV in UTF-8."""
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def load(store: Store, job: Job, folder: Path) -> LoadReport:
    return run_job(store, job, folder)


def rows_of(store: Store, query: LiteralString, *values: object) -> list[tuple]:
    """What the owner sees."""
    with store.owner_connection() as connection:
        return connection.execute(query, values).fetchall()


def loaded_codes(store: Store, table: str = "facility") -> list[str]:
    with store.owner_connection() as connection:
        query = sql.SQL("SELECT code FROM {} ORDER BY code").format(sql.Identifier("ioc", table))
        return [row[0] for row in connection.execute(query)]


def version_states(store: Store, dataset: str) -> list[str]:
    return [
        row[0]
        for row in rows_of(
            store,
            "SELECT v.state FROM ioc.dataset_version v JOIN ioc.dataset d ON d.id = v.dataset_id "
            "WHERE d.code = %s ORDER BY v.id",
            dataset,
        )
    ]


def version_tables(store: Store) -> set[str]:
    return {row[0] for row in rows_of(store, "SELECT tablename FROM pg_tables WHERE schemaname = 'version'")}


def account(store: Store, name: str, role: str) -> None:
    """An account that sees everything."""
    with store.owner_connection() as connection:
        connection.execute(
            "INSERT INTO ioc.account (name, display_name, roles, areas, sensitivity) "
            "VALUES (%s, %s, %s, %s, 3)",
            [name, name, [role], ["*"]],
        )
