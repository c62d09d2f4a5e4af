"""The commands that speak to a running Headgate: apply, trigger, status."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="YAML or JSON definitions; a folder stands for all below it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `headgate`."""
    app.command()(apply)
    app.command()(trigger)
    app.command()(status)


def apply(files: Files) -> None:
    """Create or change pipelines so that they are as the files say. Exit code 1: a definition was refused; 2: no answer."""
    from entrypoints.cli_apply import apply_files

    _end(apply_files(_url(), files))


def trigger(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The pipeline's name or id.")],
    param: Annotated[list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter; repeat for more.")] = None,
    params_file: Annotated[Path | None, typer.Option(help="A JSON object of parameters; - for standard input.")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show the stages until the run is over.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a pipeline. With --watch, exit code 0 only if the run completed; 1: it did not; 2: it was not taken, or no answer."""
    from entrypoints.cli_trigger import Order, trigger_run

    _end(trigger_run(_url(), Order(name, tuple(param or ()), params_file, watch, as_json)))


def status(
    of: Annotated[str | None, typer.Argument(metavar="[NAME|RUN]", help="A pipeline's name, or a run's id, as in its address.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how every pipeline stands; or a pipeline's last runs; or a run's stages."""
    from entrypoints.cli_status import show_status

    _end(show_status(_url(), of, as_json))


def _url() -> str:
    from entrypoints.settings import Settings

    return Settings.read().public_url


def _end(work: Coroutine[Any, Any, int]) -> None:
    """Do the work and leave with the exit code it gives; no answer and a plain no are one line and 2."""
    from entrypoints.cli_client import Refused, Unreachable

    try:
        code = asyncio.run(work)
    except KeyboardInterrupt:
        code = 130
    except (Unreachable, Refused) as error:
        print_refusal(error)
        code = 2
    raise typer.Exit(code)


def print_refusal(error: Exception, where: str = "headgate") -> None:
    """On standard error: the sentence, or a line for every field that was named."""
    from entrypoints.terminal import clean

    problems = getattr(error, "problems", None) or [("", str(error))]
    for field, message in problems:
        print(clean(f"{where}: {field}: {message}" if field else f"{where}: {message}"), file=sys.stderr)


def print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))
