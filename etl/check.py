"""Holds rows against their job's rules."""

from dataclasses import dataclass

import numpy as np

from etl.job import Check, Job, Severity
from etl.rows import Rows
from etl.rules import RULES, Finding

SCOPES = ("row", "order", "dataset")
"""Rows are judged by themselves first, so that a refused row blocks no other."""


@dataclass(frozen=True)
class Breach:
    """A rule that some rows break, under its own name or the one its job gives it."""

    name: str
    severity: Severity
    finding: Finding

    @property
    def count(self) -> int:
        return int(self.finding.rows.sum()) + len(self.finding.notes)


def check(job: Job, rows: Rows) -> list[Breach]:
    """All breaches; ``rows.refused`` marks afterwards the rows that may not be loaded."""
    breaches = []
    for declared in effective_checks(job, rows):
        finding = RULES[declared.rule](rows, **declared.parameters)
        if finding.rows.any() or finding.notes:
            breaches.append(Breach(declared.id or declared.rule, declared.severity, finding))
            if declared.severity == "error":
                rows.refused |= finding.rows
    return breaches


def effective_checks(job: Job, rows: Rows) -> list[Check]:
    """The job's checks and those that every table needs, in the order of ``SCOPES``."""
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
    if ("unique", "code") not in named:
        every.append(Check(rule="unique", column="code"))  # type: ignore[call-arg]
    return sorted(every, key=lambda one: SCOPES.index(scope_of(one)))


def scope_of(declared: Check) -> str:
    """What the rule of a check looks at, as ``etl.rules.rule`` explains."""
    return RULES[declared.rule].scope  # type: ignore[attr-defined]


def warnings_of(breaches: list[Breach], length: int) -> list[list[str] | None]:
    """Names of the warnings each row carries, None for most; rows with the same ones share a list."""
    flags = [breach for breach in breaches if breach.severity == "warning" and breach.finding.rows.any()]
    texts: list[list[str] | None] = [None] * length
    if not flags:
        return texts
    names = [b.name if b.finding.field is None else f"{b.name}:{b.finding.field}" for b in flags]
    marks = np.column_stack([breach.finding.rows for breach in flags])
    warned = np.flatnonzero(marks.any(axis=1))
    sets, which = np.unique(marks[warned], axis=0, return_inverse=True)
    lists = [[name for name, marked in zip(names, one, strict=True) if marked] for one in sets]
    for row, kind in zip(warned.tolist(), which.tolist(), strict=True):
        texts[row] = lists[kind]
    return texts
