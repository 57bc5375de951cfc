"""`ioc code`: what a code means, or why it is wrong."""

import json
from enum import StrEnum
from typing import Annotated

import typer

from geodata.code_explanation import explain
from geodata.code_table import CodeTable, table_names

code_app = typer.Typer(no_args_is_help=True)


class Language(StrEnum):
    """Languages of the interface."""

    CHINESE = "zh"
    ENGLISH = "en"


@code_app.callback()
def codes() -> None:
    """Codes of the field: areas, grids, components, devices, bodies."""


@code_app.command("explain")
def explain_code(
    code: Annotated[str, typer.Argument(help="The code, as it was typed.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in both languages.")] = False,
    language: Annotated[Language, typer.Option("--lang", help="Language of the words.")] = Language.CHINESE,
) -> None:
    """Print what each part of CODE means; exit with 1 and the reason when it is wrong."""
    explanation = explain(code)
    if as_json:
        typer.echo(json.dumps(explanation.as_dict(), ensure_ascii=False, indent=2))
    else:
        for line in explanation.lines(language.value):
            typer.echo(line, err=not explanation.valid)
    if not explanation.valid:
        raise typer.Exit(1)


@code_app.command("tables")
def list_tables() -> None:
    """List the packaged code tables with their standard and size."""
    for name in table_names():
        table = CodeTable.load(name)
        typer.echo(f"{name}\t{len(table)}\t{table.title}")
