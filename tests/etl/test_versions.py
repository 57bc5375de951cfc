"""What a load changes, changes upon the version before, approval, and where a row is from."""

from pathlib import Path

import pytest

from etl import run
from etl.approval import DecisionError, approve, refuse
from etl.dataset_history import quarantined_rows, roll_back
from etl.job import Job
from etl.run import LoadOptions, run_job
from geodata import feature_id
from geodata.lineage import feature_lineage
from geodata.store import Store
from tests.etl.deliveries import (
    account,
    degrees_job,
    load,
    load_areas,
    loaded_codes,
    rows_of,
    version_states,
    version_tables,
    write_list,
)

GOOD = ["A1,一号,114.305,30.505", "A2,二号,114.315,30.505", "A3,三号,114.315,30.515"]
MARKED = '[load]\nmode = "incremental"\ndeletions = { column = "操作", values = ["删除"] }\n'


def incremental(folder: Path, how: str = '[load]\nmode = "incremental"\n', checks: str = "") -> Job:
    return degrees_job(folder, checks=how + checks)


def test_the_difference_says_what_moved_how_far_and_which_fields_changed(
    store: Store, tmp_path: Path
) -> None:
    job = degrees_job(tmp_path)
    write_list(tmp_path, GOOD)
    first = load(store, job, tmp_path)
    assert first.difference is not None
    assert (first.difference.base_version_id, first.difference.added) == (None, 3)
    # A thousandth of a degree along the meridian at 30.505° N is 110.86 m: the meridian's radius of
    # curvature a(1-e²)/(1-e² sin²φ)^1.5 with a = 6 378 137 m and e² = 0.006694380 is 6 351 798 m.
    write_list(tmp_path, ["A1,一号,114.305,30.506", "A2,贰号,114.315,30.505", "A4,四号,114.315,30.515"])
    difference = load(store, job, tmp_path).difference
    assert difference is not None
    assert (difference.added, difference.removed, difference.changed, difference.moved) == (1, 1, 2, 1)
    assert (difference.unchanged, difference.added_codes, difference.removed_codes) == (0, ["A4"], ["A3"])
    [(code, metres)] = difference.farthest
    assert code == "A1"
    assert metres == pytest.approx(6_351_798 * 3.141592653589793 / 180 / 1000, abs=0.01)
    assert [(one.name, one.count, one.examples) for one in difference.fields] == [
        ("name", 1, [("A2", "二号", "贰号")])
    ]
    [(kept,)] = rows_of(store, "SELECT detail FROM ioc.version_difference WHERE base_version_id IS NOT NULL")
    assert kept["removed_codes"] == ["A3"]


def test_an_incremental_load_changes_what_it_names_and_keeps_the_rest(store: Store, tmp_path: Path) -> None:
    write_list(tmp_path, [row + "," for row in GOOD], "编号,名称,经度,纬度,操作")
    job = incremental(tmp_path, MARKED)
    first = load(store, job, tmp_path)
    changes = ["A2,贰号,114.316,30.505,", "A3,,,,删除", "A4,四号,114.315,30.515,新增"]
    write_list(tmp_path, changes, "编号,名称,经度,纬度,操作")
    second = load(store, job, tmp_path)
    assert (second.rows_loaded, second.rows_removed, second.rows_carried, second.rows_refused) == (2, 1, 1, 0)
    found = rows_of(store, "SELECT code, name, load_id, source_row FROM ioc.facility ORDER BY code")
    assert found == [
        ("A1", "一号", first.version_id, 2), ("A2", "贰号", None, 2), ("A4", "四号", None, 4),
    ]  # fmt: skip
    entries = rows_of(store, "SELECT code, title FROM ioc.search_entry ORDER BY code")
    assert entries == [("A1", "一号"), ("A2", "贰号"), ("A4", "四号")]
    ids = dict(rows_of(store, "SELECT code, id FROM ioc.facility"))
    [(dataset,)] = rows_of(store, "SELECT id FROM ioc.dataset WHERE code = 'facility_test'")
    with store.owner_connection() as connection:
        origin = {code: feature_lineage(connection, "facility", [dataset], ids[code]) for code in ids}
    assert {code: one.version_id for code, one in origin.items() if one} == {
        "A1": first.version_id, "A2": second.version_id, "A4": second.version_id,
    }  # fmt: skip
    assert load(store, job, tmp_path).unchanged
    roll_back(store, "facility_test")
    assert loaded_codes(store) == ["A1", "A2", "A3"]


def test_a_list_of_all_that_stand_removes_the_others(store: Store, tmp_path: Path) -> None:
    job = incremental(
        tmp_path, '[load]\nmode = "incremental"\ndeletions = { keys = "all.csv", column = "编号" }\n'
    )
    write_list(tmp_path, GOOD)
    write_list(tmp_path, ["A1", "A2", "A3"], "编号", "all.csv")
    load(store, job, tmp_path)
    write_list(tmp_path, ["A5,五号,114.305,30.515"])
    write_list(tmp_path, ["A1", "A5"], "编号", "all.csv")
    load(store, job, tmp_path)
    assert loaded_codes(store) == ["A1", "A5"]


def test_a_refused_change_leaves_the_row_that_stood(store: Store, tmp_path: Path) -> None:
    checks = '[[checks]]\nrule = "same_place"\n[[checks]]\nrule = "unique"\ncolumn = "name"\n'
    job = incremental(tmp_path, checks=checks)
    write_list(tmp_path, GOOD)
    load(store, job, tmp_path)
    write_list(tmp_path, ["A2,三号,114.311,30.505", "A3,叁号,114.305,30.505", "A4,四号,114.312,30.505"])
    report = load(store, job, tmp_path)
    found = rows_of(store, "SELECT code, name FROM ioc.facility ORDER BY code")
    assert found == [("A1", "一号"), ("A2", "二号"), ("A3", "三号"), ("A4", "四号")]
    assert report.refused_by_rule == {"unique": 1, "same_place": 1}
    raw = {row.rule: row.raw["编号"] for row in quarantined_rows(store, "facility_test")}
    assert raw == {"unique": "A2", "same_place": "A3"}


@pytest.mark.parametrize("size", [1, 4, 7])
def test_chunks_of_any_size_give_the_same_rows_ids_and_quarantine(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    load_areas(store, tmp_path)
    rows = [f"A{n},第{n}处,114.{305 + n % 9},30.5{n:02d},甲,{'许多' if n % 5 == 0 else n}" for n in range(20)]
    rows += ["A3,又一处,114.305,30.505,乙,1", ",无编号,114.305,30.505,乙,1", "A3,再一处,114.305,30.505,乙,1"]
    checks = '[[checks]]\nrule = "inside_district"\n[[checks]]\nrule = "same_place"\nseverity = "warning"\n'
    write_list(tmp_path, rows, "编号,名称,经度,纬度,类别,容量")
    # Ids of thirty values: many features meet another in one.
    whole = feature_id._hash
    monkeypatch.setattr(feature_id, "_hash", lambda code, keys: whole(code, keys) % 30)
    job = degrees_job(tmp_path, checks=checks)
    results = []
    for rows_at_once in (50_000, size):
        monkeypatch.setattr(run, "CHUNK_ROWS", rows_at_once)
        report = run_job(store, job, tmp_path, options=LoadOptions(force=True))
        results.append(
            (
                rows_of(store, "SELECT code, id, source_row, area_code, warnings, name FROM ioc.facility "
                        "ORDER BY code"),
                rows_of(store, "SELECT code, id, title FROM ioc.search_entry ORDER BY code"),
                sorted((q.source_row, q.rule, q.reason_zh, str(q.raw))
                       for q in quarantined_rows(store, "facility_test")),
                (report.rows_read, report.rows_loaded, report.rows_flagged, report.refused_by_rule,
                 report.flagged_by_rule),
            )
        )  # fmt: skip
    assert results[0] == results[1]
    ids = [row[1] for row in results[0][0]]
    assert len(set(ids)) == len(ids) == 20


def test_a_version_waits_for_a_second_person(store: Store, tmp_path: Path) -> None:
    for name, role in (("wang", "steward"), ("li", "steward"), ("zhao", "staff")):
        account(store, name, role)
    job = degrees_job(tmp_path, checks="[publish]\napproval = true\n")
    write_list(tmp_path, GOOD)
    waiting = run_job(store, job, tmp_path, options=LoadOptions(loaded_by="wang")).waiting
    assert waiting is not None
    assert loaded_codes(store) == []
    assert run_job(store, job, tmp_path).waiting == waiting
    for name, words in (("wang", "a second person"), ("zhao", "may not decide"), ("none", "may not decide")):
        with pytest.raises(DecisionError, match=words):
            approve(store, "facility_test", waiting, name)
    approve(store, "facility_test", waiting, "li")
    assert loaded_codes(store) == ["A1", "A2", "A3"]
    trail = rows_of(store, "SELECT account_name FROM ioc.audit_entry WHERE action = 'version_approved'")
    assert trail == [("li",)]

    write_list(tmp_path, GOOD[:2])
    refused = run_job(store, job, tmp_path, options=LoadOptions(loaded_by="wang")).waiting
    assert refused is not None
    refuse(store, "facility_test", refused, "li", "缺三号")
    write_list(tmp_path, GOOD[1:])
    overtaken = run_job(store, job, tmp_path, options=LoadOptions(loaded_by="wang")).waiting
    write_list(tmp_path, GOOD[:1])
    last = run_job(store, job, tmp_path, options=LoadOptions(loaded_by="wang")).waiting
    assert overtaken is not None
    assert last is not None
    with pytest.raises(DecisionError, match="waits for a decision"):
        approve(store, "facility_test", overtaken, "li")
    assert version_states(store, "facility_test") == ["published", "refused", "dropped", "prepared"]
    assert version_tables(store) == {
        f"{name}_{number}" for name in ("facility", "search_entry") for number in (waiting, last)
    }


def test_what_was_made_upon_another_version_is_not_published(store: Store, tmp_path: Path) -> None:
    account(store, "li", "admin")
    job = degrees_job(tmp_path)
    for rows in (GOOD, GOOD[:2]):
        write_list(tmp_path, rows)
        load(store, job, tmp_path)
    write_list(tmp_path, GOOD[:1])
    waiting = run_job(store, job, tmp_path, options=LoadOptions(review=True)).waiting
    assert waiting is not None
    roll_back(store, "facility_test")
    with pytest.raises(DecisionError, match="Another version"):
        approve(store, "facility_test", waiting, "li")
    assert loaded_codes(store) == ["A1", "A2", "A3"]
