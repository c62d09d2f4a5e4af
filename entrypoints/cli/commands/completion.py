"""Signatures of the commands about the command itself: completion, and the option --version."""

import os
from enum import StrEnum
from typing import Annotated

import typer
from typer.main import get_command


class Shell(StrEnum):
    """The shells that can complete the command."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish")]) -> None:
    """Print a script that makes the shell complete commands, options, and names of pipelines, runs and stages. `source` it, or run
    `headgate --install-completion`."""
    from entrypoints.cli.app import app

    os.environ["_HEADGATE_COMPLETE"] = f"source_{shell.value}"  # asks the command itself for the script
    get_command(app).main([], prog_name="headgate")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"headgate {version('headgate')}")
        raise typer.Exit


def set_up(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.", expose_value=False)
    ] = False,
) -> None:
    """Define, trigger and watch a team's pipelines."""
