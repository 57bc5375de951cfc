"""Problem documents (RFC 9457): how every refusal and failure is said over HTTP."""

from collections.abc import Mapping

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from geodata.errors import UserError

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"


class NotFoundError(UserError):
    """What was asked for does not exist, or the viewer has no right to know of it: the answer is one."""


class ForbiddenError(UserError):
    """The viewer may know of what was asked for, but not do this with it."""


def problem_response(
    status: int,
    title: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    detail_zh: str | None = None,
    fault: str | None = None,
) -> JSONResponse:
    """A problem document: ``title`` names the kind of problem, ``detail`` says how to mend this one.

    ``fault`` is a word a program tells kinds of refusal apart by.
    """
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body |= {key: value for key, value in (("detail_zh", detail_zh), ("fault", fault)) if value}
    return JSONResponse(
        body, status, headers={"Cache-Control": "no-store", **(headers or {})}, media_type=MEDIA_TYPE
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Answer bad input, refusals and defects with problem documents, and never with a traceback."""
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _defect)


async def _user_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UserError)
    if isinstance(error, NotFoundError):
        return problem_response(404, "Not found", str(error), detail_zh=error.zh)
    if isinstance(error, ForbiddenError):
        return problem_response(403, "Forbidden", str(error), detail_zh=error.zh)
    return problem_response(400, "Bad request", str(error), detail_zh=error.zh)


async def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = [
        f"“{'.'.join(str(part) for part in fault['loc'][1:])}”: {fault['msg']}" for fault in error.errors()
    ]
    return problem_response(422, "Bad parameter", f"Correct the parameter {'; '.join(faults)}.")


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem_response(error.status_code, error.detail, error.detail, error.headers)


async def _defect(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed", path=request.url.path, exc_info=error)
    return problem_response(
        500, "Server error", "The server could not answer; the reason is in its log. Try again in a moment."
    )
