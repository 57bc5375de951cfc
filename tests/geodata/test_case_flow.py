"""Steps of cases: which are possible in which state and by which post, clocks, two colleagues at once."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import dict_row

from geodata.case_flow import Step, resume_due, take_step, transitions
from geodata.case_refusal import CaseRefusedError
from geodata.store import Store
from geodata.viewer import Viewer
from geodata.working_calendar import CALENDAR
from layers.case_file import CaseSearch, case_card, case_list
from tests.geodata.case_accounts import add_person, put, report, tried

# What city management does with a case in each state, and who: standards/case_workflow.md, 2 and 3.
POSSIBLE = {
    "reported": {"accept": "receiver", "send_verify": "receiver", "reject": "receiver"},
    "verifying": {"confirm": "collector", "deny": "collector"},
    "pending_register": {"register": "receiver", "reject": "receiver"},
    "pending_dispatch": {"dispatch": "dispatcher", "return": "dispatcher"},
    "pending_handle": {
        "start": "department",
        "feed_back": "department",
        "return": "department",
        "ask_extension": "department",
        "extend": "dispatcher duty_chief",
        "refuse_extension": "dispatcher duty_chief",
        "ask_deferral": "department",
        "defer": "duty_chief",
        "refuse_deferral": "duty_chief",
    },
    "handling": {
        "feed_back": "department",
        "suspend": "dispatcher",
        "ask_extension": "department",
        "extend": "dispatcher duty_chief",
        "refuse_extension": "dispatcher duty_chief",
        "ask_deferral": "department",
        "defer": "duty_chief",
        "refuse_deferral": "duty_chief",
    },
    "suspended": {"resume": "dispatcher"},
    "pending_check": {"send_check": "receiver dispatcher", "rework": "receiver dispatcher"},
    "checking": {"pass": "collector", "fail": "collector"},
    "pending_close": {"close": "duty_chief"},
    "returned": {"reconsider": "receiver", "reject": "receiver"},
    "closed": {
        "appeal": "department",
        "review_appeal": "dispatcher",
        "grant_appeal": "duty_chief",
        "refuse_appeal": "dispatcher duty_chief",
    },
}
ALWAYS = {
    "urge": "duty_chief dispatcher",
    "force_close": "duty_chief",
    "cancel": "duty_chief",
    "locate": "receiver dispatcher duty_chief collector",
}
ENDS = {"rejected", "closed", "force_closed", "cancelled"}
ACTIONS = sorted({action for ways in POSSIBLE.values() for action in ways} | set(ALWAYS))
RULED = {("closed", "appeal"): "appealed_once", ("closed", "grant_appeal"): "not_asked"}
"""What a rule forbids a case of ``in_state``, whose post and state would allow it; places are not given."""
POSTS = ("receiver", "dispatcher", "duty_chief", "collector", "department")


def allowed(state: str, action: str) -> set[str]:
    ways = {**POSSIBLE.get(state, {}), **({} if state in ENDS else ALWAYS)}
    return set(ways.get(action, "").split())


def asked(case: int, action: str, version: int = 1) -> Step:
    return Step(
        case,
        version,
        action,
        "因为",
        department="water",
        condition="event.0110.1",
        until=datetime.now(UTC) + timedelta(days=30),
    )


def refused(state: str, action: str) -> str | None:
    """The fault of a step that state and post allow, by the rules."""
    return "place" if action == "locate" else RULED.get((state, action))


def case_row(store: Store, case: int) -> dict[str, Any]:
    with store.owner_connection() as owner:
        row = (
            owner.cursor(row_factory=dict_row)
            .execute("SELECT * FROM ioc.case_file WHERE id = %s", [case])
            .fetchone()
        )
    assert row is not None
    return row


@pytest.fixture
def people(store: Store) -> dict[str, Viewer]:
    """One person of each post; the departments are water (handles) and urban."""
    add_person(store, "waterman", ["staff"], "water")
    return {
        post: add_person(store, post, ["staff"] if post == "department" else [post], "urban")
        for post in POSTS
    }


def in_state(store: Store, state: str) -> int:
    case = report(store, state)
    now = datetime.now(UTC)
    put(
        store,
        case,
        state=state,
        department_code="urban",
        limit_value=4,
        limit_unit="工作时",
        deadline=now + timedelta(days=9),
        stopped_at=now if state in ("suspended", "pending_check", "checking") else None,
        ended_at=now if state in ENDS else None,
        extension_asked=True,
        deferral_asked=True,
        appeal="asked" if state == "closed" else None,
    )
    return case


def fault_of(connection: Connection[Any], step: Step) -> str | None:
    """Why a step is refused, if it is; it is taken back."""
    with connection.transaction(force_rollback=True):
        try:
            take_step(connection, step)
        except CaseRefusedError as refusal:
            return refusal.fault
    return None


def fault_of_new(store: Store, viewer: Viewer, step: Step) -> str | None:
    """As ``fault_of``, on a connection of the viewer's own."""
    with store.connect(viewer) as connection:
        return fault_of(connection, step)


def test_every_step_is_possible_where_it_should_be_and_nowhere_else(
    store: Store, people: dict[str, Viewer]
) -> None:
    everybody = add_person(store, "everybody", ["staff", *POSTS[:4]])
    cases = {state: in_state(store, state) for state in {**POSSIBLE, **dict.fromkeys(ENDS)}}
    possible = {(state, action) for state in cases for action in ACTIONS if allowed(state, action)}
    with store.connect(everybody) as connection:
        for state, case in cases.items():
            for action in ACTIONS:
                expected = refused(state, action) if (state, action) in possible else "state"
                assert fault_of(connection, asked(case, action)) == expected, (state, action)
    for post in POSTS:
        with store.connect(people[post]) as connection:
            for state, action in sorted(possible):
                expected = refused(state, action) if post in allowed(state, action) else "right"
                assert fault_of(connection, asked(cases[state], action)) == expected, (state, action, post)
    with store.app_connection() as connection:
        ways = sum(len(allowed) for allowed in POSSIBLE.values())
        assert len(transitions(connection)) == ways + len(ALWAYS) * (len(POSSIBLE) - 1)


def test_a_case_from_report_to_close(store: Store, people: dict[str, Viewer]) -> None:
    waterman = add_person(store, "pump", ["staff"], "water")
    case = report(store)
    way = [
        ("receiver", "send_verify"),
        ("collector", "confirm"),
        ("receiver", "register"),
        ("dispatcher", "dispatch"),
        ("water", "start"),
        ("water", "feed_back"),
        ("receiver", "send_check"),
        ("collector", "fail"),
        ("water", "feed_back"),
        ("dispatcher", "send_check"),
        ("collector", "pass"),
        ("duty_chief", "close"),
    ]
    for number, (who, action) in enumerate(way, 1):
        viewer = waterman if who == "water" else people[who]
        with store.connect(viewer) as connection:
            assert take_step(connection, asked(case, action, number)) == number + 1
    row = case_row(store, case)
    assert row["state"] == "closed"
    assert row["reworks"] == 1
    assert (row["limit_value"], row["limit_unit"]) == (4, "工作时")
    assert row["dispatched_at"] < row["handled_at"] < row["ended_at"]
    assert row["handled_at"] <= row["deadline"]
    # The limits of the stages that filing and dispatch ended, kept for the statistics.
    half = timedelta(minutes=29)
    assert row["filed_at"] + half < row["filing_deadline"] <= row["dispatch_deadline"]
    with store.owner_connection() as owner:
        steps = owner.execute(
            "SELECT action, actor, post, from_state FROM ioc.case_step WHERE case_id = %s ORDER BY number",
            [case],
        ).fetchall()
        told = owner.execute("SELECT items FROM ioc.live_event WHERE topic = 'case' ORDER BY id").fetchall()
    assert [step[0] for step in steps] == ["report", *[action for _, action in way]]
    assert steps[4][1:] == ("dispatcher", "dispatcher", "pending_dispatch")
    assert steps[5][1:3] == ("pump", "department")
    # Every screen hears of every step, with the right to it.
    assert [items[0]["version"] for (items,) in told] == list(range(1, len(way) + 2))
    assert [item["r"] for item in told[0][0]] == [[row["dataset_id"], 3, ""]]
    assert {item["r"][1] for item in told[-1][0]} == {3, "water"}
    assert told[-1][0][0]["open"] is False


@pytest.mark.parametrize(
    ("state", "action", "without", "fault"),
    [
        ("pending_dispatch", "dispatch", "department", "department"),
        ("pending_register", "register", "condition", "condition"),
        ("handling", "suspend", "until", "until"),
        ("reported", "reject", "opinion", "reason"),
        ("handling", "urge", "opinion", "reason"),
    ],
)
def test_what_a_step_needs(
    store: Store, people: dict[str, Viewer], state: str, action: str, without: str, fault: str
) -> None:
    case = in_state(store, state)
    step = Step(**{**vars(asked(case, action)), without: " " if without == "opinion" else None})
    post = next(iter(sorted(allowed(state, action))))
    with tried(store, people[post]) as connection, pytest.raises(CaseRefusedError) as refused:
        take_step(connection, step)
    assert refused.value.fault == fault


def test_extensions_and_suspensions_have_their_bounds(store: Store, people: dict[str, Viewer]) -> None:
    case = in_state(store, "handling")
    before = case_row(store, case)["deadline"]
    for version in (1, 2):
        with store.connect(people["dispatcher"]) as connection:
            take_step(connection, asked(case, "extend", version))
    assert case_row(store, case)["deadline"] > before
    put(store, case, extensions=1, deadline=datetime.now(UTC) - timedelta(minutes=1))
    with tried(store, people["dispatcher"]) as connection, pytest.raises(CaseRefusedError, match="overdue"):
        take_step(connection, asked(case, "extend", 3))
    put(store, case, extensions=2, suspensions=1, deadline=datetime.now(UTC) + timedelta(days=1))
    with tried(store, people["dispatcher"]) as connection, pytest.raises(CaseRefusedError, match="at most 2"):
        take_step(connection, asked(case, "extend", 3))
    with tried(store, people["dispatcher"]) as connection, pytest.raises(CaseRefusedError, match="only once"):
        take_step(connection, asked(case, "suspend", 3))


def test_a_suspension_ends_on_its_day_with_the_time_that_was_left(store: Store) -> None:
    case = in_state(store, "suspended")
    stopped = datetime(2026, 3, 4, 4, tzinfo=UTC)  # 12:00 in Wuhan; a Wednesday
    put(
        store,
        case,
        stopped_at=stopped,
        deadline=stopped + timedelta(hours=4),  # two working hours are left: 14 to 16
        suspended_until=datetime(2026, 3, 16, tzinfo=UTC),
    )
    with store.owner_connection() as owner:
        assert resume_due(owner, datetime(2026, 3, 15, tzinfo=UTC)) == 0
        assert resume_due(owner, datetime(2026, 3, 16, 8, tzinfo=UTC)) == 1  # 16:00
        assert resume_due(owner, datetime(2026, 3, 16, 8, tzinfo=UTC)) == 0
    row = case_row(store, case)
    assert row["state"] == "handling"
    assert row["deadline"] == datetime(2026, 3, 16, 10, tzinfo=UTC)  # 18:00


def test_of_two_dispatchers_at_once_one_is_told(store: Store, people: dict[str, Viewer]) -> None:
    case = in_state(store, "pending_dispatch")
    other = add_person(store, "other", ["dispatcher"])
    start, results = threading.Barrier(2), []

    def dispatch(viewer: Viewer, department: str) -> None:
        with store.connect(viewer) as connection:
            start.wait()
            step = Step(case, 1, "dispatch", department=department)
            try:
                take_step(connection, step)
                results.append(department)
            except CaseRefusedError as refusal:
                results.append(refusal.fault)

    threads = [
        threading.Thread(target=dispatch, args=(people["dispatcher"], "urban")),
        threading.Thread(target=dispatch, args=(other, "water")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "changed" in results
    winner = next(one for one in results if one != "changed")
    assert case_row(store, case)["department_code"] == winner
    assert case_row(store, case)["version"] == 2


def test_a_street_sees_its_street_and_a_department_its_own(store: Store) -> None:
    water = add_person(store, "water", ["staff"], "water")
    inside, outside = report(store, "a"), report(store, "b")
    put(store, inside, area_code="420106012003001", department_code="water")
    put(store, outside, area_code="420106001003001", department_code="urban")
    clerk = add_person(store, "clerk", ["staff"], areas=["420106012"])
    elsewhere = add_person(store, "elsewhere", ["staff"], "water", areas=["420106001"])
    planner = add_person(store, "planner", ["planner"], "water")
    receiver = add_person(store, "receiver", ["receiver"], "centre")
    expected = {
        clerk: {inside},
        water: {inside},
        elsewhere: set(),
        planner: set(),
        receiver: {inside, outside},
    }
    for viewer, cases in expected.items():
        with store.connect(viewer) as connection:
            seen = {row[0] for row in connection.execute("SELECT id FROM ioc.case_file")}
            steps = {row[0] for row in connection.execute("SELECT case_id FROM ioc.case_step")}
        assert seen == steps == cases, viewer.name
    # What is not seen is not moved on either, nor is it told that it exists.
    step = asked(outside, "urge")
    chief = add_person(store, "chief", ["duty_chief"], areas=["420106012"])
    with tried(store, chief) as connection, pytest.raises(CaseRefusedError) as refused:
        take_step(connection, step)
    assert refused.value.fault == "right"


def test_who_reported_is_for_those_who_call_back(store: Store) -> None:
    case = report(store, reporter={"name": "李小明", "phone": "13812345678", "email": "li@example.cn"})
    put(store, case, area_code="420106012003001")
    names = {"receiver": 1, "duty_chief": 1, "collector": 1, "dispatcher": 0, "screen": 0, "staff": 0}
    people = {
        role: add_person(store, f"of {role}", [role], "water" if role == "staff" else "urban")
        for role in names
    }
    put(store, case, department_code="water")
    for role, told in names.items():
        viewer = people[role]
        with store.connect(viewer) as connection:
            assert len(connection.execute("SELECT phone FROM ioc.case_reporter").fetchall()) == told, role
            masked = connection.execute("SELECT * FROM ioc.case_reporter_masked(%s)", [case]).fetchall()
            assert masked == [("李**", "138****5678", "l***@example.cn")], role
            shown = case_card(connection, viewer, case)["reporter"]
            assert shown["may_be_shown"] == bool(told)
            assert "12345678" not in str(shown)
    elsewhere = add_person(store, "elsewhere", ["receiver"], areas=["420106001"])
    with store.connect(elsewhere) as connection:
        assert not connection.execute("SELECT * FROM ioc.case_reporter_masked(%s)", [case]).fetchall()


def test_an_overdue_mark_is_appealed_against_once_and_two_persons_decide(
    store: Store, people: dict[str, Viewer]
) -> None:
    case = in_state(store, "closed")
    late, ended = datetime.now(UTC) - timedelta(days=2), datetime.now(UTC) - timedelta(days=1)
    put(store, case, appeal=None, stopped_at=ended, deadline=ended, ended_at=ended)
    both = add_person(store, "both", ["dispatcher", "duty_chief"])

    def fault(viewer: Viewer, action: str, version: int) -> str | None:
        with store.connect(viewer) as connection:
            try:
                take_step(connection, asked(case, action, version))
            except CaseRefusedError as refusal:
                return refusal.fault
        return None

    assert fault(people["department"], "appeal", 1) == "not_overdue"
    put(store, case, deadline=late)
    assert fault(people["department"], "appeal", 1) is None
    assert fault(people["department"], "appeal", 2) == "appealed_once"
    assert fault(both, "grant_appeal", 2) == "not_asked"
    assert fault(both, "review_appeal", 2) is None
    assert fault(both, "grant_appeal", 3) == "second_reviewer"
    with store.connect(people["duty_chief"]) as connection:
        mine = case_list(connection, people["duty_chief"], CaseSearch(mine=True))
        offered = {one["action"] for one in case_card(connection, people["duty_chief"], case)["actions"]}
    assert [one["id"] for one in mine["cases"]] == [case]
    assert offered == {"grant_appeal", "refuse_appeal"}
    assert fault(people["duty_chief"], "grant_appeal", 3) is None
    row = case_row(store, case)
    # The fact stays: the case was overdue, and when it was closed.
    assert (row["state"], row["appeal"], row["deadline"], row["ended_at"]) == (
        "closed",
        "granted",
        late,
        ended,
    )
    assert fault(people["duty_chief"], "refuse_appeal", 4) == "not_asked"


def test_a_deferred_case_is_due_on_the_day_that_was_granted(store: Store, people: dict[str, Viewer]) -> None:
    case = in_state(store, "handling")
    until = datetime.now(UTC) + timedelta(days=90)
    for version, (post, action) in enumerate((("department", "ask_deferral"), ("duty_chief", "defer")), 1):
        with store.connect(people[post]) as connection:
            take_step(connection, Step(case, version, action, "待汛期后施工", until=until))
    row = case_row(store, case)
    assert (row["state"], row["deadline"], row["deferred_until"]) == ("handling", until, until)
    assert not row["deferral_asked"]
    assert fault_of_new(store, people["duty_chief"], asked(case, "defer", 3)) == "deferred_once"


def test_each_stage_has_its_own_clock(store: Store, people: dict[str, Viewer]) -> None:
    case = report(store)
    begun = datetime.now(UTC)
    assert case_row(store, case)["stage_deadline"] >= begun + timedelta(minutes=29)
    with store.connect(people["receiver"]) as connection:
        take_step(connection, asked(case, "send_verify"))
    # Two working hours to look on the spot, half of one to take a report on.
    due = CALENDAR.add(datetime.now(UTC), timedelta(hours=2))
    assert abs(case_row(store, case)["stage_deadline"] - due) < timedelta(minutes=1)
    put(store, case, stage_deadline=begun - timedelta(minutes=1))
    with store.connect(people["duty_chief"]) as connection:
        take_step(connection, asked(case, "urge", 2))
        late = case_list(connection, people["duty_chief"], CaseSearch(late=True))
    assert [(one["id"], one["stage_overdue"], one["overdue"]) for one in late["cases"]] == [
        (case, True, False)
    ]
    assert late["open"]["late"] == 1
    with store.owner_connection() as owner:
        stages = owner.execute("SELECT count(stage_deadline) FROM ioc.case_step").fetchone()
    assert stages == (3,)


def test_steps_are_never_changed(store: Store) -> None:
    case = report(store)
    for statement in (
        "UPDATE ioc.case_step SET actor = 'x'",
        "DELETE FROM ioc.case_step",
        "TRUNCATE ioc.case_step CASCADE",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), store.owner_connection() as owner:
            owner.execute(statement)
    for statement in ("UPDATE ioc.case_file SET state = 'closed'", "DELETE FROM ioc.case_step"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), store.app_connection() as connection:
            connection.execute(statement)
    assert case_row(store, case)["state"] == "reported"
