"""A load that is wrong as a whole is refused, says why, keeps its quarantine, and can be answered for."""

from pathlib import Path

import pytest

from etl.dataset_history import quarantined_rows
from etl.gate import GateError, gate_faults
from etl.job import Gate
from etl.run import LoadOptions, run_job
from geodata.store import Store
from tests.etl.deliveries import degrees_job, load, loaded_codes, rows_of, version_states, write_list

GATE = "[gate]\nmax_refused_share = 0.25\nmax_count_drop = 0.5\nleast_rows = 4\n"
GOOD = [f"A{number},第{number}处,114.305,30.505" for number in range(1, 9)]


@pytest.mark.parametrize(
    ("read", "accepted", "published", "faults"),
    [
        (100, 75, None, 0),  # 25 of 100 refused: exactly what is let pass
        (100, 74, None, 1),
        (3, 0, None, 0),  # too few rows to speak of a share
        (60, 60, 120, 0),  # half as many: exactly what is let vanish
        (59, 59, 120, 1),
        (100, 50, 120, 2),
        (3, 0, 3, 1),  # nothing at all would be left
    ],
)
def test_shares_at_the_limit_pass(read: int, accepted: int, published: int | None, faults: int) -> None:
    gate = Gate(max_refused_share=0.25, max_count_drop=0.5, least_rows=4)
    assert len(gate_faults(gate, read, accepted, published)) == faults


def test_too_many_bad_rows_stop_the_load_and_stay_in_quarantine(store: Store, tmp_path: Path) -> None:
    job = degrees_job(tmp_path, options="", checks=GATE)
    write_list(tmp_path, GOOD)
    load(store, job, tmp_path)
    write_list(tmp_path, [*GOOD[:5], "B1,,114.305,30.505", "B2,,114.305,30.505"])
    with pytest.raises(GateError, match=r"2 of 7 rows \(29%\) were refused, more than the 25%"):
        load(store, job, tmp_path)
    assert len(loaded_codes(store)) == 8
    assert version_states(store, "facility_test") == ["published", "failed"]
    shown = quarantined_rows(store, "facility_test")
    assert [(row.source_row, row.rule, row.suggestion_zh) for row in shown] == [
        (7, "given", "补填“名称”"),
        (8, "given", "补填“名称”"),
    ]


def test_a_person_may_answer_for_the_drop_and_is_recorded(store: Store, tmp_path: Path) -> None:
    job = degrees_job(tmp_path, checks=GATE)
    write_list(tmp_path, GOOD)
    load(store, job, tmp_path)
    write_list(tmp_path, GOOD[:3])
    with pytest.raises(GateError, match=r"3 rows would replace 8 \(62% fewer\)"):
        load(store, job, tmp_path)
    assert run_job(store, job, tmp_path, options=LoadOptions(accept_gate="李工")).published
    assert len(loaded_codes(store)) == 3
    [(override,)] = rows_of(
        store, "SELECT gate_override FROM ioc.dataset_version WHERE gate_override IS NOT NULL"
    )
    assert override.startswith("李工: 3 rows would replace 8")
    trail = rows_of(store, "SELECT account_name, subject FROM ioc.audit_entry WHERE action = 'gate_accepted'")
    assert trail == [("李工", "facility_test")]
