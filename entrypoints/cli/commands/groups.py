"""Signatures of the commands about concurrency limits: groups, start-over-limit."""

from typing import Annotated

import typer

from entrypoints.cli.commands.remote import AsJson, Run, Wide, get_server_url, run_action


def groups(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The group's name; all groups if omitted.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, max=10_000, help="Set the group's limit.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Restore the limit of the definitions.")] = False,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """Show concurrency groups, or one with its holders and queue, or set its limit. Exit code 2: there is no such group, or no response."""
    from entrypoints.cli.actions.groups import set_group_limit, show_group, show_groups

    if (limit is not None or reset) and (name is None or (limit is not None and reset)):
        raise typer.BadParameter("--limit and --reset require the NAME of a group and cannot be combined")
    if name is None:
        run_action(show_groups(get_server_url(), as_json, wide))
    elif limit is not None or reset:
        run_action(set_group_limit(get_server_url(), name, limit, as_json, wide))
    else:
        run_action(show_group(get_server_url(), name, as_json, wide))


def start_over_limit(
    run: Run,
    stage: Annotated[str | None, typer.Option("--stage", "-s", help="Only this stage.")] = None,
    as_json: AsJson = False,
) -> None:
    """Start a run that waits for a slot, or one stage of it, although a concurrency limit is reached."""
    from entrypoints.cli.actions.run_controls import start_over_limit as start

    run_action(start(get_server_url(), run, stage, as_json))
