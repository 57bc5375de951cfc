"""Holds rows against their job's rules."""

from dataclasses import dataclass, replace

import numpy as np

from etl.job import Check, Job, Severity
from etl.rows import Rows
from etl.rules import RULES, Finding


@dataclass(frozen=True)
class Breach:
    """A rule that some rows break, under its own name or the one its job gives it."""

    name: str
    severity: Severity
    finding: Finding

    @property
    def count(self) -> int:
        return int(self.finding.rows.sum()) + len(self.finding.notes)

    @property
    def warning(self) -> str:
        """How ``warnings`` of a row name the rule."""
        return self.name if self.finding.field is None else f"{self.name}:{self.finding.field}"


def check(job: Job, rows: Rows, gone: np.ndarray) -> list[Breach]:
    """Breaches of the rules that judge each row by itself.

    ``rows.refused`` marks afterwards the rows that may not be loaded. Of a row that says its feature is no
    more (``gone``) only the code counts.
    """
    breaches = []
    for declared in effective_checks(job, rows):
        finding = RULES[declared.rule](rows, **declared.parameters)
        broken = finding.rows if finding.field == "code" else finding.rows & ~gone
        if broken.any() or finding.notes:
            breaches.append(Breach(declared.name, declared.severity, replace(finding, rows=broken)))
            if declared.severity == "error":
                rows.refused |= broken
    return breaches


def checks_of(job: Job, scope: str) -> list[Check]:
    """The checks of a job whose rules look at more than one row: ``order`` or ``dataset``."""
    declared = [one for one in job.checks if scope_of(one) == scope]
    if scope == "order" and not any(one.parameters["column"] == "code" for one in declared):
        declared.append(Check(rule="unique", column="code"))  # type: ignore[call-arg]
    return declared


def effective_checks(job: Job, rows: Rows) -> list[Check]:
    """The checks of single rows: the job's and those that every table needs."""
    declared = list(job.checks)
    named = {(one.rule, one.parameters.get("column")) for one in declared}
    needed = [Check(rule="given", column="code")]  # type: ignore[call-arg]
    if job.has_geometry:
        needed += [Check(rule="geometry"), Check(rule="geometry_repaired", severity="warning")]
    for column in job.model.__table__.columns:
        if column.name in job.fields and not column.nullable and column.name != "code":
            needed.append(Check(rule="given", column=column.name))  # type: ignore[call-arg]
    needed += [Check(rule="readable", severity="warning", column=name) for name in rows.unreadable]  # type: ignore[call-arg]
    every = [one for one in needed if (one.rule, one.parameters.get("column")) not in named] + declared
    return [one for one in every if scope_of(one) == "row"]


def scope_of(declared: Check) -> str:
    """What the rule of a check looks at, as ``etl.rules.rule`` explains."""
    return RULES[declared.rule].scope  # type: ignore[attr-defined]


def warnings_of(breaches: list[Breach], length: int) -> list[list[str] | None]:
    """Names of the warnings each row carries, None for most; rows with the same ones share a list."""
    flags = [breach for breach in breaches if breach.severity == "warning" and breach.finding.rows.any()]
    texts: list[list[str] | None] = [None] * length
    if not flags:
        return texts
    names = [breach.warning for breach in flags]
    marks = np.column_stack([breach.finding.rows for breach in flags])
    warned = np.flatnonzero(marks.any(axis=1))
    sets, which = np.unique(marks[warned], axis=0, return_inverse=True)
    lists = [[name for name, marked in zip(names, one, strict=True) if marked] for one in sets]
    for row, kind in zip(warned.tolist(), which.tolist(), strict=True):
        texts[row] = lists[kind]
    return texts
