"""Rights as PostgreSQL enforces them: every role, every sensitivity, inside and outside an area."""

from collections.abc import Iterator
from itertools import product

import psycopg
import pytest
from psycopg import Connection, sql
from sqlalchemy import func, select

from geodata.dataset_version import Version, begin_version, create_tables, index_tables, publish
from geodata.models import Component
from geodata.store import RightsBypassedError, Store
from geodata.viewer import CASE_POSTS, ROLES, Viewer, resolve_viewer

OWN, OTHER = "water", "police"
INSIDE, OUTSIDE = "420106012003", "420106001002"

# Highest sensitivity a role sees of its own department's data and of another department's.
CEILING = {
    "screen": (2, 2),
    "staff": (3, 2),
    "planner": (2, 2),
    "leader": (3, 3),
    "steward": (3, 2),
    "admin": (3, 3),
    # Posts in the handling of cases show cases and nothing else.
    **dict.fromkeys(CASE_POSTS, (0, 0)),
}


def add_dataset(
    connection: Connection, code: str, department: str, *, sensitivity: int = 1, area_bound: bool = True
) -> int:
    connection.execute(
        "INSERT INTO ioc.department VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", [department] * 3
    )
    row = connection.execute(
        """
        INSERT INTO ioc.dataset (code, title_zh, title_en, department_code, target, sensitivity, area_bound)
        VALUES (%s, %s, %s, %s, 'component', %s, %s) RETURNING id
        """,
        [code, code, code, department, sensitivity, area_bound],
    ).fetchone()
    assert row is not None
    return row[0]


def version_table(version: Version) -> sql.Identifier:
    return sql.Identifier("version", f"component_{version.id}")


def publish_components(connection: Connection, dataset_id: int) -> None:
    """One component for each sensitivity and for each of the two areas."""
    version = begin_version(connection, dataset_id, "test", "test", "hash")
    create_tables(connection, version)
    for number, (sensitivity, area) in enumerate((s, a) for s in (1, 2, 3) for a in (INSIDE, OUTSIDE)):
        connection.execute(
            sql.SQL(
                """
            INSERT INTO {} (dataset_id, id, code, area_code, sensitivity, geom)
            VALUES (%s, %s, %s, %s, %s, ST_SetSRID(ST_Point(114.3, 30.55), 4490))
            """
            ).format(version_table(version)),
            [dataset_id, number, f"{sensitivity}/{area}", area, sensitivity],
        )
    index_tables(connection, version)
    publish(connection, version)


def add_viewer(
    connection: Connection, role: str, *, area: str = "*", sensitivity: int = 3, department: str | None = OWN
) -> Viewer:
    row = connection.execute(
        """
        INSERT INTO ioc.account (name, display_name, roles, department_code, areas, sensitivity)
        VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
        """,
        [f"{role}-{area}-{sensitivity}", role, [role], department, [area], sensitivity],
    ).fetchone()
    assert row is not None
    viewer = resolve_viewer(connection, row[0])
    assert viewer is not None
    return viewer


def seen(store: Store, viewer: Viewer) -> set[tuple[int, str]]:
    """Pairs of dataset id and component code that the viewer gets."""
    with store.connect(viewer) as connection:
        return set(connection.execute("SELECT dataset_id, code FROM ioc.component").fetchall())


@pytest.fixture
def owner(store: Store) -> Iterator[Connection]:
    with store.owner_connection() as connection:
        yield connection


@pytest.fixture
def datasets(owner: Connection) -> tuple[int, int]:
    """The viewer's own department's dataset and another department's, both with six components."""
    own, other = add_dataset(owner, "own", OWN), add_dataset(owner, "other", OTHER)
    for dataset_id in (own, other):
        publish_components(owner, dataset_id)
    owner.commit()
    return own, other


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_its_sensitivities_in_its_area(
    store: Store, owner: Connection, datasets: tuple[int, int], role: str
) -> None:
    for area, clearance in product(("*", "420106012", INSIDE), (1, 2, 3)):
        viewer = add_viewer(owner, role, area=area, sensitivity=clearance)
        owner.commit()
        expected = {
            (dataset_id, f"{sensitivity}/{place}")
            for dataset_id, ceiling in zip(datasets, CEILING[role], strict=True)
            for sensitivity in (1, 2, 3)
            if sensitivity <= min(ceiling, clearance)
            for place in ((INSIDE, OUTSIDE) if area == "*" else (INSIDE,))
        }
        assert seen(store, viewer) == expected, (area, clearance)


def test_a_right_of_one_account_opens_one_dataset_in_one_area(
    store: Store, owner: Connection, datasets: tuple[int, int]
) -> None:
    viewer = add_viewer(owner, "planner", area="420106001", sensitivity=1)
    owner.execute(
        """
        INSERT INTO ioc.account_right (account_id, dataset_code, department_code, area_code, sensitivity)
        VALUES (%s, 'other', %s, '420106012', 3)
        """,
        [viewer.account_id, OTHER],
    )
    owner.commit()
    own, other = datasets
    by_role = {(own, f"1/{OUTSIDE}"), (other, f"1/{OUTSIDE}")}
    by_account = {(other, f"{sensitivity}/{INSIDE}") for sensitivity in (1, 2, 3)}
    assert seen(store, viewer) == by_role | by_account


def test_reference_data_is_not_bound_to_areas(store: Store, owner: Connection) -> None:
    dataset_id = add_dataset(owner, "road", "planning", area_bound=False)
    publish_components(owner, dataset_id)
    viewer = add_viewer(owner, "staff", area="420106012", department=None, sensitivity=1)
    owner.commit()
    assert seen(store, viewer) == {(dataset_id, f"1/{INSIDE}"), (dataset_id, f"1/{OUTSIDE}")}


@pytest.mark.usefixtures("datasets")
def test_an_inactive_account_sees_nothing(store: Store, owner: Connection) -> None:
    viewer = add_viewer(owner, "admin")
    owner.execute("UPDATE ioc.account SET active = false WHERE id = %s", [viewer.account_id])
    owner.commit()
    assert seen(store, viewer) == set()
    assert resolve_viewer(owner, viewer.account_id) is None


@pytest.mark.usefixtures("datasets")
def test_without_a_viewer_the_application_sees_nothing(store: Store) -> None:
    with psycopg.connect(store.app_url) as connection:
        row = connection.execute("SELECT count(*) FROM ioc.component").fetchone()
    assert row == (0,)


@pytest.mark.usefixtures("datasets")
def test_one_viewers_rights_do_not_stay_on_the_connection(store: Store, owner: Connection) -> None:
    viewer = add_viewer(owner, "admin")
    owner.commit()
    with psycopg.connect(store.app_url) as connection:
        connection.execute("SELECT ioc.open_viewer_session(%s)", [viewer.account_id])
        assert connection.execute("SELECT count(*) FROM ioc.component").fetchone() == (12,)
        connection.commit()
        assert connection.execute("SELECT count(*) FROM ioc.component").fetchone() == (0,)


def test_a_retained_version_is_seen_as_far_as_the_published_one(store: Store, owner: Connection) -> None:
    dataset = add_dataset(owner, "own-components", OWN)
    owner.commit()
    publish_components(owner, dataset)
    publish_components(owner, dataset)
    begun = begin_version(owner, dataset, "test", "test", "hash")
    create_tables(owner, begun)
    viewers = [add_viewer(owner, "staff", area=INSIDE, sensitivity=2), add_viewer(owner, "admin")]
    owner.commit()
    row = owner.execute("SELECT id FROM ioc.dataset_version WHERE state = 'superseded'").fetchone()
    assert row is not None
    retained = sql.SQL("SELECT count(*) FROM version.{}").format(sql.Identifier(f"component_{row[0]}"))
    for viewer, visible in zip(viewers, (2, 6), strict=True):
        with store.connect(viewer) as connection:
            assert connection.execute(retained).fetchone() == (visible,)
    with store.app_connection() as connection:
        assert connection.execute(retained).fetchone() == (0,)
    unpublished = sql.SQL("SELECT FROM {}").format(version_table(begun))
    with pytest.raises(psycopg.errors.InsufficientPrivilege), store.connect(viewers[1]) as connection:
        connection.execute(unpublished)


@pytest.mark.usefixtures("datasets")
@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE ioc_owner",
        "SELECT * FROM version.search_entry_1",
        "ALTER TABLE ioc.component DISABLE ROW LEVEL SECURITY",
        "INSERT INTO ioc.account_right (account_id, sensitivity) VALUES (1, 3)",
        "UPDATE ioc.account SET sensitivity = 3",
        "DELETE FROM ioc.component",
    ],
)
def test_the_application_role_cannot_widen_its_rights(store: Store, statement: str) -> None:
    with psycopg.connect(store.app_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.usefixtures("datasets")
def test_a_session_serves_its_viewer_through_the_models(store: Store, owner: Connection) -> None:
    viewer = add_viewer(owner, "staff", area=INSIDE)
    owner.commit()
    with store.session(viewer) as session:
        assert session.scalar(select(func.count()).select_from(Component)) == 3 + 2


def test_the_owner_is_refused_as_the_webs_role(store: Store) -> None:
    store.check_rights_bind()
    with pytest.raises(RightsBypassedError, match="ioc_owner"):
        Store(store.owner_url, store.owner_url).check_rights_bind()


def test_the_spatial_index_is_used_under_the_policy(store: Store, owner: Connection) -> None:
    dataset_id = add_dataset(owner, "many", OWN)
    version = begin_version(owner, dataset_id, "test", "test", "hash")
    create_tables(owner, version)
    owner.execute(
        sql.SQL(
            """
        INSERT INTO {} (dataset_id, id, code, sensitivity, geom)
        SELECT %s, n, n::text, 1, ST_SetSRID(ST_Point(114.2 + n %% 100 * 1e-3, 30.5 + n / 100 * 1e-3), 4490)
        FROM generate_series(1, 10000) AS n
        """
        ).format(version_table(version)),
        [dataset_id],
    )
    index_tables(owner, version)
    publish(owner, version)
    viewer = add_viewer(owner, "planner")
    owner.commit()
    with store.connect(viewer) as connection:
        plan = connection.execute(
            "EXPLAIN SELECT id FROM ioc.component WHERE geom_3857 && ST_TileEnvelope(16, 53577, 26930)"
        ).fetchall()
    assert any("Index" in line and "geom_3857" in line for (line,) in plan), plan


def test_fingerprints_are_equal_exactly_for_equal_rights(
    owner: Connection, datasets: tuple[int, int]
) -> None:
    own, other = datasets
    leader = add_viewer(owner, "leader", department=None)
    admin = add_viewer(owner, "admin", department=None)
    staff = add_viewer(owner, "staff")
    assert leader.fingerprint([own, other]) == admin.fingerprint([other, own])
    assert staff.fingerprint([own]) == admin.fingerprint([own])
    assert staff.fingerprint([other]) != admin.fingerprint([other])
