"""The web server as a process of its own, with one more route that answers a constant, to be measured."""

import sys

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ioc.context import open_store
from ioc.settings import read_settings
from ioc.web import create_app

CONSTANT_PATH = "/bench/constant"
CONSTANT = b"constant"


def add_constant(app: FastAPI) -> None:
    """A route that does nothing: as fast as this server can be with sign-in in front."""

    async def constant(_request: Request) -> Response:
        return Response(CONSTANT, media_type="text/plain")

    # Before the answer to unknown addresses, which takes every other one.
    app.router.routes.insert(0, Route(CONSTANT_PATH, constant))


def main(port: int) -> None:
    """Serve until terminated."""
    settings = read_settings().model_copy(update={"requests_per_second": 0})
    with open_store(settings) as store:
        app = create_app(settings, store)
        add_constant(app)
        uvicorn.run(app, port=port, log_level="warning", access_log=False, server_header=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
