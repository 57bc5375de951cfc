"""`ioc demo`: write the synthetic demo district as the files that departments would hand over."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ioc.demo.build import SEED, STEPS, build_demo

demo_app = typer.Typer(no_args_is_help=True)


@demo_app.callback()
def demo() -> None:
    """The demo district: synthetic data, marked 演示数据."""


@demo_app.command("build")
def build(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write the files into.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed and scale give the same files.")] = SEED,
    scale: Annotated[
        float,
        typer.Option(min=0.01, max=10, help="Number of components, pipes, cameras …: 1 is the full size."),
    ] = 1.0,
) -> None:
    """Write the files of all departments, with a manifest of counts and of what is wrong on purpose."""
    console = Console()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("演示数据", total=STEPS)
        done = -1

        def step(name: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, description=name, completed=done)

        manifest = build_demo(folder, seed, scale, step)
    rows = sum(count for layers in manifest["counts"].values() for count in layers.values())
    console.print(
        f"演示数据：{len(manifest['counts'])} 个文件，共 {rows} 行，写入 {folder}。", soft_wrap=True
    )
