"""`headgate user …` and `headgate token …`: accounts and tokens from the machine itself, the first admin's too."""

import importlib
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from domain.access.permissions import Role, Scope

users = typer.Typer(help="People's accounts (HEADGATE_AUTH=team).", no_args_is_help=True)
tokens = typer.Typer(help="Tokens of programs.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")]
Action = Callable[[Any], Coroutine[Any, Any, Sequence[str]]]


@users.command("create")
def create_user(
    name: Name, role: Annotated[Role, typer.Option(help="What they may do.")] = Role.VIEWER, password_stdin: FromInput = False
) -> None:
    """Make an account with a password, 12 characters or more."""
    password = _password(password_stdin)
    _do(lambda acts: acts.create_user(name, role, password))


@users.command("list")
def list_users() -> None:
    """Show every account."""
    _do(lambda acts: acts.list_users())


@users.command("role")
def give_role(name: Name, role: Annotated[Role, typer.Argument(metavar="ROLE")]) -> None:
    """Give another role; whoever is signed in has to do so again."""
    _do(lambda acts: acts.change_user(name, role, None))


@users.command("password")
def set_password(name: Name, password_stdin: FromInput = False) -> None:
    """Set another password; ends every session of the account."""
    password = _password(password_stdin)
    _do(lambda acts: acts.set_password(name, password))


@users.command("disable")
def disable(name: Name) -> None:
    """Shut the account and end its sessions."""
    _do(lambda acts: acts.change_user(name, None, True))


@users.command("enable")
def enable(name: Name) -> None:
    """Open the account again."""
    _do(lambda acts: acts.change_user(name, None, False))


@tokens.command("create")
def create_token(
    name: Name,
    scope: Annotated[list[Scope] | None, typer.Option("--scope", "-s", help="What it is good for; repeat for more.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="Bind it to this pipeline.")] = None,
    reporter: Annotated[bool, typer.Option("--reporter", help="Of a machine that reports about --pipeline, and no more.")] = False,
    days: Annotated[int | None, typer.Option(min=1, help="Days after which it ends. Left out: none.")] = None,
) -> None:
    """Make a token and print it, once."""
    ends = datetime.now(UTC) + timedelta(days=days) if days else None
    _do(lambda acts: acts.create_token(name, scope or (), pipeline, reporter, ends))


@tokens.command("list")
def list_tokens() -> None:
    """Show every token, without what makes it one."""
    _do(lambda acts: acts.list_tokens())


@tokens.command("revoke")
def revoke_token(number: Annotated[int, typer.Argument(metavar="ID", min=1)]) -> None:
    """Make a token good for nothing, at once."""
    _do(lambda acts: acts.revoke_token(number))


def _password(from_input: bool) -> str:
    if from_input:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _do(work: Action) -> None:
    from entrypoints.cli.app import open_database, read_settings
    from entrypoints.cli.commands.pipelines import print_error

    with open_database(read_settings()) as settings:
        acts = importlib.import_module("entrypoints.cli.actions.accounts")
        try:
            for line in acts.run_with_application(settings, work):
                typer.echo(line)
        except acts.HeadgateError as error:
            if isinstance(error, acts.Unavailable):
                raise
            for problem in getattr(error, "problems", None) or [None]:
                print_error(error if problem is None else ValueError(f"{problem.field}: {problem.message}"))
            raise typer.Exit(2) from None
