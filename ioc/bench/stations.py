"""Stations to be measured with: each has a device, and what the device reports is in the store too."""

from typing import Any

from psycopg import Connection, sql

from geodata.dataset_version import begin_version, create_tables, hold_dataset, index_tables, publish

METRICS = ("Z", "VT")
"""What each device reports: water level and voltage."""
FIRST_CODE = 4201060000
CODE = sql.SQL("(4201060000 + n)::text")
STREETS = 14
AREA = sql.SQL("'420106' || lpad((1 + n %% {})::text, 3, '0')").format(STREETS)
PLACE = sql.SQL(
    "ST_SetSRID(ST_MakePoint(114.27 + 0.15 * (n %% 40) / 40, 30.48 + 0.14 * (n / 40 %% 25) / 25), 4490)"
)
ROWS = {
    "station": sql.SQL("""
        INSERT INTO {table} (dataset_id, sensitivity, id, code, area_code, name, warning_level, geom)
        SELECT {dataset}, 1, n, 'S' || n, {area}, '水位站 ' || n, 25, {place}
        FROM generate_series(1, %s) AS n
    """),
    "device": sql.SQL("""
        INSERT INTO {table}
            (dataset_id, sensitivity, id, code, area_code, name, device_type, station_code, geom)
        SELECT {dataset}, 1, n, {code}, {area}, '水位计 ' || n, '水位计', 'S' || n, {place}
        FROM generate_series(1, %s) AS n
    """),
    "metric": sql.SQL("""
        INSERT INTO {table}
            (dataset_id, sensitivity, id, code, area_code, device_code, metric, name, unit, upper_limit)
        SELECT {dataset}, 1, row_number() OVER (), concat_ws('-', n, metric), {area}, {code}, metric,
            metric, 'm', 25
        FROM generate_series(1, %s) AS n CROSS JOIN unnest({metrics}::text[]) AS metric
    """),
}

TERMINALS = sql.SQL("""
    INSERT INTO {table} (dataset_id, sensitivity, id, code, area_code, name, device_type, geom)
    SELECT {dataset}, 1, %s + n, '0' || 13900000000 + n, {area}, '车辆 ' || n, '车载终端', {place}
    FROM generate_series(1, %s) AS n
""")


def device_code(number: int) -> str:
    """The code of a device, from 1: an address as SL 651 has them, too."""
    return str(FIRST_CODE + number)


def vehicle_phone(number: int) -> str:
    """The phone number that a vehicle's terminal has by JT/T 808, which is its code; from 1."""
    return f"0{13_900_000_000 + number}"


def register_stations(connection: Connection[Any], count: int, vehicles: int = 0) -> None:
    """Published datasets of ``count`` stations, their devices and metrics, spread over the district.

    With ``vehicles``, their terminals are devices too.
    """
    connection.execute(
        "INSERT INTO ioc.department VALUES ('water', '水务局', 'Water') ON CONFLICT DO NOTHING"
    )
    for target, rows in ROWS.items():
        row = connection.execute(
            """
            INSERT INTO ioc.dataset (code, title_zh, title_en, department_code, target, sensitivity, fields,
                area_bound, synthetic)
            VALUES (%(target)s, %(target)s, %(target)s, 'water', %(target)s, 1, '[]', true, true)
            RETURNING id
            """,
            {"target": target},
        ).fetchone()
        assert row is not None, "RETURNING gives the new row"
        connection.commit()
        hold_dataset(connection, row[0], target)
        version = begin_version(connection, row[0], target, "bench", "bench")
        create_tables(connection, version)
        filled = rows.format(
            table=sql.Identifier("version", f"{target}_{version.id}"),
            dataset=row[0],
            code=CODE,
            area=AREA,
            place=PLACE,
            metrics=list(METRICS),
        )
        loaded = connection.execute(filled, [count]).rowcount
        if target == "device":
            terminals = TERMINALS.format(
                table=sql.Identifier("version", f"device_{version.id}"),
                dataset=row[0],
                area=AREA,
                place=PLACE,
            )
            loaded += connection.execute(terminals, [count, vehicles]).rowcount
        index_tables(connection, version)
        connection.execute(
            "UPDATE ioc.dataset_version SET rows_loaded = %s WHERE id = %s", [loaded, version.id]
        )
        publish(connection, version)
        connection.commit()
