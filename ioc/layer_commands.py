"""``ioc layers``: what the map can show, and whether a layer's file is right."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from layers.catalogue import Catalogue
from layers.layer_file import read_layer

layers_app = typer.Typer(help="The layers the map can show.", no_args_is_help=True)


@layers_app.command("list")
def list_layers() -> None:
    """List the declared layers in drawing order; departmental datasets add theirs when they are loaded."""
    table = Table("layer", "title", "theme", "table", "zooms", "shown at first")
    for layer in Catalogue.load():
        table.add_row(
            layer.id,
            f"{layer.title.zh} {layer.title.en}",
            layer.theme.id,
            layer.table,
            f"{layer.min_zoom}-{layer.max_zoom}",
            "yes" if layer.visible_by_default else "",
        )
    Console().print(table)


@layers_app.command()
def check(file: Annotated[Path, typer.Argument(help="A layer's TOML file.")]) -> None:
    """Say whether a layer's file is right, or what is wrong with it."""
    layer = read_layer(file)
    typer.echo(f"{layer.id}: {layer.title.zh}, {len(layer.fields)} fields from {layer.table}.")
