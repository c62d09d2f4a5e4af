"""Signatures of the commands about schedules: schedules, next, run-now, why."""

from typing import Annotated

import typer

from entrypoints.cli.commands.remote import AsJson, OptionalPipelineName, PipelineName, Wide, get_server_url, run_action


def schedules(
    name: OptionalPipelineName = None,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """Show schedules with their next time and the outcome of their last tick. Exit code 2: there is no such pipeline, or no response."""
    from entrypoints.cli.actions.schedules import show_schedules

    run_action(show_schedules(get_server_url(), name, as_json, wide))


def next_times(
    name: PipelineName,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=100, help="How many times to show.")] = 10,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """Show when a pipeline's schedules fire next, in their zones and in UTC. Exit code 2: there is no such pipeline, or no response."""
    from entrypoints.cli.actions.next_times import show_next_times

    run_action(show_next_times(get_server_url(), name, count, as_json, wide))


def run_now(
    name: PipelineName,
    schedule: Annotated[str, typer.Argument(metavar="SCHEDULE", help="The schedule's name.")],
    as_json: AsJson = False,
) -> None:
    """Queue a run with a schedule's parameters, as if it were due now."""
    from entrypoints.cli.actions.schedules import run_schedule

    run_action(run_schedule(get_server_url(), name, schedule, as_json))


def why(
    name: PipelineName,
    day: Annotated[str, typer.Argument(metavar="[DAY]", help="A date such as 2026-11-27, today or yesterday.")] = "today",
    as_json: AsJson = False,
) -> None:
    """Show the outcome of each run that a pipeline's schedules expected on a day, and why some did not happen. Exit code 2: there is no
    such pipeline, or no response."""
    from entrypoints.cli.actions.why import show_why

    run_action(show_why(get_server_url(), name, day, as_json))
