"""The pages of ``/hand-in`` (交数据): what was handed in, and what was found in it, layer by layer.

Every steward sees every hand-in; what it is held against in the store goes by the rights of whoever handed it
in.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from fastapi import Request
from psycopg.rows import dict_row
from starlette.responses import Response

from dashboards.extent_map import places_map
from dashboards.office_page import office_texts
from etl.inspect import Told, drawn_lines, drawn_places, inspect_file, job_code
from etl.inspect.names import target_columns
from etl.inspect.target import NOT_IN_STORE, targets
from etl.job_file import departments
from etl.source_format import fits, sidecars
from geodata.errors import UserError
from geodata.viewer import Viewer
from ioc.data_catalogue import CataloguePages, district_outline
from ioc.hand_in import MOST_MEGABYTES
from ioc.hand_in_record import HandIn, Proposal, hand_ins
from ioc.page_choices import language_of
from ioc.sign_in import viewer_of
from layers.problem import NotFoundError

log = structlog.get_logger(__name__)

FRAMES = ("CGCS2000", "WGS84", "GCJ-02", "BD-09")
ENDED = frozenset({"published", "prepared", "unchanged", "failed", "done"})
REFRESH_SECONDS = "2"
_FOLDERS = re.compile(r"/\S*/(?=[^/\s]+)")


@dataclass
class HandInPages:
    """What the pages are filled with.

    Args:
        home: the district's projected frame.
    """

    pages: CataloguePages
    inbox: Path
    home: str

    def __post_init__(self) -> None:
        self._inspecting: set[str] = set()

    def list_page(self, request: Request, status: int = 200, **values: Any) -> Response:
        """Where files are handed in, and what was."""
        kept = hand_ins(self.inbox)
        return self.pages.page(
            "hand_in",
            request,
            status,
            current="hand_in",
            hand_ins=kept,
            runs=self._runs(viewer_of(request), kept),
            megabytes=MOST_MEGABYTES,
            **values,
        )

    def one_page(self, request: Request, one: HandIn, status: int = 200, **values: Any) -> Response:
        """One hand-in, layer by layer; asked for again by itself while something is under way."""
        viewer = viewer_of(request)
        with self.pages.store.connect(viewer) as connection:
            outline = district_outline(connection)
        runs = self._runs(viewer, [one])
        answer = self.pages.page(
            "hand_in_files",
            request,
            status,
            current="hand_in",
            one=one,
            runs=runs,
            layers=[(number, layer, _job_of(layer)) for number, layer in enumerate(one.layers)],
            maps=[places_map(outline, layer.places, layer.lines) for layer in one.layers],
            targets=known_targets(),
            columns={target: column_words(target, language_of(request)) for target in known_targets()},
            frames=FRAMES,
            departments=departments(),
            **values,
        )
        if status == 200 and (
            one.state == "inspecting" or any(run["state"] not in ENDED for run in runs.values())
        ):
            answer.headers["Refresh"] = REFRESH_SECONDS
        return answer

    def found(self, token: str) -> HandIn:
        """The hand-in of a token.

        Raises:
            NotFoundError: there is none.
        """
        one = HandIn.read(self.inbox, token)
        if one is None:
            raise NotFoundError(f"There is no hand-in “{token[:20]}” any more; see /hand-in.")
        return one

    def is_idle(self, one: HandIn) -> bool:
        """Whether nobody does the inspection that is waited for: the server was stopped in the middle."""
        return one.state == "inspecting" and one.token not in self._inspecting

    def inspect(self, one: HandIn, viewer: Viewer, language: str) -> None:
        """Look at every file of a hand-in, with the viewer's rights, and keep what was found."""
        if one.token in self._inspecting:
            return
        self._inspecting.add(one.token)
        try:
            kept = HandIn.read(self.inbox, one.token)
            if kept is None or kept.state != "inspecting":
                return
            one.layers, one.refused = [], {}
            for path in main_files([one.folder(self.inbox) / name for name in one.files]):
                try:
                    one.layers += self.proposals(path, viewer)
                except UserError as error:
                    one.refused[path.name] = without_folders(error.said(language))
                except Exception:
                    log.exception("hand-in not understood", token=one.token, file=path.name)
                    one.refused[path.name] = office_texts(language)["hand_in_unreadable"]
            one.state = "inspected"
            one.write(self.inbox)
        finally:
            self._inspecting.discard(one.token)

    def proposals(self, path: Path, viewer: Viewer, told: Told | None = None) -> list[Proposal]:
        """What a file holds, layer by layer.

        Raises:
            UserError: nothing can be made of it.
        """
        with self.pages.store.connect(viewer) as connection:
            found = inspect_file(path, connection, self.home, told=told)
        if not found.layers:
            raise UserError(
                f"{path.name} holds no rows: deliver it again.", zh=f"{path.name} 中没有数据行，请重新导出。"
            )
        return [
            Proposal(
                file=path.name,
                found={key: value for key, value in layer.to_json().items() if key != "job"},
                places=drawn_places(layer),
                lines=drawn_lines(layer),
                code=job_code(layer.raw),
                job=layer.job,
            )
            for layer in found.layers
        ]

    def _runs(self, viewer: Viewer, kept: list[HandIn]) -> dict[int, dict[str, Any]]:
        """The runs that were asked for, by id, as far as the viewer sees them."""
        asked = [
            run
            for one in kept
            for layer in one.layers
            for run in (layer.check_run, layer.load_run)
            if run is not None
        ]
        if not asked:
            return {}
        with (
            self.pages.store.connect(viewer) as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            rows = cursor.execute("SELECT * FROM ioc.load_run WHERE id = ANY (%s)", [asked]).fetchall()
        return {row["id"]: row for row in rows}


def main_files(files: list[Path]) -> list[Path]:
    """The files that are read by themselves; where there are none, the largest, so that its fault is said."""
    beside = {part for file in files for part in sidecars(file)}
    return [file for file in files if file not in beside and fits(file)] or [
        max(files, key=lambda file: file.stat().st_size)
    ]


def without_folders(sentence: str) -> str:
    """A sentence without the folders of the server's disk."""
    return _FOLDERS.sub("", sentence)


def known_targets() -> list[str]:
    """Tables that a file may be meant for."""
    return [name for name in targets() if name not in NOT_IN_STORE]


def column_words(target: str, language: str) -> list[tuple[str, str]]:
    """Columns of a table that a file may fill, with what they are called."""
    return [
        (column.name, column.label_en if language == "en" else column.label_zh)
        for column in target_columns(target)
    ]


def _job_of(layer: Proposal) -> dict[str, Any]:
    """The head of a proposed job, as far as it can be read."""
    try:
        return tomllib.loads(layer.job)
    except tomllib.TOMLDecodeError:
        return {}
