"""Prepares a chunk of a delivery for the store: normalise → assign → check, then columns ready to COPY.

A chunk is prepared from itself, its job and the published tables it is held against, and from nothing else;
so it does not matter where that happens, nor what else is loaded with it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from etl.assign import assign_areas, representative_points
from etl.check import check, warnings_of
from etl.delivery import Delivery
from etl.job import Job
from etl.normalise import arrow, normalise
from etl.quarantine import entries_of
from etl.references import References
from etl.rows import Rows
from etl.search_entries import pinyin_columns
from geodata.binary_copy import postgres_type
from geodata.ewkb import ewkb
from geodata.feature_id import feature_ids

SRID = 4490

CopyColumns = dict[str, tuple[str, pa.Array]]
Phase = Callable[[str], None]
"""Told the name of a phase when it begins."""


@dataclass
class Prepared:
    """A chunk's accepted rows as columns, and what is to be said of the others.

    ``accepted`` holds their places in the delivery and ``warnings`` what each carries, None for most.
    ``search`` has an entry for those rows of ``features`` that ``titled`` names.
    """

    rows_read: int
    accepted: np.ndarray
    features: CopyColumns
    warnings: list[list[str] | None]
    entries: pa.Table
    search: CopyColumns = field(default_factory=dict)
    titled: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    removed: list[str] = field(default_factory=list)
    """Codes that the delivery says are no more."""
    refused_by_rule: Counter[str] = field(default_factory=Counter)
    flagged_by_rule: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.accepted)

    def drop(self, refused: np.ndarray) -> None:
        """Take rows out of those accepted; ``refused`` marks them."""
        kept = pa.array(~refused)
        self.features = {name: (kind, values.filter(kept)) for name, (kind, values) in self.features.items()}
        kept_entries = ~refused[self.titled]
        self.search = {
            name: (kind, values.filter(pa.array(kept_entries)))
            for name, (kind, values) in self.search.items()
        }
        self.titled = (np.cumsum(~refused) - 1)[self.titled[kept_entries]]
        self.warnings = [one for one, gone in zip(self.warnings, refused, strict=True) if not gone]
        self.accepted = self.accepted[~refused]


def prepare(
    job: Job, delivery: Delivery, references: References, begin: Phase = lambda _phase: None
) -> Prepared:
    """Bring a chunk to the store's form and hold it against the rules that judge rows one by one.

    Raises:
        UserError: the delivery's coordinates are in a frame that is unknown or not stated.
    """
    seconds: dict[str, float] = {}
    with _phase("normalise", begin, seconds):
        rows = normalise(job, delivery, references)
        gone = job.load.removals(delivery.attributes)
    with _phase("assign", begin, seconds):
        assign_areas(job, rows)
    with _phase("check", begin, seconds):
        breaches = check(job, rows, gone)
        accepted = np.flatnonzero(~rows.refused & ~gone)
        warned = warnings_of(breaches, len(rows))
        features = feature_columns(job, rows, accepted)
        chunk = Prepared(
            len(rows), accepted, features, [warned[row] for row in accepted], entries_of(rows, breaches)
        )
        if job.search:
            chunk.titled, chunk.search = _search_columns(job, rows, features, accepted)
        chunk.removed = rows.columns["code"].loc[gone & ~rows.refused].tolist()
        for breach in breaches:
            counts = chunk.refused_by_rule if breach.severity == "error" else chunk.flagged_by_rule
            counts[breach.name] += breach.count
    chunk.seconds = seconds
    return chunk


@contextmanager
def _phase(name: str, begin: Phase, seconds: dict[str, float]) -> Iterator[None]:
    begin(name)
    started = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - started


def feature_columns(job: Job, rows: Rows, accepted: np.ndarray) -> CopyColumns:
    """The accepted rows as the target table's columns, but for their warnings and their dataset."""
    chosen = pa.array(accepted)
    codes = arrow(rows.columns["code"]).take(chosen)
    columns: CopyColumns = {
        "id": ("int8", pa.array(feature_ids(job.code, codes))),
        "sensitivity": ("int2", constant(job.sensitivity, len(accepted))),
        "source_row": ("int4", pa.array(rows.source_row[accepted])),
        "area_code": ("text", pa.array(rows.area_code, pa.large_string()).take(chosen)),
    }
    table = job.model.__table__.columns
    for name, values in rows.columns.items():
        columns[name] = (postgres_type(table[name]), arrow(values).take(chosen))
    if rows.geometry is not None and job.has_geometry:
        columns["geom"] = ("geometry", ewkb(rows.geometry[accepted], SRID))
    return columns


def constant(value: int, length: int) -> pa.Array:
    """A column of one value."""
    return pa.array(np.full(length, value))


def _search_columns(
    job: Job, rows: Rows, features: CopyColumns, accepted: np.ndarray
) -> tuple[np.ndarray, CopyColumns]:
    """Search entries of those accepted rows that have a title."""
    assert job.search is not None, "asked only of jobs that declare one"
    titles = rows.columns[job.search.title].iloc[accepted].reset_index(drop=True)
    titled = np.flatnonzero(titles.notna())
    chosen = pa.array(titled)
    titles = titles.iloc[titled]
    whole, initials = pinyin_columns(titles)
    entries: CopyColumns = {
        name: (kind, values.take(chosen))
        for name, (kind, values) in features.items()
        if name in ("id", "code", "sensitivity", "area_code", "source_row")
    }
    entries["title"] = ("text", arrow(titles))
    entries["pinyin"], entries["initials"] = ("text", arrow(whole)), ("text", arrow(initials))
    if job.search.subtitle:
        subtitles = rows.columns[job.search.subtitle].iloc[accepted[titled]]
        entries["subtitle"] = ("text", arrow(subtitles.astype("str")))
    if rows.geometry is not None:
        entries["geom"] = ("geometry", ewkb(representative_points(rows.geometry[accepted[titled]]), SRID))
    return titled, entries
