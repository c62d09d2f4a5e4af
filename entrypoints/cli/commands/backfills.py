"""Signatures of the commands about backfills: backfill, backfills, backfill-pause, backfill-resume, backfill-cancel."""

from pathlib import Path
from typing import Annotated

import typer

from entrypoints.cli.commands.remote import AsJson, OptionalPipelineName, PipelineName, Wide, get_server_url, run_action

BackfillId = Annotated[int, typer.Argument(metavar="BACKFILL", min=1, help="The backfill's id, as in its URL.")]


def backfill(
    name: PipelineName,
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="The first date, or date and time, in the schedule's zone.")],
    until: Annotated[str, typer.Option("--to", metavar="TIME", help="The last date, or date and time, inclusive.")],
    schedule: Annotated[str | None, typer.Option(metavar="SCHEDULE", help="The schedule's name; the only one if omitted.")] = None,
    cron: Annotated[str | None, typer.Option(metavar="CRON", help="Five fields of cron, in place of a schedule.")] = None,
    timezone: Annotated[str | None, typer.Option(metavar="ZONE", help="The zone of --cron; UTC if omitted.")] = None,
    order: Annotated[str, typer.Option(metavar="oldest|newest", help="Which ticks run first.")] = "oldest",
    parallel: Annotated[int, typer.Option(min=1, help="Maximum number of its unfinished runs.")] = 1,
    existing: Annotated[
        str, typer.Option(metavar="skip|failed|all", help="Skip ticks that have a run, only those whose newest run completed, or none.")
    ] = "skip",
    param: Annotated[list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="Replaces the schedule's value.")] = None,
    params_file: Annotated[Path | None, typer.Option(help="A JSON object of parameters; - for standard input.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the ticks, and start nothing.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show the progress until it ends. Ctrl-C stops only the display.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Start without asking for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a pipeline for the ticks of a schedule between two times. In a terminal, it shows the count and asks first. Exit code 1: it was
    not started, or a watched run did not complete; 2: there is no such pipeline, or the input is invalid."""
    from entrypoints.cli.actions.backfills import BackfillOptions, start_backfill

    asked = {
        "schedule": schedule,
        "cron": cron,
        "timezone": timezone,
        "from": since,
        "to": until,
        "order": order,
        "parallel": parallel,
        "existing": existing,
    }
    body = {key: value for key, value in asked.items() if value is not None}
    options = BackfillOptions(name, body, tuple(param or ()), params_file, dry_run, watch, yes, as_json)
    run_action(start_backfill(get_server_url(), options))


def backfills(
    name: OptionalPipelineName = None,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """Show the newest 100 backfills with their progress. Exit code 2: there is no such pipeline, or no response."""
    from entrypoints.cli.actions.backfills import show_backfills

    run_action(show_backfills(get_server_url(), name, as_json, wide))


def backfill_pause(backfill: BackfillId, as_json: AsJson = False) -> None:
    """Stop a backfill from starting runs. Its unfinished runs continue."""
    from entrypoints.cli.actions.backfills import change_backfill

    run_action(change_backfill(get_server_url(), backfill, "pause", {}, as_json))


def backfill_resume(backfill: BackfillId, as_json: AsJson = False) -> None:
    """Let a paused backfill start runs again."""
    from entrypoints.cli.actions.backfills import change_backfill

    run_action(change_backfill(get_server_url(), backfill, "resume", {}, as_json))


def backfill_cancel(
    backfill: BackfillId,
    runs: Annotated[bool, typer.Option("--runs", help="Cancel its unfinished runs, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cancel the pending ticks of a backfill. Its unfinished runs continue unless --runs is set."""
    from entrypoints.cli.actions.backfills import change_backfill

    run_action(change_backfill(get_server_url(), backfill, "cancel", {"cancel_runs": runs}, as_json))
