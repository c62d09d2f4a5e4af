"""Signatures of the commands that print what is stored: logs, get."""

from enum import StrEnum
from typing import Annotated

import typer

from entrypoints.cli.commands.remote import AsJson, Run, get_server_url, run_action
from entrypoints.cli.completers import complete_reference, complete_stage


class OutputFormat(StrEnum):
    """How `get` prints."""

    YAML = "yaml"
    JSON = "json"


def logs(
    run: Run,
    stage: Annotated[
        str | None, typer.Argument(metavar="[STAGE]", help="Only this stage; all stages if omitted.", autocompletion=complete_stage)
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print new lines until the run ends.")] = False,
    attempt: Annotated[int | None, typer.Option("--attempt", "-a", min=1, help="Only this attempt of the stage.")] = None,
    stderr: Annotated[bool, typer.Option("--stderr", help="Only what was written to stderr.")] = False,
    search: Annotated[str | None, typer.Option("--search", "-s", metavar="TEXT", help="Only lines with this text, ignoring case.")] = None,
    tail: Annotated[int | None, typer.Option("--tail", "-n", min=0, help="Only the last lines, and new ones with --follow.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Only newer lines: a time, or a duration such as 10m.")] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Print when each line was written, in UTC.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each line as JSON, for programs.")] = False,
) -> None:
    """Print the log of a run, or of one stage. Exit code 2: there is no such run or stage, or no response. With --follow, 1: the run did
    not complete."""
    from entrypoints.cli.actions.logs import LogOptions, show_logs
    from entrypoints.cli.client.log_follower import LogQuery

    query = LogQuery(run, stage, attempt)
    run_action(show_logs(get_server_url(), LogOptions(query, follow, stderr, search, tail, since, timestamps, as_json)))


def get(
    target: Annotated[
        str, typer.Argument(metavar="NAME|RUN", help="A pipeline, or a run such as etl#12 or its id.", autocompletion=complete_reference)
    ],
    revision: Annotated[
        int | None, typer.Option("--revision", "-r", min=1, help="A revision of the pipeline; the newest if omitted.")
    ] = None,
    output: Annotated[OutputFormat | None, typer.Option("--output", "-o", help="The format; yaml if omitted.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a pipeline's definition as its author wrote it, or a run with its stages. Exit code 2: there is no such pipeline, revision or
    run, or no response."""
    from domain.runs.run_name import is_run_reference
    from entrypoints.cli.actions.get import show_definition, show_run

    is_json = as_json or output is OutputFormat.JSON
    if is_run_reference(target):
        if revision is not None:
            raise typer.BadParameter("--revision selects a revision of a pipeline, not of a run")
        run_action(show_run(get_server_url(), target, is_json))
    else:
        run_action(show_definition(get_server_url(), target, revision, is_json))
