"""Who is looking, and what the store lets them see."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import LiteralString

from psycopg import Connection
from psycopg.rows import dict_row

CASE_POSTS = ("receiver", "dispatcher", "duty_chief", "collector")
"""Posts in the handling of cases (受理员, 派遣员, 值班长, 采集员), held beside another role."""
ROLES = ("screen", "staff", "planner", "leader", "steward", "admin", *CASE_POSTS)
SENSITIVITY = {1: ("公开", "public"), 2: ("内部", "internal"), 3: ("受控", "restricted")}


@dataclass(frozen=True)
class Rights:
    """What ``ioc.account_rights`` resolved: datasets seen in every area, and datasets seen in some.

    ``whole`` holds ``dataset_id * 4 + sensitivity``; ``area`` holds ``dataset_id.sensitivity.prefix``, and
    for the cases of one's own department ``dataset_id.department.prefix``.
    """

    whole: frozenset[int] = frozenset()
    area: frozenset[str] = frozenset()

    def dataset_ids(self) -> frozenset[int]:
        """Datasets of which at least some rows may be visible."""
        return frozenset(key // 4 for key in self.whole) | frozenset(
            int(key.partition(".")[0]) for key in self.area
        )

    def covers(self, dataset_id: int, level: int | str, area_code: str) -> bool:
        """Whether a row would be visible: what the store's policies say, without asking the store.

        ``level`` is the row's sensitivity, or the department whose case it is.
        """
        whole = isinstance(level, int) and dataset_id * 4 + level in self.whole
        return whole or f"{dataset_id}.{level}.{area_code}".startswith(tuple(self.area))

    def fingerprint(self, dataset_ids: Collection[int]) -> str:
        """The same for two viewers exactly when they may see the same rows of these datasets."""
        wanted = set(dataset_ids)
        keys = sorted(str(key) for key in self.whole if key // 4 in wanted)
        keys += sorted(key for key in self.area if int(key.partition(".")[0]) in wanted)
        return hashlib.sha256("|".join(keys).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Viewer:
    """An account at work: every read of the store is made for one."""

    account_id: int
    name: str
    display_name: str
    roles: frozenset[str]
    department_code: str | None
    areas: tuple[str, ...]
    rights: Rights = field(default_factory=Rights)
    unattended: bool = False
    """A wall screen that signed in by a link: it shows, and nobody acts through it."""

    def fingerprint(self, dataset_ids: Collection[int]) -> str:
        """Cache key of what this viewer may see of the given datasets."""
        return self.rights.fingerprint(dataset_ids)


VIEWER_SQL: LiteralString = """
    SELECT a.id, a.name, a.display_name, a.roles, a.department_code, a.areas, r.whole_rights, r.area_rights
    FROM ioc.account a, ioc.account_rights(a.id) r
    WHERE a.active AND a.id = %s
"""


def resolve_viewer(connection: Connection, account_id: int) -> Viewer | None:
    """The viewer of an account; None when there is no such active account."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(VIEWER_SQL, [account_id]).fetchone()
    if row is None:
        return None
    return Viewer(
        account_id=row["id"],
        name=row["name"],
        display_name=row["display_name"],
        roles=frozenset(row["roles"]),
        department_code=row["department_code"],
        areas=tuple(row["areas"]),
        rights=Rights(frozenset(row["whole_rights"]), frozenset(row["area_rights"])),
    )
