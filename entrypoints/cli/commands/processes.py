"""Signatures of the commands that start Headgate's processes: up, web, worker."""

import os
from pathlib import Path
from typing import Annotated

import typer


def up(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]", exists=True, file_okay=False, help="Apply the definitions in this folder instead of the examples."
        ),
    ] = None,
    examples: Annotated[bool, typer.Option(help="Register the example pipelines if there are no pipelines yet.")] = True,
    watch: Annotated[bool, typer.Option("--watch", help="Apply the folder again whenever a file in it changes.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Archive the pipelines that the folder applied and no longer defines.")] = False,
    workdir: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, metavar="DIR", help="The folder in which stages run; this one if omitted.")
    ] = None,
) -> None:
    """Run everything on this machine: PostgreSQL, Prefect, the web server and a worker. Ctrl-C stops all of it."""
    from entrypoints.cli.actions.processes import run_supervisor

    if folder is None and (watch or prune):
        raise typer.BadParameter("--watch and --prune need a FOLDER")
    variables = {"HEADGATE_PIPELINES": folder, "HEADGATE_WORKDIR": workdir}
    os.environ.update({name: str(path.absolute()) for name, path in variables.items() if path is not None})
    os.environ.update(
        {name: "true" for name, is_set in {"HEADGATE_PIPELINES_WATCH": watch, "HEADGATE_PIPELINES_PRUNE": prune}.items() if is_set}
    )
    run_supervisor(examples)


def web() -> None:
    """Serve the pages and the API. Requires HEADGATE_DATABASE_URL; `headgate up` sets it."""
    from entrypoints.cli.actions.processes import run_web

    run_web()


def worker() -> None:
    """Run stages for the Headgate at HEADGATE_URL and record them in Prefect."""
    from entrypoints.cli.actions.processes import run_worker

    run_worker()
