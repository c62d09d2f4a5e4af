"""Signatures of the commands about Prefect: deployments, prefect."""

from typing import Annotated

import typer

from entrypoints.cli.commands.remote import AsJson, Wide, get_server_url, run_action


def deployments(as_json: AsJson = False, wide: Wide = False) -> None:
    """List the Prefect deployments that stages of kind prefect can run. Exit code 2: Prefect, or Headgate, does not respond."""
    from entrypoints.cli.actions.deployments import show_deployments

    run_action(show_deployments(get_server_url(), as_json, wide))


def prefect(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS", help="The arguments of the prefect command, such as: deployment ls")
    ] = None,
) -> None:
    """Run the prefect command with this installation's Prefect server. Without arguments, print the URL and the password of its pages."""
    from entrypoints.cli.actions.prefect_command import print_prefect_access, run_prefect

    if arguments:
        run_prefect(arguments)
    else:
        print_prefect_access()
