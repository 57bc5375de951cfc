"""``ioc``: the command line."""

import sys
import traceback
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from geodata.errors import UserError
from ioc.bench_commands import bench_app
from ioc.code_commands import code_app
from ioc.coords_commands import coords_app
from ioc.db_commands import db_app
from ioc.demo_commands import demo_app
from ioc.etl_commands import etl_app
from ioc.layer_commands import layers_app
from ioc.program_log import configure_log, write_crash
from ioc.settings import read_settings
from ioc.up import run_up
from ioc.user_commands import user_app

app = typer.Typer(
    help="IOC: one map for a city district's operations center.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for name, sub_app in (
    ("db", db_app),
    ("demo", demo_app),
    ("etl", etl_app),
    ("layers", layers_app),
    ("coords", coords_app),
    ("code", code_app),
    ("user", user_app),
    ("bench", bench_app),
):
    app.add_typer(sub_app, name=name)


@app.command()
def up(
    demo: Annotated[bool, typer.Option(help="Load the demo district where the store is empty.")] = False,
    scale: Annotated[float, typer.Option(min=0.01, max=10, help="Size of the demo district.")] = 1.0,
    log_json: Annotated[bool, typer.Option(help="Log as JSON lines.")] = False,
) -> None:
    """Start everything: the database, the demo district if asked for, and the web server."""
    configure_log(as_json=log_json)
    run_up(read_settings(), demo_scale=scale if demo else None)


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
    except Exception:
        file = Path(read_settings().data_dir) / "crash.log"
        write_crash(file, f"{datetime.now(UTC).isoformat()} {' '.join(sys.argv)}\n{traceback.format_exc()}")
        errors.print(
            f"The program met an error of its own; please report it with the detail in {file.absolute()}.",
            style="red",
            markup=False,
        )
        sys.exit(70)
