"""A dataset's own record: made at its first load, brought up to its job with every version published."""

from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from etl.job import Job
from etl.job_file import departments
from geodata.errors import UserError


def ensure_dataset(connection: Connection[Any], job: Job) -> int:
    """The dataset's id; a new dataset is recorded with its department.

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
        VALUES (%(code)s, %(title_zh)s, %(title_en)s, %(department_code)s, %(target)s, %(sensitivity)s,
            %(area_bound)s, %(synthetic)s, %(fields)s, %(source_note)s, %(update_period)s, %(sharing)s,
            %(sharing_note)s, %(description)s)
        ON CONFLICT (code) DO NOTHING
        """,
        {**record_of(job), "code": job.code, "target": job.target, "fields": Jsonb(job.declared_fields)},
    )
    row = connection.execute("SELECT id, target FROM ioc.dataset WHERE code = %s", [job.code]).fetchone()
    assert row is not None, "just inserted or there before"
    if row[1] != job.target:
        raise UserError(
            f"Dataset “{job.code}” goes to table {row[1]} already, and its job now says {job.target}: "
            "give the job another code."
        )
    return row[0]


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


def record_of(job: Job) -> dict[str, Any]:
    """What a job says of its dataset, as columns of ``ioc.dataset``; in force with the rows it describes."""
    values = job.model_dump(
        include={"title_zh", "title_en", "sensitivity", "area_bound", "synthetic", "review"}
    )
    return {
        **values,
        **job.catalogue.model_dump(),
        "department_code": job.department,
        "fields": job.declared_fields,
        "source_note": job.source_note,
        "job_text": job.text,
    }
