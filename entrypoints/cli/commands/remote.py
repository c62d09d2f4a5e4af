"""Options and error handling shared by the commands that call a running Headgate over HTTP."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

from entrypoints.cli.completers import complete_pipeline, complete_run, complete_stage


def parse_run(text: str) -> str:
    """Return a run's name or id as given. Raise BadParameter for another text."""
    from domain.runs.run_name import parse_run_name

    if parse_run_name(text) is None and not (text.isascii() and text.isdigit()):
        raise typer.BadParameter(f"{text!r} is not a run: write its name, such as etl#12, or its id")
    return text


Run = Annotated[
    str, typer.Argument(metavar="RUN", parser=parse_run, help="The run's name, such as etl#12, or its id.", autocompletion=complete_run)
]
PipelineName = Annotated[str, typer.Argument(metavar="NAME", help="The pipeline's name or id.", autocompletion=complete_pipeline)]
OptionalPipelineName = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="The pipeline's name or id; all pipelines if omitted.", autocompletion=complete_pipeline),
]
StageName = Annotated[str, typer.Argument(metavar="STAGE", autocompletion=complete_stage)]
Message = Annotated[str | None, typer.Option("--message", "-m", help="The reason, shown in the run history.")]
Comment = Annotated[str | None, typer.Option("--comment", "-m", help="Shown with the decision.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Wide = Annotated[bool, typer.Option("--wide", help="Print whole lines, even if they are wider than the terminal.")]


def get_server_url() -> str:
    """Return the URL of the Headgate to call (HEADGATE_URL)."""
    from entrypoints.settings import Settings

    return Settings.read().public_url


def run_action(action: Coroutine[Any, Any, int]) -> None:
    """Run the action and exit with the code it returns.

    A server that does not respond, or refuses, is printed and becomes exit code 2; Ctrl-C becomes 130.
    """
    from entrypoints.cli.client.errors import ApiError, Unreachable
    from entrypoints.cli.error_reporting import CLOSED_OUTPUT
    from entrypoints.cli.output import print_error

    try:
        code = asyncio.run(action)
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        code = CLOSED_OUTPUT
    except (Unreachable, ApiError) as error:
        print_error(error)
        code = 2
    raise typer.Exit(code)
