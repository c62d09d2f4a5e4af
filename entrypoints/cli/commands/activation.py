"""Signatures of the commands that pause, archive and delete pipelines."""

from typing import Annotated

import typer

from entrypoints.cli.commands.remote import AsJson, PipelineName, get_server_url, run_action

ScheduleOption = Annotated[str | None, typer.Option(metavar="SCHEDULE", help="Only this schedule of the pipeline.")]


def pause(
    name: PipelineName,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="When the pause ends automatically: 2026-12-01, 2026-12-01T08:00 (this machine's zone) or with a zone."
        ),
    ] = None,
    schedule: ScheduleOption = None,
    as_json: AsJson = False,
) -> None:
    """Stop what starts a pipeline by itself, such as its schedules, or one schedule. People and programs may still trigger it."""
    from entrypoints.cli.actions.activation import pause

    run_action(pause(get_server_url(), name, schedule, until, as_json))


def resume(name: PipelineName, schedule: ScheduleOption = None, as_json: AsJson = False) -> None:
    """End the pause of a pipeline or of one schedule."""
    from entrypoints.cli.actions.activation import resume

    run_action(resume(get_server_url(), name, schedule, as_json))


def archive(name: PipelineName, as_json: AsJson = False) -> None:
    """Hide a pipeline and refuse new runs. Active runs continue, and its history stays readable."""
    from entrypoints.cli.actions.activation import change_activation

    run_action(change_activation(get_server_url(), name, "archive", {}, as_json))


def unarchive(name: PipelineName, as_json: AsJson = False) -> None:
    """Show an archived pipeline and accept runs again."""
    from entrypoints.cli.actions.activation import change_activation

    run_action(change_activation(get_server_url(), name, "unarchive", {}, as_json))


def delete(
    name: PipelineName,
    confirm: Annotated[str | None, typer.Option(metavar="NAME", help="The pipeline's name, to confirm without a question.")] = None,
) -> None:
    """Delete an archived pipeline with its runs, events, logs and tokens. This cannot be undone."""
    from entrypoints.cli.actions.activation import delete_pipeline

    run_action(delete_pipeline(get_server_url(), name, confirm))
