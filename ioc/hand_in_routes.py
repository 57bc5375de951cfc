"""The routes of ``/hand-in``: stewards hand in files, correct what was found, try it and publish it.

The web's own role loads nothing: trying and publishing are asked of the workers.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, File, Form, HTTPException, Request, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from dashboards.office_page import office_texts
from etl.job import Job
from etl.job_file import packaged_jobs
from etl.load_worker import PROPOSED
from geodata.errors import UserError
from ioc.data_catalogue import NO_STORE, CataloguePages, steward_only
from ioc.hand_in import MOST_MEGABYTES, NoFileError, TooLargeError, keep_files
from ioc.hand_in_correction import ProposalError, corrected, job_of
from ioc.hand_in_pages import HandInPages, without_folders
from ioc.hand_in_record import HandIn, Proposal
from ioc.inbox import known_jobs
from ioc.page_choices import language_of
from ioc.sign_in import viewer_of
from layers.problem import NotFoundError

Layer = Annotated[int, Form(ge=0)]
Tick = Annotated[str, Form(max_length=2)]


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
            new = await run_in_threadpool(corrected, own, one, number, form, viewer_of(request))
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
