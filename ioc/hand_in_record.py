"""What is kept of a hand-in beside its files: who handed in what, what was found in it, what became of it."""

import os
import re
import shutil
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Self

from psycopg import Connection
from pydantic import BaseModel, Field, ValidationError

from ioc.hand_in import ARRIVING, FOLDER

RECORD = ".inspection.json"
"""Begins with a dot, as no uploaded file's name does."""
KEPT = timedelta(days=30)
"""A hand-in that was never published is taken away after this time."""
ARRIVES_WITHIN = timedelta(hours=6)
"""A folder that is not whole, or that nothing refers to by then, was left by a server that died."""

_TOKEN = re.compile("[0-9a-f]{16}")


class Proposal(BaseModel):
    """One layer: what was found, and the job as it stands now.

    ``found`` has the keys of ``ioc etl inspect --json``; ``places`` are sampled (longitude, latitude) in
    degrees of CGCS2000, ``lines`` lines and outlines of such. The runs are those that were asked for last.
    """

    file: str
    found: dict[str, Any]
    places: list[tuple[float, float]]
    lines: list[list[tuple[float, float]]] = Field(default_factory=list)
    code: str
    job: str
    check_run: int | None = None
    load_run: int | None = None


class HandIn(BaseModel):
    """Files that were handed in together. ``refused`` says by file why nothing can be made of it."""

    token: str
    by: str
    at: datetime
    files: list[str]
    state: Literal["inspecting", "inspected"] = "inspecting"
    layers: list[Proposal] = Field(default_factory=list)
    refused: dict[str, str] = Field(default_factory=dict)

    @property
    def published(self) -> bool:
        """Whether a load was asked for."""
        return any(layer.load_run is not None for layer in self.layers)

    def folder(self, inbox: Path) -> Path:
        """Where its files lie."""
        return inbox / FOLDER / self.token

    def write(self, inbox: Path) -> None:
        """Keep it, whole or as it was."""
        path = self.folder(inbox) / RECORD
        new = path.with_suffix(".new")
        new.write_text(self.model_dump_json(), encoding="utf-8")
        os.replace(new, path)

    @classmethod
    def read(cls, inbox: Path, token: str) -> Self | None:
        """The hand-in of a token, None where there is none."""
        path = inbox / FOLDER / token / RECORD
        if not _TOKEN.fullmatch(token) or not path.is_file():
            return None
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError:
            return None

    def remove(self, inbox: Path) -> None:
        """Take its files away."""
        shutil.rmtree(self.folder(inbox), ignore_errors=True)


def hand_ins(inbox: Path) -> list[HandIn]:
    """All hand-ins, the newest first."""
    found = (HandIn.read(inbox, token) for token in _tokens(inbox))
    return sorted((one for one in found if one), key=lambda one: one.at, reverse=True)


def tokens_of_runs(connection: Connection[Any]) -> set[str]:
    """Folders that a run reads or has read."""
    query = (
        "SELECT DISTINCT split_part(source, '/', 2) FROM ioc.load_run WHERE split_part(source, '/', 1) = %s"
    )
    return {row[0] for row in connection.execute(query, [FOLDER])}


def remove_old(inbox: Path, of_runs: Collection[str]) -> None:
    """Take away what was never published and is older than ``KEPT``, and what a server that died has left.

    Args:
        of_runs: folders that runs read, whether or not there is a record.
    """
    now = datetime.now(UTC)
    for one in hand_ins(inbox):
        if one.at < now - KEPT and not one.published:
            one.remove(inbox)
    for folder in (inbox / FOLDER).glob("*"):
        old = datetime.fromtimestamp(folder.stat().st_mtime, UTC) < now - ARRIVES_WITHIN
        if old and _is_left_over(folder, of_runs):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left_over(folder: Path, of_runs: Collection[str]) -> bool:
    """Whether its files never arrived whole, or nobody was told that they had."""
    if folder.name.startswith(ARRIVING):
        return True
    recorded = (folder / RECORD).exists() or folder.name in of_runs
    return bool(_TOKEN.fullmatch(folder.name)) and not recorded


def _tokens(inbox: Path) -> Iterator[str]:
    folder = inbox / FOLDER
    if folder.is_dir():
        yield from (path.parent.name for path in folder.glob(f"*/{RECORD}"))
