"""Signatures of the commands that start Headgate's processes: up, web, worker."""

from typing import Annotated

import typer


def up(examples: Annotated[bool, typer.Option(help="Register the example pipelines if there are no pipelines yet.")] = True) -> None:
    """Run everything on this machine: PostgreSQL, Prefect, the web server and a worker. Ctrl-C stops all of it."""
    from entrypoints.cli.actions.processes import run_supervisor

    run_supervisor(examples)


def web() -> None:
    """Serve the pages and the API. Requires HEADGATE_DATABASE_URL; `headgate up` sets it."""
    from entrypoints.cli.actions.processes import run_web

    run_web()


def worker() -> None:
    """Run stages for the Headgate at HEADGATE_URL and record them in Prefect."""
    from entrypoints.cli.actions.processes import run_worker

    run_worker()
