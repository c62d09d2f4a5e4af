"""Manage user accounts on the database itself."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from application.commands.access.change_account import AccountChange
from domain.access.permissions import Role
from entrypoints.cli.actions.local_application import get_terminal_actor, run_local_action
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import format_rows
from entrypoints.container import Application
from entrypoints.process.command_name import get_command


class AccountActions:
    """Each action returns the lines to print."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._actor = get_terminal_actor()

    async def create(self, name: str, role: Role, password: str) -> Sequence[str]:
        account = await self._application.create_account()(name, role, password, self._actor)
        return [f"Created account {account.name} ({account.role})."]

    async def list(self, wide: bool = False) -> Sequence[str]:
        accounts = await self._application.access_queries().list_accounts()
        rows = [[sanitize(each.name), each.role.value, _describe_state(each.disabled_at, each.password)] for each in accounts]
        return format_rows(rows, wide=wide) or [f"No accounts yet. Create the first: {get_command()} user create NAME --role admin"]

    async def change_role(self, name: str, role: Role) -> Sequence[str]:
        return await self._change(name, AccountChange(role))

    async def set_disabled(self, name: str, disabled: bool) -> Sequence[str]:
        return await self._change(name, AccountChange(disabled=disabled))

    async def set_password(self, name: str, password: str) -> Sequence[str]:
        await self._application.change_account()(name, AccountChange(password=password), self._actor)
        return [f"Changed the password of {name} and ended every session of the account."]

    async def _change(self, name: str, change: AccountChange) -> Sequence[str]:
        account = await self._application.change_account()(name, change, self._actor)
        return [f"{account.name}: {account.role}, {'disabled' if account.disabled_at else 'active'}."]


def run_account_action(action: Callable[[AccountActions], Awaitable[Sequence[str]]]) -> None:
    """Run the action on the configured database, print its lines, and exit with code 2 if the change is refused."""
    run_local_action(lambda application: action(AccountActions(application)))


def _describe_state(disabled_at: datetime | None, password: str | None) -> str:
    return "disabled" if disabled_at else "active" if password else "active, signs in through the identity provider"
