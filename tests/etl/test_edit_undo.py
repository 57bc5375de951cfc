"""Undoing an edit by hand: it puts back what was, and is recorded."""

from etl.edit import (
    undo,
)
from tests.etl.hydrants import Hydrants


def test_undoing_puts_back_what_was_and_is_recorded(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    before = district.shown()
    for kind, code, more in (
        ("change", "H1", {"values": {"name": "改名栓"}, "at": (114.3460, 30.5500)}),
        ("remove", "H2", {}),
        ("add", "H9", {"values": {"code": "H9", "name": "九号"}, "at": (114.3446, 30.5489)}),
    ):
        edit = district.propose(clerk, code, kind, **more)
        district.decide(chief, edit)
        assert district.shown() != before
        with district.as_(clerk) as connection:
            proposed, done = undo(connection, district.datasets(connection), edit, "看错了")
        assert not done
        district.decide(chief, proposed)
        assert district.shown() == before
    with district.store.owner_connection() as connection:
        states = connection.execute(
            "SELECT state, undoes_id FROM ioc.feature_edit e JOIN ioc.dataset d ON d.id = e.dataset_id "
            "WHERE d.code = %s ORDER BY e.id",
            [district.code],
        ).fetchall()
        trail = connection.execute(
            "SELECT detail ->> 'step', account_name FROM ioc.audit_entry "
            "WHERE action = 'edit' AND layer = %s ORDER BY id LIMIT 2",
            [district.code],
        ).fetchall()
    assert [state for state, _ in states] == ["undone", "accepted"] * 3
    assert trail == [("propose", "clerk"), ("accepted", "chief")]


def test_a_reviewer_undoes_anothers_edit_at_once_but_not_their_own(district: Hydrants) -> None:
    clerk, chief = district.people["clerk"], district.people["chief"]
    edit = district.propose(clerk, "H1", values={"pressure": 0.7})
    district.decide(chief, edit)
    with district.as_(chief) as connection:
        assert undo(connection, district.datasets(connection), edit, "有误")[1]
    assert district.shown()["H1"][1] == 0.3
    own = district.propose(chief, "H1", values={"pressure": 0.8})
    district.decide(district.person("second", "steward"), own)
    with district.as_(chief) as connection:
        assert not undo(connection, district.datasets(connection), own, "有误")[1]
    assert district.shown()["H1"][1] == 0.8
