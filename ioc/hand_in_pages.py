"""``/hand-in`` (交数据): stewards hand in files, see what they are, correct that, try it and publish it.

The web's own role loads nothing: trying and publishing are asked of the workers. Every steward sees every
hand-in; what it is held against in the store goes by the rights of whoever handed it in.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, BackgroundTasks, Depends, File, Form, HTTPException, Request, UploadFile
from psycopg.rows import dict_row
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from dashboards.extent_map import places_map
from dashboards.office_page import office_texts
from etl.inspect import Told, drawn_places, inspect_file, job_code
from etl.inspect.names import target_columns
from etl.inspect.target import NOT_IN_STORE, targets
from etl.job import Job, departments, packaged_jobs, read_job
from etl.load_worker import PROPOSED
from etl.source_format import fits, sidecars
from geodata.errors import UserError
from geodata.viewer import Viewer
from ioc.data_catalogue import NO_STORE, CataloguePages, district_outline, steward_only
from ioc.hand_in import FOLDER, MOST_MEGABYTES, NoFileError, TooLargeError, keep_files
from ioc.hand_in_record import HandIn, Proposal, hand_ins, remove_old
from ioc.inbox import known_jobs
from ioc.page_choices import language_of
from ioc.sign_in import viewer_of
from layers.problem import NotFoundError

log = structlog.get_logger(__name__)

FRAMES = ("CGCS2000", "WGS84", "GCJ-02", "BD-09")
ENDED = frozenset({"published", "prepared", "unchanged", "failed", "done"})
CODE = re.compile("[a-z][a-z0-9_]{1,49}")
HEAD = ("title_zh", "title_en", "department")
REFRESH_SECONDS = "2"
_FOLDERS = re.compile(r"/\S*/(?=[^/\s]+)")

Layer = Annotated[int, Form(ge=0)]
Tick = Annotated[str, Form(max_length=2)]


class ProposalError(UserError):
    """The job is not right as it was corrected."""


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
            maps=[places_map(outline, layer.places) for layer in one.layers],
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


def hand_in_router(pages: CataloguePages, inbox: Path, home: str) -> APIRouter:
    """The routes, for stewards only; ``home`` is the district's projected frame."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(steward_only)])
    own = HandInPages(pages, inbox, home)
    _add_views(router, own)
    _add_corrections(router, own)
    _add_runs(router, own)
    return router


def _add_views(router: APIRouter, own: HandInPages) -> None:
    @router.get("/hand-in")
    def hand_in_page(request: Request) -> Response:
        return own.list_page(request)

    @router.post("/hand-in")
    async def hand_in(
        request: Request, files: Annotated[list[UploadFile], File()], later: BackgroundTasks
    ) -> Response:
        words, viewer = office_texts(language_of(request)), viewer_of(request)
        try:
            kept = await keep_files(own.inbox, files)
        except TooLargeError:
            error = words["problem_too_large"].format(megabytes=MOST_MEGABYTES)
            return await run_in_threadpool(own.list_page, request, 413, error=error)
        except NoFileError:
            return await run_in_threadpool(own.list_page, request, 400, error=words["problem_no_file"])
        one = HandIn(
            token=kept[0].parent.name,
            by=viewer.name,
            at=datetime.now(UTC),
            files=sorted({file.name for file in kept}),
        )
        one.write(own.inbox)
        remove_old(own.inbox)
        later.add_task(own.inspect, one, viewer, language_of(request))
        return _back_to(one, later)

    @router.get("/hand-in/{token}")
    def one_hand_in(request: Request, token: str, later: BackgroundTasks) -> Response:
        one = own.found(token)
        answer = own.one_page(request, one)
        if own.is_idle(one):
            later.add_task(own.inspect, one, viewer_of(request), language_of(request))
            answer.background = later
        return answer

    @router.post("/hand-in/{token}/remove")
    def remove(token: str) -> Response:
        own.found(token).remove(own.inbox)
        return RedirectResponse("/hand-in", 303, headers=NO_STORE)


def _back_to(one: HandIn, later: BackgroundTasks | None = None) -> Response:
    return RedirectResponse(f"/hand-in/{one.token}", 303, headers=NO_STORE, background=later)


def _add_corrections(router: APIRouter, own: HandInPages) -> None:
    @router.post("/hand-in/{token}/proposal")
    async def correct(request: Request, token: str) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        one = own.found(token)
        number = _number(form.get("layer", ""), one)
        try:
            new = await run_in_threadpool(_corrected, own, one, number, form, viewer_of(request))
            one.layers[number] = new
            job_of(new, one.layers, request)
        except UserError as error:
            words = office_texts(language_of(request))
            sentence = words["hand_in_wrong"].format(reason=without_folders(error.said(language_of(request))))
            return await run_in_threadpool(own.one_page, request, one, 400, error=sentence)
        one.write(own.inbox)
        return _back_to(one)


def _number(text: str, one: HandIn) -> int:
    if not text.isdecimal() or int(text) >= len(one.layers):
        raise NotFoundError(f"The hand-in has no layer {text[:10]}.")
    return int(text)


def _corrected(
    own: HandInPages, one: HandIn, number: int, form: Mapping[str, str], viewer: Viewer
) -> Proposal:
    """The proposal of a layer as the form says it should be."""
    old = one.layers[number]
    code = form.get("code", old.code).strip()
    if "job" in form:
        return old.model_copy(update={"code": code, "job": form["job"].replace("\r\n", "\n")})
    head = {key: form[key].strip() for key in HEAD if form.get(key, "").strip()}
    told = _told(old, form)
    new = old
    if told is not None:
        path = own.inbox / FOLDER / one.token / old.file
        same = [layer for layer in one.layers if layer.file == old.file].index(old)
        new = own.proposals(path, viewer, told)[same]
    runs = {"check_run": old.check_run, "load_run": old.load_run}
    return new.model_copy(update={"code": code, "job": with_head(new.job, head), **runs})


def _told(old: Proposal, form: Mapping[str, str]) -> Told | None:
    """What the form says otherwise than the finding; None where it is the same.

    Raises:
        ProposalError: two fields are to fill one column.
    """
    found = old.found
    target, crs = form.get("target", found["target"]), form.get("crs") or found["crs"]
    before = {field["source"]: field["target"] for field in found["fields"] if not field["coordinate"]}
    after = {
        field["source"]: form.get(f"field.{place}", field["target"]) or None
        for place, field in enumerate(found["fields"])
        if not field["coordinate"]
    }
    if target != found["target"]:
        return Told(found["layer"], target, crs if crs != found["crs"] else None, {})
    filled = [column for column in after.values() if column]
    twice = next((column for column in filled if filled.count(column) > 1), None)
    if twice:
        raise ProposalError(
            f"Two fields are to fill the column “{twice}”: leave one of them out.",
            zh=f"有两个字段都对应到“{twice}”，请去掉一个。",
        )
    if after == before and crs == found["crs"]:
        return None
    chosen = crs if crs != found["crs"] or found["crs_confidence"] == 1.0 else None
    return Told(found["layer"], target, chosen, after)


def with_head(text: str, head: Mapping[str, str]) -> str:
    """A job's text with other values of the keys above its first part."""
    lines = text.splitlines()
    end = next((place for place, line in enumerate(lines) if line.startswith("[")), len(lines))
    for key, value in head.items():
        # JSON's escapes are TOML's.
        said = f"{key} = {json.dumps(value, ensure_ascii=False)}"
        place = next((i for i in range(end) if re.match(rf"{key}\s*=", lines[i])), None)
        if place is None:
            lines.insert(0, said)
            end += 1
        else:
            lines[place] = said
    return "\n".join(lines) + "\n"


def job_of(layer: Proposal, layers: list[Proposal], request: Request) -> Job:
    """The job of a proposal, fit to be tried.

    Raises:
        ProposalError, UserError: what is wrong with it, in the page's language where it is the code.
    """
    words = office_texts(language_of(request))
    if not CODE.fullmatch(layer.code):
        raise ProposalError(words["hand_in_code_form"].format(code=layer.code[:60]))
    if [one.code for one in layers].count(layer.code) > 1:
        raise ProposalError(words["hand_in_code_twice"].format(code=layer.code))
    job = read_job(layer.job, layer.code, Path(), "The job")
    source = job.source
    if job.code != layer.code:
        raise ProposalError(words["hand_in_code_differs"].format(code=layer.code, other=job.code))
    # A job from the web reads what was handed in with it, and nothing else of the server's.
    if (
        source.path != layer.file
        or any((source.url, source.credential, source.table, source.parameters))
        or job.load.lists_standing
    ):
        raise ProposalError(words["hand_in_source"].format(file=layer.file))
    return job


def _add_runs(router: APIRouter, own: HandInPages) -> None:
    @router.post("/hand-in/{token}/check")
    def check(request: Request, token: str, layer: Layer) -> Response:
        return asked(request, token, layer, "check", "")

    @router.post("/hand-in/{token}/publish")
    def publish(request: Request, token: str, layer: Layer, replace: Tick = "") -> Response:
        return asked(request, token, layer, "load", replace)

    def asked(request: Request, token: str, layer: int, action: str, replace: str) -> Response:
        one = own.found(token)
        proposal = one.layers[_number(str(layer), one)]
        try:
            job = job_of(proposal, one.layers, request)
            if action == "check":
                proposal.check_run = _try(own, one, proposal, request)
            else:
                proposal.load_run = _publish(own, one, proposal, job, request, replace=bool(replace))
        except UserError as error:
            words = office_texts(language_of(request))
            sentence = words["hand_in_wrong"].format(reason=error.said(language_of(request)))
            return own.one_page(request, one, 400, error=sentence)
        one.write(own.inbox)
        return _back_to(one)


def _try(own: HandInPages, one: HandIn, layer: Proposal, request: Request) -> int:
    """Ask the workers to try a job on its file."""
    folder = one.folder(own.inbox)
    return _ask(own, request, layer, "check", folder, folder / PROPOSED / f"{layer.code}.toml")


def _publish(
    own: HandInPages, one: HandIn, layer: Proposal, job: Job, request: Request, *, replace: bool
) -> int:
    """Keep the job with the district's own and ask the workers to load its file.

    Raises:
        ProposalError: the code is another dataset's.
    """
    words = office_texts(language_of(request))
    if any(known.code == job.code for known in packaged_jobs()):
        raise ProposalError(words["hand_in_packaged"].format(code=job.code))
    own_before = layer.load_run is not None
    if not (replace or own_before) and _is_taken(own, job.code, request):
        raise ProposalError(words["hand_in_taken"].format(code=job.code))
    path = own.inbox / "jobs" / f"{job.code}.toml"
    return _ask(own, request, layer, "load", one.folder(own.inbox) / layer.file, path)


def _is_taken(own: HandInPages, code: str, request: Request) -> bool:
    """Whether a dataset or a job has the code already."""
    with own.pages.store.connect(viewer_of(request)) as connection:
        row = connection.execute("SELECT 1 FROM ioc.dataset WHERE code = %s", [code]).fetchone()
    return row is not None or any(job.code == code for job in known_jobs(own.inbox))


def _ask(
    own: HandInPages, request: Request, layer: Proposal, action: str, source: Path, job_file: Path
) -> int:
    """Ask in the steward's name; the job lies there before a worker can know of the run."""
    asked = [layer.code, action, str(source.relative_to(own.inbox))]
    with own.pages.store.connect(viewer_of(request)) as connection:
        row = connection.execute("SELECT ioc.request_run(%s, %s, %s)", asked).fetchone()
        if row is None or row[0] is None:
            raise HTTPException(403, office_texts(language_of(request))["hand_in_not_yours"])
        job_file.parent.mkdir(parents=True, exist_ok=True)
        new = job_file.with_suffix(".new")
        new.write_text(layer.job, encoding="utf-8")
        os.replace(new, job_file)
    return row[0]
