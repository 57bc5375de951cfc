"""A made-up district for the tests of layers: rows written by SQL, published as dataset versions."""

from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection, sql

from geodata.dataset_version import begin_version, create_tables, hold_dataset, index_tables, publish

WEST, SOUTH, EAST, NORTH = 114.30, 30.52, 114.38, 30.592
SIDE = 8000.0
"""Metres from one side of the district to the other."""

PLACE: LiteralString = """
    ST_SetSRID(ST_MakePoint(114.30 + 0.08 * x, 30.52 + 0.072 * y), 4490)
"""
RANDOM: LiteralString = """
    (hashint8extended(i, 1) & 1048575) / 1048576.0 AS x, (hashint8extended(i, 2) & 1048575) / 1048576.0 AS y
"""
AREA: LiteralString = "'420106' || lpad((1 + (x * 13.99)::int)::text, 3, '0')"


@dataclass(frozen=True)
class Rows:
    """A dataset of the made-up district. ``select`` yields the target's columns from rows ``i`` 1 to n."""

    code: str
    target: str
    title: tuple[str, str]
    department: str
    count: int
    select: LiteralString
    sensitivity: int = 1
    fields: str = "[]"
    area_bound: bool = True


COMPONENT = Rows(
    "component",
    "component",
    ("城市部件", "City components"),
    "urban",
    210_000,
    """
    SELECT i AS id, '420106' || lpad((1 + (x * 13.99)::int)::text, 3, '0') || lpad(i::text, 8, '0') AS code,
        {area} AS area_code, 1::smallint AS sensitivity, i::int AS source_row,
        (ARRAY['01001', '01037', '02010', '03005', '04001', '05001'])[1 + i %% 6] AS type_code,
        '部件 ' || i AS name, '在用' AS state, date '2026-01-31' AS initial_date, {place} AS geom
    FROM (SELECT i, {random} FROM generate_series(1, %(count)s::bigint) AS i) AS placed
    """,
)
PIPE_SEGMENT = Rows(
    "pipe_segment",
    "pipe_segment",
    ("排水管线", "Drains"),
    "water",
    40_000,
    """
    SELECT i AS id, 'YS' || i AS code, {area} AS area_code, 2::smallint AS sensitivity, i::int AS source_row,
        'YS' || i AS start_node, 'YS' || i + 1 AS end_node,
        (ARRAY['YS', 'WS', 'HS'])[1 + i %% 3] AS subclass, 'HNT' AS material,
        300.0 + 100 * (i %% 8) AS diameter, '0' AS flow_direction, 21.456 AS start_invert_level,
        '0' AS state, '测试路' AS road_name,
        ST_MakeLine({place}, ST_Translate({place}, 0.0002, 0.0001)) AS geom
    FROM (SELECT i, {random} FROM generate_series(1, %(count)s::bigint) AS i) AS placed
    """,
    sensitivity=2,
)
CAMERA = Rows(
    "camera",
    "camera",
    ("视频监控", "Cameras"),
    "police",
    11_431,
    """
    SELECT i AS id, '4201060000131' || lpad(i::text, 7, '0') AS code, {area} AS area_code,
        3::smallint AS sensitivity, i::int AS source_row, '监控点 ' || i AS name,
        (ARRAY['在线', '在线', '在线', '故障'])[1 + i %% 4] AS state, {place} AS geom
    FROM (SELECT i, {random} FROM generate_series(1, %(count)s::bigint) AS i) AS placed
    """,
    sensitivity=3,
)
STREET = Rows(
    "street",
    "street",
    ("街道", "Streets"),
    "civil",
    14,
    """
    SELECT i AS id, '420106' || lpad(i::text, 3, '0') AS code, '420106' || lpad(i::text, 3, '0') AS area_code,
        1::smallint AS sensitivity, i::int AS source_row, '第' || i || '街道' AS name, 4571428.5 AS area_m2,
        ST_Segmentize(
            ST_MakeEnvelope(114.30 + 0.08 * (i - 1) / 14, 30.52, 114.30 + 0.08 * i / 14, 30.592, 4490), 0.001
        ) AS geom
    FROM generate_series(1, %(count)s::bigint) AS i
    """,
    area_bound=False,
)
PLACE_NAME = Rows(
    "place",
    "base_feature",
    ("地名", "Place names"),
    "planning",
    6_000,
    """
    SELECT i AS id, 'P' || i AS code, {area} AS area_code, 1::smallint AS sensitivity, i::int AS source_row,
        'place' AS kind, (i %% 5)::float AS rank,
        (ARRAY['东湖', '沙湖', '昙华林', '首义', '水果湖', '黄鹤楼'])[1 + i %% 6]
            || (ARRAY['小学', '医院', '广场', '社区'])[1 + i %% 4] || i AS name,
        {place} AS geom
    FROM (SELECT i, {random} FROM generate_series(1, %(count)s::bigint) AS i) AS placed
    """,
    area_bound=False,
)
ROAD = Rows(
    "road",
    "base_feature",
    ("道路", "Roads"),
    "planning",
    200,
    """
    SELECT i AS id, 'R' || i AS code, {area} AS area_code, 1::smallint AS sensitivity, i::int AS source_row,
        'road' AS kind, '主干路' AS feature_class, '测试路' AS name,
        ST_Multi(ST_MakeLine({place}, ST_Translate({place}, 0.01, 0.002))) AS geom
    FROM (SELECT i, {random} FROM generate_series(1, %(count)s::bigint) AS i) AS placed
    """,
    area_bound=False,
)
HERITAGE = Rows(
    "heritage_tree",
    "departmental_feature",
    ("古树名木", "Heritage trees"),
    "garden",
    300,
    """
    SELECT i AS id, 'T' || i AS code, {area} AS area_code, 1::smallint AS sensitivity, i::int AS source_row,
        '古树 ' || i AS name, '一级' AS feature_class,
        jsonb_build_object(
            'age', CASE WHEN i NOT BETWEEN 150 AND 199 THEN 100 + i END, 'species', '银杏'
        ) AS attributes, {place} AS geom
    FROM (SELECT i, {random} FROM generate_series(1, %(count)s::bigint) AS i) AS placed
    """,
    fields="""[{"name": "age", "label_zh": "树龄", "label_en": "Age", "unit": "a", "type": "integer"},
               {"name": "species", "label_zh": "树种", "label_en": "Species", "type": "text"}]""",
)
DISTRICT = (COMPONENT, PIPE_SEGMENT, CAMERA, STREET, PLACE_NAME, ROAD, HERITAGE)

DEPARTMENTS = (
    ("urban", "区城管执法局", "Urban management"),
    ("water", "区水务局", "Water"),
    ("police", "公安分局", "Police"),
    ("civil", "区民政局", "Civil affairs"),
    ("planning", "自然资源和规划分局", "Planning"),
    ("garden", "区园林局", "Gardens"),
)
ACCOUNTS = (
    ("leader", ["leader"], None, ["*"], 3),
    ("staff", ["staff"], "urban", ["*"], 2),
    ("police", ["staff"], "police", ["*"], 3),
    ("street-1", ["staff"], "urban", ["420106001"], 2),
    ("public", ["staff"], None, ["*"], 1),
    ("nobody", [], None, ["*"], 1),
)

SEARCH_ROWS: dict[str, LiteralString] = {
    "place": "name AS title, '地名' AS subtitle, 'donghuxiaoxue' AS pinyin, 'dhxx' AS initials, geom",
    "street": "name AS title, '街道' AS subtitle, 'jiedao' AS pinyin, 'jd' AS initials, "
    "ST_PointOnSurface(geom) AS geom",
    "camera": "name AS title, '视频监控' AS subtitle, 'jiankongdian' AS pinyin, 'jkd' AS initials, geom",
}


def set_up_accounts(connection: Connection[Any]) -> dict[str, int]:
    """Departments and accounts; gives account ids by name."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ioc.department VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", DEPARTMENTS
        )
        ids = {}
        for account in ACCOUNTS:
            row = cursor.execute(
                """
                INSERT INTO ioc.account (name, display_name, roles, department_code, areas, sensitivity)
                VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
                """,
                (account[0], account[0], *account[1:]),
            ).fetchone()
            assert row is not None
            ids[account[0]] = row[0]
    connection.commit()
    return ids


def load(connection: Connection[Any], rows: Rows, count: int | None = None) -> int:
    """Publish a new version of the dataset with ``count`` rows; gives the dataset's id."""
    found = connection.execute(
        """
        INSERT INTO ioc.dataset
            (code, title_zh, title_en, department_code, target, sensitivity, fields, area_bound, synthetic)
        VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb, %s, true)
        ON CONFLICT (code) DO UPDATE SET code = excluded.code RETURNING id
        """,
        [
            rows.code,
            *rows.title,
            rows.department,
            rows.target,
            rows.sensitivity,
            rows.fields,
            rows.area_bound,
        ],
    ).fetchone()
    assert found is not None
    connection.commit()
    dataset_id: int = found[0]
    hold_dataset(connection, dataset_id, rows.code)
    version = begin_version(connection, dataset_id, rows.code, "test", "test")
    create_tables(connection, version)
    amount = rows.count if count is None else count
    select = sql.SQL(rows.select).format(place=sql.SQL(PLACE), random=sql.SQL(RANDOM), area=sql.SQL(AREA))
    _insert(connection, f"{rows.target}_{version.id}", dataset_id, select, amount)
    if rows.code in SEARCH_ROWS:
        entries = sql.SQL(
            "SELECT id, code, area_code, sensitivity, {columns} FROM ({rows}) AS feature"
        ).format(columns=sql.SQL(SEARCH_ROWS[rows.code]), rows=select)
        _insert(connection, f"search_entry_{version.id}", dataset_id, entries, amount)
    index_tables(connection, version)
    connection.execute(
        "UPDATE ioc.dataset_version SET rows_read = %s, rows_loaded = %s, extent = %s::jsonb WHERE id = %s",
        [amount, amount, f"[{WEST}, {SOUTH}, {EAST}, {NORTH}]", version.id],
    )
    publish(connection, version)
    connection.execute("SELECT pg_advisory_unlock_all()")
    connection.commit()
    return dataset_id


def _insert(
    connection: Connection[Any], table: str, dataset_id: int, select: sql.Composed, count: int
) -> None:
    cursor = connection.execute(sql.SQL("SELECT * FROM ({}) AS row LIMIT 0").format(select), {"count": 0})
    names = [sql.Identifier(column.name) for column in cursor.description or ()]
    connection.execute(
        sql.SQL("INSERT INTO version.{} (dataset_id, {}) SELECT {}, {} FROM ({}) AS row").format(
            sql.Identifier(table),
            sql.SQL(", ").join(names),
            sql.Literal(dataset_id),
            sql.SQL(", ").join(names),
            select,
        ),
        {"count": count},
    )
