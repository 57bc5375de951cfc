"""Base maps of other services through this server, kept on disk: ``/basemap/{id}/{z}/{x}/{y}``."""

import os
import secrets
import threading
from http.client import HTTPException as HttpFault
from pathlib import Path
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

import structlog
from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from layers.basemap import Basemap
from layers.problem import NotFoundError, problem_response

log = structlog.get_logger(__name__)

CACHE_BYTES = 512 * 1024 * 1024
LARGEST_TILE = 2 * 1024 * 1024
TIMEOUT_SECONDS = 8.0
PICTURES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"RIFF": "image/webp",
    b"GIF8": "image/gif",
}
KEPT = {"Cache-Control": "private, max-age=86400"}


class UnusableTileError(Exception):
    """The service gave no picture."""


class _NoRedirect(HTTPRedirectHandler):
    """A service may not send the server elsewhere: only the declared addresses are asked."""

    def redirect_request(self, req, fp, code, msg, headers, newurl) -> None:  # noqa: ARG002
        return None


class PictureStore:
    """Pictures by path on disk, up to ``limit`` bytes; those written longest ago go first."""

    def __init__(self, folder: Path, limit: int = CACHE_BYTES) -> None:
        self._folder = folder
        self._limit = limit
        self._size: int | None = None
        self._lock = threading.Lock()

    def get(self, name: str) -> bytes | None:
        """The picture, if it is here."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, name: str, picture: bytes) -> None:
        """Keep a picture; whole or not at all, whatever happens meanwhile."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{secrets.token_hex(8)}")
        half.write_bytes(picture)
        os.replace(half, path)
        with self._lock:
            if self._size is None:
                self._size = sum(size for _, size, _ in self._files())
            else:
                self._size += len(picture)
            if self._size > self._limit:
                self._make_room()

    def _files(self) -> list[tuple[float, int, Path]]:
        files = [path for path in self._folder.rglob("*") if path.is_file()]
        return [(path.stat().st_mtime, path.stat().st_size, path) for path in files]

    def _make_room(self) -> None:
        """Down to nine tenths, so that not every new picture lists the folder."""
        files = sorted(self._files())
        self._size = sum(size for _, size, _ in files)
        for _, size, path in files:
            if self._size <= self._limit * 9 // 10:
                break
            path.unlink(missing_ok=True)
            self._size -= size


def basemap_router(basemaps: dict[str, Basemap], cache: Path) -> APIRouter:
    """The routes of base maps; which there are and their tiles are the same for everybody signed in."""
    routes = APIRouter(tags=["basemaps"])
    pictures = PictureStore(cache)
    opener = build_opener(_NoRedirect)

    @routes.get("/basemaps")
    def list_basemaps() -> JSONResponse:
        """Base maps of other services that are configured here."""
        listed = [
            {
                "id": one.id,
                "title_zh": one.title.zh,
                "title_en": one.title.en,
                "min_zoom": one.min_zoom,
                "max_zoom": one.max_zoom,
                "tile_size": one.tile_size,
                "attribution_zh": one.attribution.zh,
                "attribution_en": one.attribution.en,
            }
            for one in basemaps.values()
        ]
        return JSONResponse({"basemaps": listed}, headers={"Cache-Control": "private, no-cache"})

    @routes.get("/basemap/{basemap_id}/{z}/{x}/{y}")
    def basemap_tile(basemap_id: str, z: int, x: int, y: int) -> Response:
        """A picture of a base map, y from the north."""
        basemap = basemaps.get(basemap_id)
        if basemap is None:
            raise NotFoundError(
                f"There is no base map “{basemap_id[:80]}”: GET /basemaps lists those there are."
            )
        if not basemap.min_zoom <= z <= basemap.max_zoom or not (0 <= x < 2**z and 0 <= y < 2**z):
            raise NotFoundError(f"The base map “{basemap.id}” has no tile {z}/{str(x)[:20]}/{str(y)[:20]}.")
        name = f"{basemap.id}/{z}/{x}/{y}"
        picture = pictures.get(name)
        if picture is None:
            try:
                picture = _fetch(opener, basemap.address(z, x, y))
            except (URLError, HttpFault, OSError, UnusableTileError) as error:
                # The address holds the key: neither log nor answer may show it.
                log.warning("base map does not answer", basemap=basemap.id, reason=type(error).__name__)
                return problem_response(
                    502,
                    "Base map not available",
                    f"The service of “{basemap.title.zh}” gives no picture now.",
                )
            pictures.put(name, picture)
        return Response(picture, media_type=_media_type(picture), headers=KEPT)

    return routes


def _fetch(opener: OpenerDirector, address: str) -> bytes:
    request = Request(address, headers={"User-Agent": "ioc"})
    with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
        picture = answer.read(LARGEST_TILE + 1)
    if len(picture) > LARGEST_TILE or _media_type(picture) is None:
        raise UnusableTileError
    return picture


def _media_type(picture: bytes) -> str | None:
    return next((kind for start, kind in PICTURES.items() if picture.startswith(start)), None)
