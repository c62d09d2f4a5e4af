"""Signatures of the `headgate user` commands. They work on the database itself, so they can create the first admin."""

import sys
from typing import Annotated

import typer

from domain.access.permissions import Role
from entrypoints.cli.commands.remote import Wide

users = typer.Typer(help="Manage user accounts (HEADGATE_AUTH=team).", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME")]
PasswordFromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")]


@users.command("create")
def create_user(
    name: Name,
    role: Annotated[Role, typer.Option(help="The user's permissions.")] = Role.VIEWER,
    password_stdin: PasswordFromStdin = False,
) -> None:
    """Create an account with a password of 12 characters or more."""
    from entrypoints.cli.actions.accounts import run_account_action

    password = _read_password(password_stdin)
    run_account_action(lambda accounts: accounts.create(name, role, password))


@users.command("list")
def list_users(wide: Wide = False) -> None:
    """List all accounts."""
    from entrypoints.cli.actions.accounts import run_account_action

    run_account_action(lambda accounts: accounts.list(wide))


@users.command("role")
def change_role(name: Name, role: Annotated[Role, typer.Argument(metavar="ROLE")]) -> None:
    """Change an account's role. Ends its sessions."""
    from entrypoints.cli.actions.accounts import run_account_action

    run_account_action(lambda accounts: accounts.change_role(name, role))


@users.command("password")
def set_password(name: Name, password_stdin: PasswordFromStdin = False) -> None:
    """Set an account's password. Ends its sessions."""
    from entrypoints.cli.actions.accounts import run_account_action

    password = _read_password(password_stdin)
    run_account_action(lambda accounts: accounts.set_password(name, password))


@users.command("disable")
def disable_user(name: Name) -> None:
    """Disable an account. Ends its sessions."""
    from entrypoints.cli.actions.accounts import run_account_action

    run_account_action(lambda accounts: accounts.set_disabled(name, True))


@users.command("enable")
def enable_user(name: Name) -> None:
    """Enable a disabled account."""
    from entrypoints.cli.actions.accounts import run_account_action

    run_account_action(lambda accounts: accounts.set_disabled(name, False))


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
