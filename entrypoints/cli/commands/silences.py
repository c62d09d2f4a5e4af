"""Signatures of the commands about silences: silence, silences, silence-end."""

from typing import Annotated

import typer

from entrypoints.cli.commands.remote import AsJson, Wide, get_server_url, run_action
from entrypoints.cli.completers import complete_pipeline

SilenceId = Annotated[int, typer.Argument(metavar="SILENCE", min=1, help="The silence's id, as `headgate silences` shows it.")]


def silence(
    reason: Annotated[str, typer.Option("--reason", "-m", metavar="TEXT", help="The reason, shown to users.")],
    pipeline: Annotated[
        str | None, typer.Argument(metavar="[PIPELINE]", help="The pipeline's name or id.", autocompletion=complete_pipeline)
    ] = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="All pipelines with this tag.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All pipelines.")] = False,
    duration: Annotated[str | None, typer.Option("--for", metavar="DURATION", help="Such as 90m, 2h or 1d, or seconds.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="The end, in place of --for, in this machine's zone.")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="The start; now if omitted.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold back the messages of a pipeline, of a tag or of all pipelines, such as for planned work.

    Incidents still open; those that are unresolved at the end are sent then. Exit code 2: the input is invalid, or no response.
    """
    from entrypoints.cli.actions.silences import create_silence

    if [pipeline is not None, tag is not None, everything].count(True) != 1:
        raise typer.BadParameter("use exactly one of PIPELINE, --tag and --all")
    if (duration is None) is (until is None):
        raise typer.BadParameter("use exactly one of --for and --to")
    target = {"pipeline": pipeline} if pipeline is not None else {"tag": tag} if tag is not None else {"all": True}
    times = {"from": since, "to": until, "for": duration}
    run_action(create_silence(get_server_url(), target, times, reason, as_json))


def silences(
    ended: Annotated[bool, typer.Option("--ended", help="Include ended silences.")] = False,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """Show the silences that are active or still to come."""
    from entrypoints.cli.actions.silences import show_silences

    run_action(show_silences(get_server_url(), ended, as_json, wide))


def silence_end(silence: SilenceId, as_json: AsJson = False) -> None:
    """End a silence now, or cancel one that has not begun."""
    from entrypoints.cli.actions.silences import end_silence

    run_action(end_silence(get_server_url(), silence, as_json))
