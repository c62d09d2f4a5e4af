"""Signatures of the commands about pipelines: apply, trigger, status."""

from pathlib import Path
from typing import Annotated

import typer

from entrypoints.cli.commands.remote import AsJson, PipelineName, Wide, get_server_url, run_action
from entrypoints.cli.completers import complete_reference


def apply(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="YAML or JSON definitions; a folder includes everything below it that is not hidden; - for standard input.",
        ),
    ],
    plan: Annotated[bool, typer.Option("--plan", help="Show what would change, as a diff, and change nothing.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Archive the pipelines that this folder applied and no longer defines.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Apply again whenever a file changes, until Ctrl-C.")] = False,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="The name that is stored for the folder; its own name if omitted.")
    ] = None,
) -> None:
    """Create or change pipelines to match the files.

    Exit code 1: a definition was refused; 2: no response. With --plan, 2: something would change; 1: no response, too.
    """
    from entrypoints.cli.actions.apply import apply_files
    from entrypoints.cli.actions.apply_options import ApplyOptions
    from entrypoints.cli.actions.apply_watching import watch_files

    try:
        options = ApplyOptions.from_arguments(files, plan, prune, source)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if plan and watch:
        raise typer.BadParameter("--plan changes nothing, so it cannot be used with --watch")
    if watch and (missing := next((file for file in files if not file.exists()), None)):
        raise typer.BadParameter(f"{missing} does not exist, so it cannot be watched")
    run_action((watch_files if watch else apply_files)(get_server_url(), files, options))


def trigger(
    name: PipelineName,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter, written as in the trigger form; repeatable."),
    ] = None,
    params_file: Annotated[Path | None, typer.Option(help="A JSON object of parameters; - for standard input.")] = None,
    list_params: Annotated[bool, typer.Option("--list-params", help="List the pipeline's parameters instead of running it.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show the stages until the run ends.")] = False,
    priority: Annotated[int | None, typer.Option("--priority", min=-100, max=100, help="If omitted, that of the definition.")] = None,
    over_limit: Annotated[bool, typer.Option("--over-limit", help="Start at once even if a concurrency limit is reached.")] = False,
    as_json: AsJson = False,
) -> None:
    """Trigger a pipeline. Exit code 2: the run was not accepted, or no response. With --watch, 1: the run did not complete."""
    from entrypoints.cli.actions.trigger import TriggerOptions, trigger_run

    options = TriggerOptions(name, tuple(param or ()), params_file, watch, as_json, list_params, priority, over_limit)
    run_action(trigger_run(get_server_url(), options))


def status(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|RUN]", help="A pipeline, or a run such as etl#12 or its id.", autocompletion=complete_reference),
    ] = None,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """Show the status of every pipeline, the latest runs of one pipeline, or the stages of one run."""
    from entrypoints.cli.actions.status import show_status

    run_action(show_status(get_server_url(), target, as_json, wide))
