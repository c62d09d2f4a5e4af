"""The commands that speak to a running Headgate: apply, trigger, status, and what a person does to a run."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from entrypoints.cli.commands.accounts import tokens, users

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="YAML or JSON definitions; a folder stands for all below it.")]
RunId = Annotated[int, typer.Argument(metavar="RUN", min=1, help="The run's id, as in its address.")]
StageName = Annotated[str, typer.Argument(metavar="STAGE")]
Message = Annotated[str | None, typer.Option("--message", "-m", help="Why; shown in the run's history.")]
Comment = Annotated[str | None, typer.Option("--comment", "-m", help="Shown with the decision.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def register_commands(app: typer.Typer) -> None:
    """Add the commands to `headgate`."""
    app.command()(apply)
    app.command()(trigger)
    app.command()(status)
    for command in (retry, again, cancel, skip, approve, reject, waiting):
        app.command()(command)
    app.add_typer(users, name="user")
    app.add_typer(tokens, name="token")


def apply(files: Files) -> None:
    """Create or change pipelines so that they are as the files say. Exit code 1: a definition was refused; 2: no answer."""
    from entrypoints.cli.actions.apply import apply_files

    _end(apply_files(_url(), files))


def trigger(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The pipeline's name or id.")],
    param: Annotated[list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter; repeat for more.")] = None,
    params_file: Annotated[Path | None, typer.Option(help="A JSON object of parameters; - for standard input.")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show the stages until the run is over.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a pipeline. With --watch, exit code 0 only if the run completed; 1: it did not; 2: it was not taken, or no answer."""
    from entrypoints.cli.actions.trigger import TriggerOptions, trigger_run

    _end(trigger_run(_url(), TriggerOptions(name, tuple(param or ()), params_file, watch, as_json)))


def status(
    of: Annotated[str | None, typer.Argument(metavar="[NAME|RUN]", help="A pipeline's name, or a run's id, as in its address.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how every pipeline stands; or a pipeline's last runs; or a run's stages."""
    from entrypoints.cli.actions.status import show_status

    _end(show_status(_url(), of, as_json))


def retry(
    run: RunId,
    stage: Annotated[list[str] | None, typer.Option("--stage", "-s", help="Only this stage; repeat for more.")] = None,
    newest: Annotated[bool, typer.Option("--newest", help="Go on under the pipeline's newest revision.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a run up again from what failed; what completed is kept."""
    from entrypoints.cli.actions.run_controls import post_run_action, run_action_path

    body: dict[str, Any] = {"revision": "newest" if newest else "same"} | ({"stages": stage} if stage else {})
    _end(post_run_action(_url(), run_action_path(run, "retry"), body, as_json))


def again(
    run: RunId,
    param: Annotated[list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="In place of the earlier run's.")] = None,
    params_file: Annotated[Path | None, typer.Option(help="A JSON object of parameters; - for standard input.")] = None,
    as_json: AsJson = False,
) -> None:
    """Queue a new run with an earlier one's parameters."""
    from entrypoints.cli.actions.run_controls import again as run_again

    _end(run_again(_url(), run, tuple(param or ()), params_file, as_json))


def cancel(
    run: RunId,
    stage: Annotated[str | None, typer.Option("--stage", "-s", help="Only this stage; the run goes on.")] = None,
    message: Message = None,
    as_json: AsJson = False,
) -> None:
    """Stop a run, or one stage of it."""
    from entrypoints.cli.actions.run_controls import post_run_action, run_action_path, stage_action_path

    _end(
        post_run_action(
            _url(), stage_action_path(run, stage, "cancel") if stage else run_action_path(run, "cancel"), {"message": message}, as_json
        )
    )


def skip(run: RunId, stage: StageName, message: Message = None, as_json: AsJson = False) -> None:
    """Let a run go on as if the stage had completed."""
    from entrypoints.cli.actions.run_controls import post_run_action, stage_action_path

    _end(post_run_action(_url(), stage_action_path(run, stage, "skip"), {"message": message}, as_json))


def approve(
    run: RunId,
    stage: StageName,
    comment: Comment = None,
    field: Annotated[list[str] | None, typer.Option("--field", "-f", metavar="NAME=VALUE", help="What the approval asks for.")] = None,
    as_json: AsJson = False,
) -> None:
    """Approve a stage that waits for it."""
    from entrypoints.cli.actions.run_controls import approve as give

    _end(give(_url(), run, stage, comment, tuple(field or ()), as_json))


def reject(run: RunId, stage: StageName, comment: Comment = None, as_json: AsJson = False) -> None:
    """Reject a stage that waits for approval: it fails."""
    from entrypoints.cli.actions.run_controls import post_run_action, stage_action_path

    _end(post_run_action(_url(), stage_action_path(run, stage, "reject"), {"comment": comment}, as_json))


def waiting(as_json: AsJson = False) -> None:
    """Show what waits for a person or a machine."""
    from entrypoints.cli.actions.run_controls import show_waiting

    _end(show_waiting(_url(), as_json))


def _url() -> str:
    from entrypoints.settings import Settings

    return Settings.read().public_url


def _end(work: Coroutine[Any, Any, int]) -> None:
    """Do the work and leave with the exit code it gives; no answer and a plain no are one line and 2."""
    from entrypoints.cli.client.headgate_client import ApiError, Unreachable

    try:
        code = asyncio.run(work)
    except KeyboardInterrupt:
        code = 130
    except (Unreachable, ApiError) as error:
        print_error(error)
        code = 2
    raise typer.Exit(code)


def print_error(error: Exception, where: str = "headgate") -> None:
    """On standard error: the sentence, or a line for every field that was named."""
    from entrypoints.cli.screens.formatting import sanitize

    problems = getattr(error, "problems", None) or [("", str(error))]
    for field, message in problems:
        print(sanitize(f"{where}: {field}: {message}" if field else f"{where}: {message}"), file=sys.stderr)


def print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))
