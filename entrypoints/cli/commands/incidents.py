"""Signatures of the commands about incidents: incidents, ack, snooze, resolve."""

from typing import Annotated

import typer

from entrypoints.cli.commands.remote import AsJson, Wide, get_server_url, run_action

IncidentId = Annotated[int, typer.Argument(metavar="INCIDENT", min=1, help="The incident's id, as in its URL.")]


def incidents(
    incident: Annotated[
        int | None, typer.Argument(metavar="[INCIDENT]", min=1, help="The incident's id; the newest incidents if omitted.")
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="Only open, acknowledged, snoozed or resolved ones; repeatable."),
    ] = None,
    pipeline: Annotated[str | None, typer.Option(metavar="NAME", help="Only those of this pipeline: its name or id.")] = None,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """Show the newest 100 incidents, or one with its timeline and its messages. Exit code 2: there is no such incident, or no response."""
    from entrypoints.cli.actions.incidents import show_incident, show_incidents

    if incident is not None and (state or pipeline is not None):
        raise typer.BadParameter("--state and --pipeline filter the list and cannot be combined with INCIDENT")
    if incident is not None:
        run_action(show_incident(get_server_url(), incident, as_json, wide))
    else:
        run_action(show_incidents(get_server_url(), state or [], pipeline, as_json, wide))


def ack(incident: IncidentId, as_json: AsJson = False) -> None:
    """Acknowledge an incident: you take care of it, and it is not escalated or repeated."""
    from entrypoints.cli.actions.incidents import change_incident

    run_action(change_incident(get_server_url(), incident, "acknowledge", {}, as_json))


def snooze(
    incident: IncidentId,
    duration: Annotated[str, typer.Argument(metavar="DURATION", help="Such as 90m, 2h or 1d, or seconds.")],
    as_json: AsJson = False,
) -> None:
    """Stop the messages of an incident for a while. It is open again afterwards."""
    from entrypoints.cli.actions.durations import to_duration
    from entrypoints.cli.actions.incidents import change_incident

    run_action(change_incident(get_server_url(), incident, "snooze", {"for": to_duration(duration)}, as_json))


def resolve(incident: IncidentId, as_json: AsJson = False) -> None:
    """Resolve an incident without waiting for a good run. The next bad run opens a new one."""
    from entrypoints.cli.actions.incidents import change_incident

    run_action(change_incident(get_server_url(), incident, "resolve", {}, as_json))
