"""Refuses a whole load when too many of its rows fail, or when there are suspiciously few.

What was wrong with the rows stays in quarantine, so that the steward sees why. A person may let a load
through all the same; who did, and in spite of what, is kept with the version and in the audit trail.
"""

from typing import Any

from psycopg import Connection

from etl.job import Gate, Job
from geodata.audit import AuditEntry, record
from geodata.dataset_version import Version
from geodata.errors import UserError


class GateError(UserError):
    """A load refused as a whole; the published version stays."""


def gate_faults(gate: Gate, read: int, accepted: int, published: int | None, carried: int = 0) -> list[str]:
    """What speaks against publishing so many accepted of so many read rows after so many published ones.

    ``carried`` rows of the published version stand beside those accepted, in an incremental load.
    """
    faults = []
    refused = read - accepted
    if read >= gate.least_rows and refused > gate.max_refused_share * read:
        faults.append(
            f"{refused:,} of {read:,} rows ({refused / read:.0%}) were refused, "
            f"more than the {gate.max_refused_share:.0%} its gate lets pass"
        )
    if published is None:
        return faults
    standing = accepted + carried
    drop = published - standing
    if published >= gate.least_rows and drop > gate.max_count_drop * published:
        faults.append(
            f"{standing:,} rows would replace {published:,} ({drop / published:.0%} fewer), "
            f"more than the {gate.max_count_drop:.0%} its gate lets vanish"
        )
    elif standing == 0 and published:
        faults.append(f"not one row would be left of {published:,}")
    return faults


def pass_gate(
    connection: Connection[Any],
    job: Job,
    version: Version,
    rows: tuple[int, int, int],
    accepted_by: str | None,
) -> None:
    """Let a load of so many read, accepted and carried over rows pass, or refuse it; record an override.

    Raises:
        GateError: the gate speaks against it and nobody has answered for it.
    """
    faults = faults_of(connection, job, version, rows)
    if not faults:
        return
    sentence = "; ".join(faults)
    if accepted_by is None:
        raise GateError(
            f"Dataset “{job.code}” was not published: {sentence}; see `ioc etl quarantine {job.code} "
            f"--version {version.id}`, then mend the file, or load it with --accept-gate NAME."
        )
    connection.execute(
        "UPDATE ioc.dataset_version SET gate_override = %s WHERE id = %s",
        [f"{accepted_by}: {sentence}", version.id],
    )
    record(
        connection,
        AuditEntry(
            action="gate_accepted",
            account_name=accepted_by,
            subject=job.code,
            detail={"version": version.id, "faults": faults},
        ),
    )


def faults_of(
    connection: Connection[Any], job: Job, version: Version, rows: tuple[int, int, int]
) -> list[str]:
    """What speaks against a load of so many read, accepted and carried over rows."""
    read, accepted, carried = rows
    return gate_faults(job.gate, read, accepted, _published_rows(connection, version), carried)


def _published_rows(connection: Connection[Any], version: Version) -> int | None:
    row = connection.execute(
        """
        SELECT v.rows_loaded FROM ioc.dataset d JOIN ioc.dataset_version v ON v.id = d.published_version_id
        WHERE d.id = %s
        """,
        [version.dataset_id],
    ).fetchone()
    return row[0] if row else None
