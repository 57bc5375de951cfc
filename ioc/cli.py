"""``ioc``: the command line."""

import sys
import traceback
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg import OperationalError
from rich.console import Console
from typer.core import TyperGroup

from geodata.errors import UserError
from ioc.program_log import configure_log, write_crash
from ioc.settings import read_settings

SUB_COMMANDS = {
    "db": ("ioc.db_commands", "db_app"),
    "demo": ("ioc.demo_commands", "demo_app"),
    "etl": ("ioc.etl_commands", "etl_app"),
    "layers": ("ioc.layer_commands", "layers_app"),
    "feeds": ("ioc.feeds_commands", "feeds_app"),
    "coords": ("ioc.coords_commands", "coords_app"),
    "code": ("ioc.code_commands", "code_app"),
    "user": ("ioc.user_commands", "user_app"),
    "check": ("ioc.grid_commands", "check_app"),
    "grid": ("ioc.grid_commands", "grid_app"),
    "bench": ("ioc.bench_commands", "bench_app"),
}


class LazyGroup(TyperGroup):
    """Imports a group of commands when it is asked for: a code is explained without loading a web server."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *SUB_COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in SUB_COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, name = SUB_COMMANDS[cmd_name]
        command = typer.main.get_command(getattr(import_module(module), name))
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=LazyGroup,
    help="IOC: one map for a city district's operations center.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def up(
    demo: Annotated[bool, typer.Option(help="Load the demo district where the store is empty.")] = False,
    scale: Annotated[float, typer.Option(min=0.01, max=10, help="Size of the demo district.")] = 1.0,
    scenario: Annotated[
        str, typer.Option(help="What the demo's devices live through: storm, calm or heat; none: nothing.")
    ] = "storm",
    log_json: Annotated[bool, typer.Option(help="Log as JSON lines.")] = False,
) -> None:
    """Start everything: the database, the demo district if asked for, doors for devices, the web server."""
    from ioc.up import run_up  # the web server, which no other command needs

    configure_log(as_json=log_json)
    run_up(read_settings(), demo_scale=scale if demo else None, scenario=scenario)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Common to all commands."""
    if show_version:
        typer.echo(version("ioc"))
        raise typer.Exit
    if context.invoked_subcommand != "up":
        configure_log(as_json=False)


def main() -> None:
    """Run the command line; a person sees one sentence, the detail goes to a file."""
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        app()
    except UserError as error:
        errors.print(str(error), style="red", markup=False)
        sys.exit(1)
    except OperationalError as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        errors.print(
            f"The database stopped or could not go on ({reason}); nothing was half done: see that it runs "
            "and that its disk has room (ioc db status), then run the command again.",
            style="red",
            markup=False,
        )
        sys.exit(1)
    except Exception:
        file = Path(read_settings().data_dir) / "crash.log"
        write_crash(file, f"{datetime.now(UTC).isoformat()} {' '.join(sys.argv)}\n{traceback.format_exc()}")
        errors.print(
            f"The program met an error of its own; please report it with the detail in {file.absolute()}.",
            style="red",
            markup=False,
        )
        sys.exit(70)
