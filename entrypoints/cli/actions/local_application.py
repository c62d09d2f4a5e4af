"""Run use cases in this process, on the database itself, without a web process."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import typer

from domain.access.actor import Actor
from domain.access.caller import AuthMethod
from domain.errors import HeadgateError, Unavailable
from entrypoints.cli.actions.database import open_database
from entrypoints.cli.output import print_error
from entrypoints.container import Adapters, Application
from entrypoints.settings import Settings

Result = TypeVar("Result")


def run_local_action(action: Callable[[Application], Awaitable[Sequence[str]]]) -> None:
    """Run the action on the configured or embedded database and print the lines it returns.

    If a use case refuses, print the reason, one line per field, and exit with code 2. Unavailable passes through.
    """
    with open_database(Settings.read()) as settings:
        try:
            lines = run_with_application(settings, action)
        except Unavailable:
            raise
        except HeadgateError as error:
            print_error(error)
            raise typer.Exit(2) from None
    for line in lines:
        typer.echo(line)


def run_with_application(settings: Settings, action: Callable[[Application], Awaitable[Result]]) -> Result:
    """Return what `action` returns for an application on the database in the settings. Close its connections afterwards."""
    application = Application(settings=settings, adapters=Adapters(settings=settings))

    async def run() -> Result:
        try:
            await application.adapters.clock().measure()
            return await action(application)
        finally:
            await application.adapters.database().stop()

    return asyncio.run(run())


def get_terminal_actor() -> Actor:
    """Return the actor for the audit log: the operating system's user name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown user"
    return Actor(f"{user} at the terminal", auth_method=AuthMethod.TERMINAL.value)
