"""docs/etl-jobs.md names every key and format there is, and no other."""

import re
from pathlib import Path

from etl.job import (
    Assignment,
    Attribute,
    Cases,
    Catalogue,
    Check,
    Code,
    Column,
    Deletions,
    Gate,
    Job,
    Load,
    Publishing,
    Schedule,
    Search,
)
from etl.source_format import formats
from etl.source_options import SourceOptions

PAGE = Path(__file__).parents[2] / "docs" / "etl-jobs.md"
PARTS = (
    Assignment, Attribute, Cases, Catalogue, Check, Code, Column, Deletions, Gate, Load, Publishing, Schedule,
    Search, SourceOptions,
)  # fmt: skip
GIVEN_BY_THE_FILE = {"text", "folder"}
"""What reading a job file adds to it."""


def first_cells() -> set[str]:
    lines = [line.split("|")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    return {name for cell in lines for name in re.findall(r"`([^`]+)`", cell)} - {"format"}


def test_every_key_and_format_is_documented_and_none_that_is_not_there() -> None:
    headed = set(re.findall(r"`\[+(\w+)[^`]*`", PAGE.read_text(encoding="utf-8")))
    keys = {name for part in PARTS for name in part.model_fields} | set(Job.model_fields)
    assert first_cells() | headed | {"format"} == keys - GIVEN_BY_THE_FILE | set(formats())
