"""Jobs from file to published version: what is loaded, refused, flagged, kept and never changed."""

import json
from pathlib import Path

import pytest
from psycopg import sql

from etl.dataset_history import dataset_history, quarantined_rows, roll_back
from etl.job_file import packaged_jobs
from etl.run import LoadOptions, run_folder, run_job
from geodata.errors import UserError
from geodata.store import Store
from geodata.viewer import Viewer
from tests.etl.deliveries import (
    COMMUNITY,
    degrees_job,
    load,
    load_areas,
    loaded_codes,
    rows_of,
    version_states,
    version_tables,
    write_job,
    write_list,
)

GOOD = ["A1,一号,114.305,30.505", "A2,二号,114.315,30.505", "A3,三号,114.315,30.515"]


def test_rows_are_loaded_with_their_areas_ids_and_row_numbers(store: Store, tmp_path: Path) -> None:
    load_areas(store, tmp_path)
    write_list(tmp_path, GOOD)
    report = load(store, degrees_job(tmp_path, options="sensitivity = 2"), tmp_path)
    assert (report.rows_read, report.rows_loaded, report.published) == (3, 3, True)
    found = rows_of(store, "SELECT code, area_code, source_row, sensitivity FROM ioc.facility ORDER BY code")
    assert found == [("A1", COMMUNITY, 2, 2), ("A2", COMMUNITY, 3, 2), ("A3", COMMUNITY, 4, 2)]


def test_search_entries_carry_pinyin_and_initials(store: Store, tmp_path: Path) -> None:
    write_list(tmp_path, ["A1,武昌江滩 B区,114.305,30.505", "A2,重庆路小学,114.315,30.505"])
    load(store, degrees_job(tmp_path), tmp_path)
    found = rows_of(store, "SELECT title, pinyin, initials, ST_X(geom) FROM ioc.search_entry ORDER BY code")
    assert found == [
        ("武昌江滩 B区", "wuchangjiangtanbqu", "wcjtbq", 114.305),
        ("重庆路小学", "chongqingluxiaoxue", "cqlxx", 114.315),
    ]


def test_bad_rows_go_to_quarantine_with_rule_and_row_number(store: Store, tmp_path: Path) -> None:
    load_areas(store, tmp_path)
    bad = [
        "A1,又是一号,114.305,30.505",
        ",无编号,114.305,30.505",
        "A5,,114.305,30.505",
        "A6,远处,114.9,30.505",
    ]
    bad += ["A7,反了,30.505,114.305", "A8,无位置,,", "A10,零,0,0.0", "A9,度分秒,114°18′18″,北纬30°30′18″"]
    write_list(tmp_path, GOOD + bad)
    checks = '[[checks]]\nrule = "inside_district"\ntolerance_m = 20'
    report = load(store, degrees_job(tmp_path, checks=checks), tmp_path)
    assert loaded_codes(store) == ["A1", "A2", "A3", "A9"]
    assert (report.rows_loaded, report.rows_refused) == (4, 7)
    found = {(row.source_row, row.rule): row.reason_zh for row in quarantined_rows(store, "facility_test")}
    assert set(found) == {
        (5, "unique"), (6, "given"), (7, "given"), (8, "inside_district"), (9, "geometry"),
        (10, "geometry"), (11, "geometry"),
    }  # fmt: skip
    assert found[5, "unique"] == "“A1”与第 2 行重复"
    assert "对调" in found[9, "geometry"]
    raw = quarantined_rows(store, "facility_test")[0].raw
    assert raw == {"编号": "A1", "名称": "又是一号", "经度": "114.305", "纬度": "30.505"}


def test_a_refused_row_does_not_make_its_twin_a_duplicate(store: Store, tmp_path: Path) -> None:
    write_list(tmp_path, ["A1,,114.305,30.505", "A1,一号,114.305,30.505"])
    load(store, degrees_job(tmp_path), tmp_path)
    assert rows_of(store, "SELECT code, source_row FROM ioc.facility") == [("A1", 3)]


def test_a_warning_loads_the_row_and_says_so(store: Store, tmp_path: Path) -> None:
    write_list(
        tmp_path,
        ["A1,一号,114.305,30.505,甲,很多", "A2,二号,114.305,30.505,乙,30"],
        "编号,名称,经度,纬度,类别,容量",
    )
    checks = '[[checks]]\nrule = "one_of"\ncolumn = "category"\nvalues = ["乙"]\nseverity = "warning"'
    report = load(store, degrees_job(tmp_path, checks=checks), tmp_path)
    assert (report.rows_loaded, report.rows_flagged) == (2, 1)
    found = rows_of(store, "SELECT code, capacity, warnings FROM ioc.facility ORDER BY code")
    assert found == [("A1", None, ["readable:capacity", "one_of:category"]), ("A2", 30.0, None)]
    assert {row.severity for row in quarantined_rows(store, "facility_test")} == {"warning"}


def test_the_same_input_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    write_list(tmp_path, GOOD)
    job = degrees_job(tmp_path)
    load(store, job, tmp_path)
    before = (version_tables(store), rows_of(store, "SELECT * FROM ioc.dataset_version"))
    report = load(store, job, tmp_path)
    assert (report.unchanged, report.published) == (True, False)
    assert (version_tables(store), rows_of(store, "SELECT * FROM ioc.dataset_version")) == before
    assert run_job(store, job, tmp_path, options=LoadOptions(force=True)).published


def test_new_areas_make_the_same_file_worth_loading_again(store: Store, tmp_path: Path) -> None:
    write_list(tmp_path, GOOD)
    job = degrees_job(tmp_path)
    load(store, job, tmp_path)
    assert rows_of(store, "SELECT DISTINCT area_code FROM ioc.facility") == [(None,)]
    load_areas(store, tmp_path)
    assert load(store, job, tmp_path).published
    assert rows_of(store, "SELECT DISTINCT area_code FROM ioc.facility") == [(COMMUNITY,)]


def test_ids_stay_when_the_dataset_is_loaded_again(store: Store, tmp_path: Path) -> None:
    job = degrees_job(tmp_path)
    write_list(tmp_path, GOOD)
    load(store, job, tmp_path)
    before = dict(rows_of(store, "SELECT code, id FROM ioc.facility"))
    write_list(tmp_path, [*GOOD[::-1], "A0,零号,114.305,30.505"])
    load(store, job, tmp_path)
    after = dict(rows_of(store, "SELECT code, id FROM ioc.facility"))
    assert {code: after[code] for code in before} == before


def test_a_dry_run_checks_and_leaves_the_store_alone(store: Store, tmp_path: Path) -> None:
    write_list(tmp_path, [*GOOD, "A1,重复,114.305,30.505"])
    report = run_job(store, degrees_job(tmp_path), tmp_path, options=LoadOptions(dry_run=True))
    assert (report.rows_read, report.refused_by_rule, report.published) == (4, {"unique": 1}, False)
    assert rows_of(store, "SELECT code FROM ioc.dataset") == [("case_file",)]


def test_rollback_shows_the_version_before(store: Store, tmp_path: Path) -> None:
    job = degrees_job(tmp_path)
    write_list(tmp_path, GOOD)
    first = load(store, job, tmp_path).version_id
    write_list(tmp_path, GOOD[:1])
    load(store, job, tmp_path)
    assert loaded_codes(store) == ["A1"]
    assert roll_back(store, "facility_test") == first
    assert loaded_codes(store) == ["A1", "A2", "A3"]
    assert len(rows_of(store, "SELECT * FROM ioc.search_entry")) == 3
    assert [one.state for one in dataset_history(store, "facility_test")] == ["superseded", "published"]
    with pytest.raises(UserError, match="no earlier version"):
        roll_back(store, "facility_test")


def test_a_load_that_fails_leaves_the_old_version_and_says_why(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = degrees_job(tmp_path)
    write_list(tmp_path, GOOD)
    load(store, job, tmp_path)
    tables = version_tables(store)
    write_list(tmp_path, GOOD[:1])

    def full(*_arguments: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("etl.load.write_quarantine", full)
    with pytest.raises(OSError, match="no space"):
        load(store, job, tmp_path)
    assert loaded_codes(store) == ["A1", "A2", "A3"]
    assert version_tables(store) == tables
    assert version_states(store, "facility_test") == ["published", "failed"]
    assert dataset_history(store, "facility_test")[0].failure == "OSError: no space left on device"


def test_a_file_that_cannot_be_read_leaves_the_old_version(store: Store, tmp_path: Path) -> None:
    job = degrees_job(tmp_path)
    write_list(tmp_path, GOOD)
    load(store, job, tmp_path)
    write_list(tmp_path, ["A1,一号,114.305"], "编号,名称,经度")
    with pytest.raises(UserError, match=r"no column “纬度”, which source\.y of job “facility_test” names"):
        load(store, job, tmp_path)
    assert loaded_codes(store) == ["A1", "A2", "A3"]


def test_a_dataset_cannot_move_to_another_table(store: Store, tmp_path: Path) -> None:
    write_list(tmp_path, GOOD)
    load(store, degrees_job(tmp_path), tmp_path)
    text = (tmp_path / "facility_test.toml").read_text().replace('target = "facility"', 'target = "camera"')
    text = text.replace("category =", "address =").replace("capacity =", "height_m =")
    with pytest.raises(UserError, match="goes to table facility already"):
        load(store, write_job(tmp_path, "facility_test", text), tmp_path)


LAYER = """
title_zh = "古树名木"
title_en = "Old trees"
department = "garden"
target = "departmental_feature"
sensitivity = 3
[source]
path = "list.csv"
x = "经度"
y = "纬度"
crs = "CGCS2000"
[fields]
code = "编号"
name = "名称"
[[attributes]]
name = "height"
source = { source = "树高", factor = 0.01 }
label_zh = "树高"
label_en = "Height"
unit = "m"
type = "number"
[[attributes]]
name = "planted"
source = "种植"
label_zh = "种植日期"
label_en = "Planted"
type = "date"
"""


def test_a_declared_layer_needs_no_code(store: Store, tmp_path: Path) -> None:
    rows = ["T1,银杏,114.305,30.505,1250,1956年3月12日", "T2,樟树,114.315,30.505,,不详"]
    write_list(tmp_path, rows, "编号,名称,经度,纬度,树高,种植")
    load(store, write_job(tmp_path, "old_tree", LAYER), tmp_path)
    found = rows_of(store, "SELECT code, attributes FROM ioc.departmental_feature ORDER BY code")
    assert found == [("T1", {"height": 12.5, "planted": "1956-03-12"}), ("T2", {})]
    declared = rows_of(store, "SELECT fields FROM ioc.dataset WHERE code = 'old_tree'")[0][0]
    assert declared[0] == {
        "name": "height", "label_zh": "树高", "label_en": "Height", "unit": "m", "type": "number",
    }  # fmt: skip
    assert quarantined_rows(store, "old_tree")[0].reason_zh == "“种植”的值“不详”无法识别"


def test_loaded_rows_are_seen_by_right_only(store: Store, tmp_path: Path) -> None:
    write_list(tmp_path, ["T1,银杏,114.305,30.505,,"], "编号,名称,经度,纬度,树高,种植")
    load(store, write_job(tmp_path, "old_tree", LAYER), tmp_path)
    with store.owner_connection() as connection:
        ids = {
            role: connection.execute(
                "INSERT INTO ioc.account (name, display_name, roles, areas, sensitivity) "
                "VALUES (%s, %s, %s, %s, 3) RETURNING id",
                [role, role, [role], ["*"]],
            ).fetchone()[0]  # type: ignore[index]
            for role in ("leader", "staff")
        }
    seen = {}
    for role, number in ids.items():
        viewer = Viewer(number, role, role, frozenset({role}), None, ("*",))
        with store.connect(viewer) as connection:
            seen[role] = [
                len(
                    connection.execute(
                        sql.SQL("SELECT FROM {}").format(sql.Identifier("ioc", table))
                    ).fetchall()
                )
                for table in ("departmental_feature", "search_entry", "quarantine")
            ]
    assert seen["leader"][0] == 1
    assert seen["staff"] == [0, 0, 0]


# Rows of titles and headers above a file's first data row.
HEADERS = {"视频监控点位表.xlsx": 2, "监测站点.xlsx": 1, "公共设施_BD09.csv": 1}


def test_every_fault_seeded_in_the_demo_is_in_quarantine(demo_store: Store, demo_folder: Path) -> None:
    seeded = json.loads((demo_folder / "manifest.json").read_text(encoding="utf-8"))["seeded_rows"]
    jobs = {(job.source.path, job.source.sheet): job.code for job in packaged_jobs()}
    found = {code: {row.source_row for row in quarantined_rows(demo_store, code)} for code in jobs.values()}
    assert seeded
    for fault in seeded:
        if fault["rule"] == "T02":  # a point at fault among the pipes: a note that is no row's
            continue
        sheet = fault["layer"] if fault["file"].endswith("监测站点.xlsx") else None
        row = fault["row"] + HEADERS.get(Path(fault["file"]).name, 0)
        assert row in found[jobs[fault["file"], sheet]], fault


PIPE_RULES = (
    "P02", "P03", "P05", "P06", "P07", "L02", "L03", "L04", "L05", "L06", "T02", "T03", "T04", "T05",
    "D02", "D04", "D06", "D07", "D08", "D09",
)  # fmt: skip
PLAIN = {
    ("管点", "duplicate_code"): "P04",
    ("管点", "outside_district"): "inside_district",
    ("管线段", "missing_mandatory"): "L01",
    ("管线段", "unknown_node"): "T01",
}
# Rules that nothing else in the demo breaks, neither by itself nor beside a seeded fault.
ALONE = (
    "P02", "P05", "P06", "P07", "L02", "L03", "L04", "T03", "T04", "T05", "D02",
    "D04", "D07", "D09",
)  # fmt: skip
IN_THE_DRAINS = {"逆坡": "D01", "大管接小管": "D03", "雨水接入污水": "D05", "污水接入雨水": "D05"}


def test_every_pipe_rule_finds_what_was_seeded_for_it(demo_store: Store, demo_folder: Path) -> None:
    manifest = json.loads((demo_folder / "manifest.json").read_text(encoding="utf-8"))
    broken: dict[tuple[str, int | None], set[str]] = {}
    quarantine = {"管点": "pipe_node", "管线段": "pipe_segment"}
    found = {layer: quarantined_rows(demo_store, code) for layer, code in quarantine.items()}
    for layer, rows in found.items():
        for row in rows:
            broken.setdefault((layer, row.source_row), set()).add(row.rule)
    notes = [(row.rule, row.reason_zh) for row in found["管线段"] if row.source_row is None]
    seeded = set()
    for fault in manifest["seeded_rows"]:
        rule = PLAIN.get((fault["layer"], fault["rule"]), fault["rule"])
        if rule == "T02":
            assert any(name == rule and fault["value"] in reason for name, reason in notes), fault
        elif rule in (*PIPE_RULES, *PLAIN.values()):
            assert rule in broken[fault["layer"], fault["row"]], fault
        seeded.add(rule)
    assert seeded >= {*PIPE_RULES, *PLAIN.values()}
    for rule in ALONE:
        listed = {
            (fault["layer"], fault["row"]) for fault in manifest["seeded_rows"] if fault["rule"] == rule
        }
        assert {place for place, rules in broken.items() if rule in rules} == listed, rule
    outside = {
        row for (layer, row), rules in broken.items() if layer == "管点" and "inside_district" in rules
    }
    assert outside == {
        fault["row"] for fault in manifest["seeded_rows"]
        if (fault["layer"], fault["rule"]) == ("管点", "outside_district")
    }  # fmt: skip
    assert not any(row.rule == "same_place" for row in quarantined_rows(demo_store, "component"))
    pipes = [row for row in found["管线段"] if row.source_row is not None]
    flagged = {(row.rule, row.raw["QDDH"], row.raw["ZDDH"]) for row in pipes}
    refused = {(row.raw["QDDH"], row.raw["ZDDH"]) for row in pipes if row.severity == "error"}
    assert {rule for rule, _, _ in flagged} >= set(IN_THE_DRAINS.values())
    for fault in manifest["drain_faults"]:
        ends = fault["起点点号"], fault["终点点号"]
        if fault["类型"] in IN_THE_DRAINS and ends not in refused:
            assert (IN_THE_DRAINS[fault["类型"]], *ends) in flagged, fault


def test_the_demo_loaded_again_is_unchanged(demo_store: Store, demo_folder: Path) -> None:
    reports = list(run_folder(demo_store, demo_folder))
    assert len(reports) == len(packaged_jobs())
    assert all(report.unchanged for report in reports)


def test_codes_of_2013_are_migrated_and_the_old_one_kept(store: Store, tmp_path: Path) -> None:
    load_areas(store, tmp_path)
    text = """
title_zh = "部件"
title_en = "Components"
department = "urban"
target = "component"
[source]
path = "list.csv"
x = "经度"
y = "纬度"
crs = "CGCS2000"
[fields]
code = "编号"
name = "名称"
unit_grid_code = "网格"
[codes.code]
kind = "component"
type = "type_code"
original = "original_code"
[assign]
by = "unit_grid"
[[checks]]
rule = "code"
column = "code"
[[checks]]
rule = "agrees_with_location"
column = "unit_grid_code"
severity = "warning"
"""
    rows = [
        f"4201060101000001,上水井盖,114.305,30.505,{COMMUNITY}001",
        f"42010601003000002,雨水井盖,114.315,30.515,{COMMUNITY}001",
        f"42010609999000003,不明,114.315,30.515,{COMMUNITY}004",
        f"42010601003000,太短,114.315,30.515,{COMMUNITY}004",
    ]
    write_list(tmp_path, rows, "编号,名称,经度,纬度,网格")
    load(store, write_job(tmp_path, "component_test", text), tmp_path)
    found = rows_of(
        store,
        "SELECT code, original_code, type_code, unit_grid_code, community_name, street_name, warnings "
        "FROM ioc.component ORDER BY code",
    )
    area = ("一社区", "徐家棚街道")
    assert found == [
        ("42010601001000001", "4201060101000001", "01001", f"{COMMUNITY}001", *area, None),
        (
            "42010601003000002", "42010601003000002", "01003", f"{COMMUNITY}004", *area,
            ["agrees_with_location:unit_grid_code"],
        ),
    ]  # fmt: skip
    refused = {
        row.source_row: row.rule
        for row in quarantined_rows(store, "component_test")
        if row.severity == "error"
    }
    assert refused == {4: "code", 5: "code"}
