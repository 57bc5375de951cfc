"""The rules a job may declare. Each marks rows and says in Chinese and English what is wrong and what to do.

A rule is a function of the rows and its own parameters, registered under its name; a job names it in
``[[checks]]`` with those parameters and a severity: rows with an error are refused, with a warning flagged.
"""

from etl.rules import (
    cell,
    code,
    grid_coverage,
    pipe_flow,
    pipe_meeting,
    pipe_node,
    pipe_segment,
    pipe_topology,
    place,
)
from etl.rules.finding import RULES, Finding, Note, Words, rule

__all__ = [
    "RULES",
    "Finding",
    "Note",
    "Words",
    "cell",
    "code",
    "grid_coverage",
    "pipe_flow",
    "pipe_meeting",
    "pipe_node",
    "pipe_segment",
    "pipe_topology",
    "place",
    "rule",
]
