"""``ioc up``: the store, the demo district if asked for, and the web server, until Ctrl-C."""

import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import uvicorn
from rich.console import Console
from rich.table import Table

from geodata.errors import UserError
from geodata.store import Store
from ioc.context import open_store
from ioc.demo_accounts import DemoSignIn, ensure_demo_accounts
from ioc.demo_district import ensure_demo_district
from ioc.feeds_worker import feeds_beside
from ioc.loading_worker import worker_beside
from ioc.settings import Settings
from ioc.simulation.command import NO_SCENARIO, ensure_past, simulation_beside
from ioc.simulation.scenario import scenario as known_scenario
from ioc.web import create_app

# Whoever stops the program does not wait for slow answers.
GRACE_SECONDS = 3


class _AnnouncingServer(uvicorn.Server):
    """Says when it has begun to serve; when it stops, it ends the event streams, which would not end."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], on_stop: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)


def run_up(settings: Settings, demo_scale: float | None, scenario: str = NO_SCENARIO) -> None:
    """Serve until interrupted. ``demo_scale`` loads the demo district where the store has none.

    With a demo, its devices play ``scenario``.

    Raises:
        UserError: the port is taken, or the database or a demo file stands in the way.
    """
    # Whatever ends the program ends what it started: the web server raises the signal again when it is done.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    console = Console(highlight=False)
    played = demo_scale is not None and scenario != NO_SCENARIO
    if played:
        known_scenario(scenario)
    with ExitStack() as stack:
        listener = stack.enter_context(_listening(settings.host, settings.port))
        store = stack.enter_context(open_store(settings, keep_running=True))
        sign_ins = _demo(settings, store, demo_scale, console) if demo_scale else []
        if played:
            with console.status("演示观测 a day and a half of readings, a year of hours"):
                ensure_past(store, settings, scenario)
        store.check_rights_bind()
        address = f"http://{settings.host}:{listener.getsockname()[1]}/"
        if settings.loads_here:
            stack.enter_context(worker_beside(store, settings))
            stack.enter_context(feeds_beside(store, settings, address))
            if played:
                stack.enter_context(simulation_beside(store, settings, scenario))
        app = create_app(settings, store)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        server = _AnnouncingServer(
            config, lambda: _announce(console, address, sign_ins), app.state.end_streams
        )
        server.run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    """Take the port before anything slow begins."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UserError(
            f"Cannot serve on {host} port {port} ({error.strerror}); "
            "stop what uses it, or set IOC_HOST and IOC_PORT."
        ) from error
    return listener


def _demo(settings: Settings, store: Store, scale: float, console: Console) -> list[DemoSignIn]:
    folder = Path(settings.data_dir)
    ensure_demo_district(store, folder / "demo", scale, console)
    return ensure_demo_accounts(store, folder / "demo_accounts.json")


def _announce(console: Console, address: str, sign_ins: list[DemoSignIn]) -> None:
    console.print(f"\n[bold]一张图 One map:[/] [bold cyan]{address}[/]")
    if sign_ins:
        table = Table(
            "账号 name", "用户 who", "密码 password", title="演示账号 Demo accounts", title_justify="left"
        )
        for sign_in in sign_ins:
            table.add_row(sign_in.name, sign_in.display_name, sign_in.password)
        console.print(table)
    console.print("Ctrl-C 停止 stops everything.\n")
