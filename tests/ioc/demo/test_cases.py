"""The demo's history of cases: as large as said, with days, seasons and delays, and consistent."""

from datetime import UTC, datetime

import numpy as np
import pytest

from geodata.store import Store
from ioc.demo.cases import CLOSE, FAIL, FIRST_BACK, REJECT, ensure_demo_cases, make_history, matters

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def places() -> dict[str, np.ndarray]:
    types = sorted({one.component_type for one in matters() if one.component_type})
    return {
        "id": np.arange(len(types)),
        "code": np.array(types),
        "type": np.array(types),
        "area": np.array([f"42010600{n % 9 + 1}001001" for n in range(len(types))]),
        "lon": np.full(len(types), 114.3),
        "lat": np.full(len(types), 30.5),
    }


def test_the_history_has_patterns(places: dict[str, np.ndarray]) -> None:
    now = int(NOW.timestamp())
    history = make_history(np.random.default_rng(1), 40_000, now, places)
    reported = history.moments[:, 0]
    assert (np.diff(reported) >= 0).all()
    assert reported.max() <= now
    local = (reported + 8 * 3600).astype("datetime64[s]")
    hours = local.astype("datetime64[h]").astype(int) % 24
    assert np.isin(hours, (8, 9, 14, 15)).mean() > 4 * np.isin(hours, (1, 2, 3, 4)).mean()
    weekdays = (local.astype("datetime64[D]").astype(int) + 3) % 7
    assert (weekdays < 5).mean() > 0.75
    months = local.astype("datetime64[M]").astype(int) % 12 + 1
    ice = np.array([one.code == "10001" for one in matters()])[history.matter]
    assert np.isin(months[ice], (11, 12, 1, 2, 3)).all()
    # 170,000 cases are to have about 1,090,000 steps.
    assert (history.moments <= now).sum() / len(reported) == pytest.approx(1_090_000 / 170_000, rel=0.03)
    handled = history.moments[:, REJECT] > now
    late = history.moments[handled, FIRST_BACK] > history.deadline[handled]
    assert 0.05 < late.mean() < 0.15
    assert 0.03 < (history.moments[handled, FAIL] <= now).mean() < 0.06
    still_open = handled & (history.moments[:, CLOSE] > now)
    assert 0.0005 < still_open.mean() < 0.004


def test_what_is_written_agrees_with_itself(demo_store: Store) -> None:
    made = ensure_demo_cases(demo_store, 0.01, NOW)
    assert made == 1700
    assert ensure_demo_cases(demo_store, 0.01, NOW) == 0
    with demo_store.owner_connection() as owner:
        wrong = owner.execute(
            """
            SELECT count(*) FROM ioc.case_file c
            JOIN ioc.case_step s ON (s.case_id, s.number) = (c.id, c.version)
            WHERE s.to_state <> c.state OR s.deadline IS DISTINCT FROM c.deadline
                OR s.stage_deadline IS DISTINCT FROM c.stage_deadline
                OR c.state = 'checking' AND c.stage_deadline < s.at + interval '2 hours'
                OR (c.ended_at IS NULL) <> (c.state NOT IN ('closed', 'rejected')) OR s.at > %s
            """,
            [NOW],
        ).fetchone()
        chained = owner.execute(
            """
            SELECT count(*) FROM ioc.case_step s LEFT JOIN ioc.case_step b
                ON (b.case_id, b.number) = (s.case_id, s.number - 1)
            WHERE s.number > 1 AND (b.to_state IS DISTINCT FROM s.from_state OR b.at > s.at)
            """
        ).fetchone()
        unlike = owner.execute(
            """
            SELECT count(*) FROM ioc.case_step s LEFT JOIN ioc.case_transition t
                ON (t.action, t.from_state, t.to_state) = (s.action, s.from_state, s.to_state)
            WHERE s.number > 1 AND (t.action IS NULL OR NOT s.post = ANY (t.posts))
            """
        ).fetchone()
        versions = owner.execute(
            "SELECT count(*) FROM ioc.case_file c WHERE c.version <> "
            "(SELECT count(*) FROM ioc.case_step s WHERE s.case_id = c.id) OR NOT c.synthetic"
        ).fetchone()
    assert wrong == chained == unlike == versions == (0,)
