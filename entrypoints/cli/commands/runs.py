"""Signatures of the commands that act on runs: retry, again, cancel, skip, approve, reject, waiting."""

from pathlib import Path
from typing import Annotated

import typer

from entrypoints.cli.commands.remote import AsJson, Comment, Message, Run, StageName, Wide, get_server_url, run_action


def retry(
    run: Run,
    stage: Annotated[list[str] | None, typer.Option("--stage", "-s", help="Only this stage; repeatable.")] = None,
    newest: Annotated[bool, typer.Option("--newest", help="Continue with the pipeline's newest revision.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the failed stages of a run again; completed stages are kept."""
    from entrypoints.cli.actions.run_controls import retry_run

    run_action(retry_run(get_server_url(), run, stage, newest, as_json))


def again(
    run: Run,
    param: Annotated[list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="Replaces the earlier value.")] = None,
    params_file: Annotated[Path | None, typer.Option(help="A JSON object of parameters; - for standard input.")] = None,
    as_json: AsJson = False,
) -> None:
    """Queue a new run with the parameters of an earlier one."""
    from entrypoints.cli.actions.run_controls import repeat_run

    run_action(repeat_run(get_server_url(), run, tuple(param or ()), params_file, as_json))


def cancel(
    run: Run,
    stage: Annotated[str | None, typer.Option("--stage", "-s", help="Only this stage; the run continues.")] = None,
    message: Message = None,
    as_json: AsJson = False,
) -> None:
    """Cancel a run, or one stage of it."""
    from entrypoints.cli.actions.run_controls import cancel_run

    run_action(cancel_run(get_server_url(), run, stage, message, as_json))


def skip(run: Run, stage: StageName, message: Message = None, as_json: AsJson = False) -> None:
    """Skip a stage: the run continues as if it had completed."""
    from entrypoints.cli.actions.run_controls import post_stage_action

    run_action(post_stage_action(get_server_url(), run, stage, "skip", {"message": message}, as_json))


def approve(
    run: Run,
    stage: StageName,
    comment: Comment = None,
    field: Annotated[list[str] | None, typer.Option("--field", "-f", metavar="NAME=VALUE", help="A field of the approval form.")] = None,
    as_json: AsJson = False,
) -> None:
    """Approve a stage that waits for approval."""
    from entrypoints.cli.actions.run_controls import approve_stage

    run_action(approve_stage(get_server_url(), run, stage, comment, tuple(field or ()), as_json))


def reject(run: Run, stage: StageName, comment: Comment = None, as_json: AsJson = False) -> None:
    """Reject a stage that waits for approval: the stage fails."""
    from entrypoints.cli.actions.run_controls import post_stage_action

    run_action(post_stage_action(get_server_url(), run, stage, "reject", {"comment": comment}, as_json))


def waiting(as_json: AsJson = False, wide: Wide = False) -> None:
    """List the stages that wait for an approval or a report."""
    from entrypoints.cli.actions.waiting import show_waiting

    run_action(show_waiting(get_server_url(), as_json, wide))
