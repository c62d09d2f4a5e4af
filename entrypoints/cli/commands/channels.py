"""Signatures of `headgate channels` and its subcommand `test`."""

from typing import Annotated

import typer

from entrypoints.cli.commands.remote import AsJson, Wide, get_server_url, run_action

channels = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@channels.callback(invoke_without_command=True)
def list_channels(context: typer.Context, as_json: AsJson = False, wide: Wide = False) -> None:
    """Show the channels to which alert messages are sent, with how many messages wait. Exit code 2: no response."""
    from entrypoints.cli.actions.channels import show_channels

    if context.invoked_subcommand is None:
        run_action(show_channels(get_server_url(), as_json, wide))


@channels.command("test")
def test(name: Annotated[str, typer.Argument(metavar="NAME", help="The channel's name.")], as_json: AsJson = False) -> None:
    """Send a marked test message through a channel. Exit code 1: it was not delivered; 2: there is no such channel, or no response."""
    from entrypoints.cli.actions.channels import test_channel

    run_action(test_channel(get_server_url(), name, as_json))
