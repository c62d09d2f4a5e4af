"""Signatures of the commands that need no server: schema, init, lint."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from entrypoints.cli.commands.remote import get_server_url


class LintFormat(StrEnum):
    """How `headgate lint` prints problems."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def schema() -> None:
    """Print the JSON Schema of definitions, for editors. The line to paste into a definition is printed to stderr."""
    from entrypoints.cli.actions.definition_schema import print_schema

    print_schema(get_server_url())


def init(
    target: Annotated[Path, typer.Argument(metavar="[FOLDER|FILE]", help="A folder, for its pipeline.yaml, or a file to write.")] = Path(),
) -> None:
    """Write a first pipeline, with comments. An existing file is never overwritten: exit code 2."""
    from entrypoints.cli.actions.first_pipeline import write_first_pipeline

    raise typer.Exit(write_first_pipeline(target, get_server_url()))


def lint(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="YAML or JSON definitions; a folder includes everything below it; - for standard input."),
    ],
    output: Annotated[
        LintFormat, typer.Option("--format", help="`text`, `json`, or `github` for annotations of GitHub Actions.")
    ] = LintFormat.TEXT,
) -> None:
    """Check definitions without a server. Exit code 1: a definition has errors; 2: a file could not be read."""
    from entrypoints.cli.actions.lint import lint_files

    raise typer.Exit(lint_files(files, output.value))
