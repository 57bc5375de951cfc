"""Each file is as its department would hand it over, with the seeded rows where they are said to be."""

import numpy as np
import pandas as pd
import shapely
from python_calamine import CalamineWorkbook

from geodata.component_code import ComponentCode
from geodata.coordinates import geodesic_distance
from geodata.credit_code import check_codes
from geodata.device_code import DeviceCode
from ioc.demo import bad_rows
from ioc.demo.components import OLD_STREETS, read_mix
from ioc.demo.district import DemoDistrict
from ioc.demo.landscape import points_at, to_degrees
from tests.ioc.demo.conftest import DemoFolder

COMPONENTS = "区城管执法局/城市部件普查_2026.gpkg"
CAMERAS = "公安分局/视频监控点位表.xlsx"
FACILITIES = "区城市运行管理中心/公共设施_BD09.csv"
STATIONS = "区水务局/监测站点.xlsx"


def sheet(demo: DemoFolder, file: str, name: str, header: int = 0) -> pd.DataFrame:
    rows = CalamineWorkbook.from_path(demo.path / file).get_sheet_by_name(name).to_python()
    return pd.DataFrame(rows[header + 1 :], columns=rows[header]).replace("", None)


def sound(demo: DemoFolder, file: str, table: pd.DataFrame, layer: str) -> pd.DataFrame:
    return table.drop(index=demo.spoilt(file, layer))


def seeded_rows(demo: DemoFolder, file: str, rule: str) -> set[int]:
    return {row["row"] for row in demo.seeded(file) if row["rule"] == rule}


def test_component_codes_are_of_the_edition_of_their_street(demo: DemoFolder):
    table = sound(demo, COMPONENTS, demo.read(COMPONENTS), "部件")
    old = table["SZJDDM"].isin(OLD_STREETS)
    assert set(table.loc[old, "GLBJBSM"].str.len()) == {16}
    assert set(table.loc[~old, "GLBJBSM"].str.len()) == {17}
    migrated = [ComponentCode.parse(code).migrate() for code in table["GLBJBSM"]]
    assert len({code.text for code in migrated}) == len(table)
    assert {code.type_code for code in migrated} <= {kind.code for kind in read_mix()}
    for code, name in zip(table["GLBJBSM"], table["GLBJMC"], strict=True):
        component_type = ComponentCode.parse(code).component_type
        assert component_type is not None
        assert component_type.name == name


def test_components_stand_in_the_grid_they_name(demo: DemoFolder):
    table = sound(demo, COMPONENTS, demo.read(COMPONENTS), "部件")
    grids = demo.read("区城市运行管理中心/万米单元网格.geojson").set_index("网格编码").geometry
    apart = shapely.distance(table.geometry.to_numpy(), grids.loc[table["SZDYWGBSM"]].to_numpy())
    assert apart.max() < 0.0006  # outlets stand some metres out in the water
    assert (apart > 0).mean() < 0.05


def test_credit_codes_are_sound_but_for_the_seeded(demo: DemoFolder):
    table = demo.read(COMPONENTS)
    faulty = set(check_codes(table["ZGBMDM"])["problem"].dropna().index + 1)
    assert faulty == seeded_rows(demo, COMPONENTS, bad_rows.CHECK_DIGIT)
    facilities = pd.read_csv(demo.path / FACILITIES, encoding="gb18030", dtype=str)
    faulty = set(check_codes(facilities["统一社会信用代码"])["problem"].dropna().index + 1)
    assert faulty == seeded_rows(demo, FACILITIES, bad_rows.CHECK_DIGIT)


def test_drain_covers_lie_on_pipe_nodes(demo: DemoFolder):
    table = sound(demo, COMPONENTS, demo.read(COMPONENTS), "部件").to_crs(4547)
    covers = table[table["GLBJMC"].isin(["雨水井盖", "污水井盖"])]
    nodes = demo.read("区水务局/排水管线_管点.shp", encoding="GBK").geometry.dropna()
    away = shapely.STRtree(nodes.to_numpy()).query_nearest(covers.geometry.to_numpy(), return_distance=True)[
        1
    ]
    # A node whose row was spoilt is missing here.
    assert np.quantile(away, 0.95) < 0.01


def test_cameras_are_off_by_the_gcj02_shift(demo: DemoFolder, district: DemoDistrict):
    table = sound(demo, CAMERAS, sheet(demo, CAMERAS, "点位表", header=1), "点位表")
    lon, lat = shapely.get_coordinates(to_degrees(points_at(district.cameras.position[table.index]))).T
    written = table[["经度", "纬度"]].to_numpy(dtype=float)
    shift = geodesic_distance(lon, lat, written[:, 0], written[:, 1])
    assert 570 < np.min(shift) <= np.max(shift) < 610
    assert (written[:, 0] > lon).all()
    assert (written[:, 1] < lat).all()


def test_camera_ids_are_devices_of_the_district(demo: DemoFolder):
    table = sound(demo, CAMERAS, sheet(demo, CAMERAS, "点位表", header=1), "点位表")
    devices = [DeviceCode.parse(code) for code in table["设备编码"]]
    assert all(device.is_camera and device.division == "420106" for device in devices)
    assert len({device.text for device in devices}) == len(devices)
    broken = table["在线状态"].tolist().count("离线") + table["在线状态"].tolist().count("故障")
    assert 0 < broken < 0.1 * len(table)


def test_stations_devices_and_metrics_hang_together(demo: DemoFolder):
    stations = sheet(demo, STATIONS, "测站")
    devices, metrics = sheet(demo, STATIONS, "设备"), sheet(demo, STATIONS, "指标")
    assert devices["设备编码"].is_unique
    assert set(metrics["设备编码"]) == set(devices["设备编码"])
    hankou = stations[stations["STCD"] == "60112200"].iloc[0]
    assert (hankou["SFSW"], hankou["WRZ"], hankou["GRZ"], hankou["DTMNM"]) == (25.0, 27.3, 29.73, "吴淞")
    orphans = set(devices["测站编码"]) - set(stations["STCD"])
    assert len(orphans) == len(seeded_rows(demo, STATIONS, bad_rows.DUPLICATE))


def test_devices_report_with_addresses_of_their_protocol(demo: DemoFolder):
    devices = sheet(demo, STATIONS, "设备")
    hydrology = devices.loc[devices["通信协议"] == "SL 651", "设备编码"]
    assert len(hydrology) > 0
    assert hydrology.str.fullmatch("420106[0-9A-F]{4}").all()
    vehicles = pd.read_csv(demo.path / "区城管执法局/作业车辆.csv", encoding="gb18030", dtype=str)
    assert vehicles["终端手机号"].is_unique
    assert vehicles["终端手机号"].str.fullmatch("[0-9]{12}").all()


def test_seeded_rows_hold_what_the_manifest_says(demo: DemoFolder):
    tables = {
        COMPONENTS: demo.read(COMPONENTS),
        CAMERAS: sheet(demo, CAMERAS, "点位表", header=1),
        FACILITIES: pd.read_csv(demo.path / FACILITIES, encoding="gb18030", dtype=str),
    }
    for file, table in tables.items():
        seeded = demo.seeded(file)
        assert len(seeded) > 10
        for row in seeded:
            if "," in row["field"]:
                continue
            column, place = table[row["field"]].tolist(), row["row"] - 1
            if row["rule"] == bad_rows.DUPLICATE:
                assert column[place] == column[place - 1]
            elif row["rule"] in (bad_rows.NO_GEOMETRY, bad_rows.MISSING):
                assert pd.isna(column[place])
            elif row["rule"] in (bad_rows.CHECK_DIGIT, bad_rows.BAD_LENGTH, bad_rows.UNKNOWN_TYPE):
                assert column[place] == row["value"]
