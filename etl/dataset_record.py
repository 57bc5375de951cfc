"""A dataset's own record: made at its first load, brought up to its job at every other."""

from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from etl.job import Job, departments
from geodata.errors import UserError


def ensure_dataset(connection: Connection[Any], job: Job) -> int:
    """The dataset's id; a new dataset is recorded with its department, in a transaction of its own.

    Raises:
        UserError: the dataset goes to another table already.
    """
    name_zh, name_en = departments()[job.department]
    connection.execute(
        "INSERT INTO ioc.department (code, name_zh, name_en) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        [job.department, name_zh, name_en],
    )
    connection.execute(
        """
        INSERT INTO ioc.dataset (code, title_zh, title_en, department_code, target, sensitivity, area_bound,
            synthetic, fields, source_note, update_period, sharing, sharing_note, description)
        VALUES (%(code)s, %(title_zh)s, %(title_en)s, %(department)s, %(target)s, %(sensitivity)s,
            %(area_bound)s, %(synthetic)s, %(fields)s, %(source_note)s, %(update_period)s, %(sharing)s,
            %(sharing_note)s, %(description)s)
        ON CONFLICT (code) DO NOTHING
        """,
        _values(job),
    )
    row = connection.execute("SELECT id, target FROM ioc.dataset WHERE code = %s", [job.code]).fetchone()
    assert row is not None, "just inserted or there before"
    connection.commit()
    if row[1] != job.target:
        raise UserError(
            f"Dataset “{job.code}” goes to table {row[1]} already, and its job now says {job.target}: "
            "give the job another code."
        )
    return row[0]


def update_dataset(connection: Connection[Any], job: Job) -> None:
    """Bring the record up to the job, in the transaction that publishes the rows it describes."""
    connection.execute(
        """
        UPDATE ioc.dataset SET title_zh = %(title_zh)s, title_en = %(title_en)s,
            department_code = %(department)s, sensitivity = %(sensitivity)s, area_bound = %(area_bound)s,
            synthetic = %(synthetic)s, fields = %(fields)s, source_note = %(source_note)s,
            update_period = %(update_period)s, sharing = %(sharing)s, sharing_note = %(sharing_note)s,
            description = %(description)s
        WHERE code = %(code)s
        """,
        _values(job),
    )


def dataset_id(connection: Connection[Any], code: str) -> int:
    """The id of a dataset that must exist.

    Raises:
        UserError: there is none of that code.
    """
    row = connection.execute("SELECT id FROM ioc.dataset WHERE code = %s", [code]).fetchone()
    if row is None:
        rows = connection.execute("SELECT code FROM ioc.dataset ORDER BY code").fetchall()
        known = ", ".join(one[0] for one in rows) or "none yet"
        raise UserError(f"There is no dataset “{code}”; those loaded are {known}.")
    return row[0]


def _values(job: Job) -> dict[str, Any]:
    values = job.model_dump(
        include={
            "code",
            "title_zh",
            "title_en",
            "department",
            "target",
            "sensitivity",
            "area_bound",
            "synthetic",
        }
    )
    return {
        **values,
        **job.catalogue.model_dump(),
        "fields": Jsonb(job.declared_fields),
        "source_note": job.source_note,
    }
