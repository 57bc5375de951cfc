"""What a new delivery, a rollback or a crash leaves of edits by hand."""

import psycopg
import pytest

from etl.dataset_history import roll_back
from etl.edit import (
    EditRefusedError,
    decide,
)
from tests.etl.hydrants import ROWS, Hydrants, refused


def test_a_new_delivery_keeps_edits_it_does_not_know_and_rollback_too(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    moved = district.propose(clerk, "H1", at=(114.3460, 30.5500))
    district.decide(chief, moved)
    removed = district.propose(clerk, "H2", "remove")
    district.decide(chief, removed)
    added = district.propose(
        clerk, "H9", "add", values={"code": "H9", "name": "九号"}, at=(114.3446, 30.5489)
    )
    district.decide(chief, added)
    # The delivery knows nothing of them; another field of H1 and another row have changed.
    district.load(
        [
            ("H1", "水果湖一号栓", "完好", "0.9", *ROWS[0][4:]),
            ROWS[1],
            ("H3", "三号", "完好", "0.1", 114.3452, 30.5492),
        ]
    )
    shown = district.shown()
    assert shown["H1"] == ("水果湖一号栓", 0.9, 114.346, 30.55)
    assert set(shown) == {"H1", "H3", "H9"}
    assert [o[0] for o in district.outcomes(moved)] == ["applied", "applied"]
    late = district.propose(clerk, "H9", values={"name": "九号改"})
    district.decide(chief, late)
    roll_back(district.store, district.code)
    shown = district.shown()
    assert set(shown) == {"H1", "H9"}
    assert shown["H1"][1:3] == (0.3, 114.346)
    assert shown["H9"][0] == "九号改"


def test_what_the_delivery_contains_or_overrules_is_settled(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    contained = district.propose(clerk, "H1", values={"pressure": 0.5})
    district.decide(chief, contained)
    overruled = district.propose(clerk, "H2", values={"name": "二号（手改）"})
    district.decide(chief, overruled)
    district.load(
        [
            ("H1", "水果湖一号栓", "完好", "0.5", *ROWS[0][4:]),
            ("H2", "二号（普查）", "完好", "0.2", *ROWS[1][4:]),
        ]
    )
    assert district.outcomes(contained)[-1] == ("contained", None)
    assert district.outcomes(overruled)[-1] == ("conflict", ["name"])
    assert district.shown()["H2"][0] == "二号（普查）"
    district.load(ROWS)
    assert district.shown()["H1"][1] == 0.3
    assert district.shown()["H2"][0] == "水果湖二号栓"
    assert len(district.outcomes(contained)) == 2


def test_an_edit_that_fails_in_the_middle_leaves_all_as_it_was(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    edit = district.propose(clerk, "H1", values={"pressure": 0.9}, at=(114.3460, 30.5500))
    before = district.shown()
    killed = district.store.connect(chief)
    connection = killed.__enter__()
    decide(connection, edit, "accepted", None)
    pid = connection.execute("SELECT pg_backend_pid()").fetchone()
    with district.store.owner_connection() as owner:
        owner.execute("SELECT pg_terminate_backend(%s)", pid)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    killed.__exit__(None, None, None)
    assert district.shown() == before
    district.decide(chief, edit)
    assert district.shown()["H1"][1] == 0.9


def test_nothing_is_accepted_while_the_dataset_is_loaded(district: Hydrants) -> None:
    edit = district.propose(district.people["clerk"], "H1", values={"pressure": 0.9})
    with district.store.owner_connection() as loading:
        loading.execute(
            "SELECT pg_advisory_lock(1229931332, id) FROM ioc.dataset WHERE code = %s", [district.code]
        )
        with pytest.raises(EditRefusedError) as held:
            district.decide(district.people["chief"], edit)
    assert refused(held) == "loading"
    district.decide(district.people["chief"], edit)


def test_an_attribute_that_nobody_else_touched_survives_the_next_delivery(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    kept = district.propose(clerk, "H1", values={"pressure": 0.45})
    district.decide(chief, kept)
    overruled = district.propose(clerk, "H2", values={"pressure": 0.9})
    district.decide(chief, overruled)
    district.load([(*ROWS[0], 150), (*ROWS[1][:3], "0.7", *ROWS[1][4:])])
    with district.store.owner_connection() as connection:
        rows = connection.execute(
            "SELECT f.code, attributes FROM ioc.departmental_feature f "
            "JOIN ioc.dataset d ON d.id = f.dataset_id WHERE d.code = %s",
            [district.code],
        ).fetchall()
    assert dict(rows) == {
        "H1": {"pressure": 0.45, "diameter": 150},
        "H2": {"pressure": 0.7, "diameter": 100},
    }
    assert district.outcomes(kept)[-1] == ("applied", None)
    assert district.outcomes(overruled)[-1] == ("conflict", ["attributes.pressure"])
