"""``/ingest/readings``, ``/ingest/positions``, ``/ingest/pictures``: what sources hand in over HTTP.

Answered only after it is committed. What is not answered may be sent again: a reading is known by device,
metric and time, and a request with an ``Idempotency-Key`` gets the answer it got before.
"""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter
from psycopg import OperationalError
from psycopg.types.json import Jsonb
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from etl.alarms.judge import AlarmJudge
from etl.feeds.intake import Intake, IntakeClosedError
from etl.feeds.reading import Receipt, Refusal
from geodata.errors import UserError
from geodata.store import Store
from ioc.feed_source import FeedSource, NoSourceError, SourceDoor, TooOftenError
from ioc.ingest_body import (
    MOST_ROWS,
    TooMuchError,
    read_picture,
    read_position,
    read_reading,
    rows_of,
    unpacked_body,
)
from layers.problem import problem_response

COMMIT_SECONDS = 30
READERS = 4
"""Bodies that are read at once; the pages' own threads stay free."""
MOST_WAITING = 64
"""Requests that wait for their commit, with at most 16 MB each."""
LONGEST_KEY = 128

_NO_STORE = {"Cache-Control": "no-store"}


class LazyIntake:
    """The process's intake, made when something is first handed in."""

    def __init__(self, url: str, kept_days: int) -> None:
        self._url = url
        self._kept_days = kept_days
        self._made: Intake | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Intake:
        with self._lock:
            if self._made is None:
                self._made = Intake(self._url, AlarmJudge(), self._kept_days)
            return self._made

    def close(self) -> None:
        """Store what is queued and end, if it was ever made."""
        if self._made is not None:
            self._made.close()


class IngestDoor:
    """Hands what sources send to the intake."""

    def __init__(self, store: Store, sources: SourceDoor, intake: Callable[[], Intake]) -> None:
        self._store = store
        self._sources = sources
        self._intake = intake
        self._readers = anyio.CapacityLimiter(READERS)
        self._waiting = 0

    async def answer(self, request: Request, kind: str) -> Response:
        """Take what a request brings in; ``kind`` is readings, positions or pictures."""
        if self._waiting >= MOST_WAITING:
            return _busy("Too many requests wait to be stored; nothing of this one was taken.")
        self._waiting += 1
        try:
            return await self._answer(request, kind)
        except NoSourceError as error:
            return problem_response(401, "No source", str(error), {"WWW-Authenticate": "Bearer"})
        except TooOftenError as error:
            return problem_response(429, "Too many requests", str(error), {"Retry-After": str(error.wait)})
        except TooMuchError as error:
            return problem_response(413, "Too much at once", str(error))
        except (TimeoutError, IntakeClosedError, OperationalError, PoolTimeout):
            return _busy("The store did not confirm it in time.")
        finally:
            self._waiting -= 1

    async def _answer(self, request: Request, kind: str) -> Response:
        source = await self._in_thread(lambda: self._sources.enter(request, kind))
        key = request.headers.get("idempotency-key", "").strip()
        if len(key) > LONGEST_KEY:
            raise UserError(f"The Idempotency-Key is longer than {LONGEST_KEY} characters: shorten it.")
        body = await unpacked_body(request)
        body_hash = hashlib.sha256(kind.encode() + request.url.query.encode() + body).hexdigest()
        if key and (known := await self._in_thread(lambda: self._known(source, key))):
            if known[0] != body_hash:
                return problem_response(
                    422,
                    "Key of another request",
                    "This Idempotency-Key was used for another body in the last 24 hours: use a new one.",
                )
            return _reply(known[1])
        future, places, refused = await self._in_thread(lambda: self._submit(source, kind, request, body))
        waited = asyncio.shield(asyncio.wrap_future(future))
        receipt = await asyncio.wait_for(waited, COMMIT_SECONDS)
        content = _content(receipt, places, refused)
        if key:
            await self._in_thread(lambda: self._keep(source, key, body_hash, content))
        return _reply(content)

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await run_sync(work, limiter=self._readers)

    def _submit(
        self, source: FeedSource, kind: str, request: Request, body: bytes
    ) -> tuple[Future[Receipt], list[int], list[Refusal]]:
        name = f"http:{source.name}"
        if kind == "readings":
            readings, places, refused = rows_of(body, kind, read_reading)
            return self._intake().submit(readings, (), name), places, refused
        if kind == "pictures":
            picture = read_picture(request.query_params, body)
            return self._intake().submit((), (), name, [picture]), [0], []
        positions, places, refused = rows_of(body, kind, read_position)
        return self._intake().submit((), positions, name), places, refused

    def _known(self, source: FeedSource, key: str) -> tuple[str, dict[str, Any]] | None:
        with self._store.app_connection() as connection:
            row = connection.execute(
                "SELECT body_hash, answer FROM ioc.answered_request(%s, %s)", [source.id, key]
            ).fetchone()
        return (row[0], row[1]) if row else None

    def _keep(self, source: FeedSource, key: str, body_hash: str, content: dict[str, Any]) -> None:
        with self._store.app_connection() as connection:
            connection.execute(
                "SELECT ioc.keep_answer(%s, %s, %s, %s)", [source.id, key, body_hash, Jsonb(content)]
            )


def _content(receipt: Receipt, places: Sequence[int], refused: list[Refusal]) -> dict[str, Any]:
    faults = [*refused, *(one._replace(row=places[one.row]) for one in receipt.refused)]
    faults.sort(key=lambda fault: fault.row)
    return {
        "stored": receipt.stored,
        "duplicates": receipt.duplicates,
        "waiting": receipt.waiting,
        "shed": receipt.shed,
        "refused": [
            {"row": one.row, "reason": one.en, "reason_zh": one.zh}
            for one in sorted(faults, key=lambda f: f.row)
        ],
    }


def _reply(content: dict[str, Any]) -> Response:
    """The counts; a problem document where every row was refused."""
    refused = content["refused"]
    if not refused or content["stored"] or content["duplicates"] or content["shed"]:
        return JSONResponse(content, headers=_NO_STORE)
    first = refused[0]
    problem = {
        "type": "about:blank",
        "title": "Every row was refused",
        "status": 422,
        "detail": f"Row {first['row']}: {first['reason']}.",
        **content,
    }
    return JSONResponse(problem, 422, headers=_NO_STORE, media_type="application/problem+json")


def _busy(detail: str) -> Response:
    return problem_response(503, "Not stored", f"{detail} Send it again in a moment.", {"Retry-After": "2"})


def ingest_router(store: Store, sources: SourceDoor, intake: Callable[[], Intake]) -> APIRouter:
    """The routes; ``intake`` gives the process's intake, made when it is first needed."""
    router = APIRouter(tags=["ingest"])
    door = IngestDoor(store, sources, intake)

    @router.post("/ingest/readings", openapi_extra=_body("readings", _READING), responses=_RESPONSES)
    async def take_readings(request: Request) -> Response:
        """Readings of devices, at most 10,000; gzip is read. Unknown devices wait for a steward."""
        return await door.answer(request, "readings")

    @router.post("/ingest/positions", openapi_extra=_body("positions", _POSITION), responses=_RESPONSES)
    async def take_positions(request: Request) -> Response:
        """Positions of vehicles, at most 10,000; when more come than can be stored, they are shed."""
        return await door.answer(request, "positions")

    @router.post("/ingest/pictures", openapi_extra=_PICTURE, responses=_RESPONSES)
    async def take_picture(request: Request) -> Response:
        """A picture that a device's camera took: the body is a JPEG, PNG or WebP file of at most 10 MB."""
        return await door.answer(request, "pictures")

    return router


_DEVICE = {"type": "string", "minLength": 1, "maxLength": 64, "description": "Code the device reports with."}
_AT = {"type": "string", "format": "date-time", "description": "When it was observed, with a zone."}
_READING = {
    "type": "object",
    "required": ["device", "metric", "at", "value"],
    "properties": {
        "device": _DEVICE,
        "metric": {"type": "string", "minLength": 1, "maxLength": 64},
        "at": _AT,
        "value": {"type": ["number", "null"]},
        "quality": {"type": "string", "maxLength": 40},
    },
}
_POSITION = {
    "type": "object",
    "required": ["device", "at", "lon", "lat"],
    "properties": {
        "device": _DEVICE,
        "at": _AT,
        "lon": {"type": "number", "minimum": -180, "maximum": 180},
        "lat": {"type": "number", "minimum": -90, "maximum": 90},
        "speed": {"type": ["number", "null"], "description": "km/h"},
        "direction": {"type": ["number", "null"], "description": "Degrees from north."},
        "altitude": {"type": ["number", "null"], "description": "Metres."},
        "frame": {"enum": ["CGCS2000", "GCJ-02"], "description": "Default: that of the device's record."},
        "status": {"type": "string", "maxLength": 40},
    },
}
_COUNT = {"type": "integer", "minimum": 0}
_ANSWER = {
    "type": "object",
    "required": ["stored", "duplicates", "waiting", "shed", "refused"],
    "properties": {
        "stored": _COUNT,
        "duplicates": _COUNT,
        "waiting": {**_COUNT, "description": "Of those stored: their devices wait for a steward."},
        "shed": {**_COUNT, "description": "Positions dropped because more came than can be stored."},
        "refused": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["row", "reason", "reason_zh"],
                "properties": {
                    "row": _COUNT,
                    "reason": {"type": "string"},
                    "reason_zh": {"type": "string"},
                },
            },
        },
    },
}
_PROBLEM = {"application/problem+json": {"schema": {"type": "object"}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Committed.", "content": {"application/json": {"schema": _ANSWER}}},
    **{
        status: {"description": description, "content": _PROBLEM}
        for status, description in (
            (400, "The body is not what is asked for."),
            (401, "No token of a source."),
            (403, "The token is for something else."),
            (413, f"More than {MOST_ROWS} rows or 16 MB."),
            (422, "Every row was refused, or the key was used for another body."),
            (429, "Too often."),
            (503, "Not confirmed: send it again."),
        )
    },
}


_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": LONGEST_KEY},
    "description": "The same answer for the same key within 24 hours.",
}
_TAKEN = {**_AT, "description": "When it was taken, with a zone."}
_FILE = {"schema": {"type": "string", "format": "binary"}}
_PICTURE: dict[str, Any] = {
    "security": [{"source": []}],
    "parameters": [
        {"name": "device", "in": "query", "required": True, "schema": _DEVICE},
        {"name": "at", "in": "query", "required": True, "schema": _TAKEN},
        _KEY,
    ],
    "requestBody": {
        "required": True,
        "content": dict.fromkeys(("image/jpeg", "image/png", "image/webp"), _FILE),
    },
}


def _body(key: str, row: dict[str, Any]) -> dict[str, Any]:
    rows = {"type": "array", "maxItems": MOST_ROWS, "items": row}
    schema = {"type": "object", "required": [key], "properties": {key: rows}}
    return {
        "security": [{"source": []}],
        "parameters": [_KEY],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
    }
