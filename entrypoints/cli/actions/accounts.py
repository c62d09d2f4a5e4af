"""What `headgate user` and `headgate token` do, on the database itself."""

import asyncio
import getpass
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any

from application.commands.access.change_account import AccountChange
from application.commands.access.create_token import NewToken
from domain.access.actor import Actor
from domain.access.api_tokens import TokenKind
from domain.access.caller import AuthMethod
from domain.access.permissions import Role, Scope
from domain.errors import HeadgateError, Unavailable
from entrypoints.container import Adapters, Application
from entrypoints.settings import Settings

__all__ = ["AccountActions", "HeadgateError", "Unavailable", "run_with_application"]


class AccountActions:
    """Each gives the lines to print."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._person = Actor(f"{_user()} at the terminal", way=AuthMethod.TERMINAL.value)

    async def create_user(self, name: str, role: Role, password: str) -> Sequence[str]:
        account = await self._application.create_account()(name, role, password, self._person)
        return [f"{account.name} may sign in, as {account.role}."]

    async def list_users(self) -> Sequence[str]:
        accounts = await self._application.access_queries().list_accounts()
        lines = [f"{each.name:30} {each.role:9} {_state(each.disabled_at, each.password)}" for each in accounts]
        return lines or ["There is no account. `headgate user create NAME --role admin` makes the first."]

    async def change_user(self, name: str, role: Role | None, disabled: bool | None) -> Sequence[str]:
        account = await self._application.change_account()(name, AccountChange(role, disabled), self._person)
        return [f"{account.name}: {account.role}, {'shut' if account.disabled_at else 'open'}."]

    async def set_password(self, name: str, password: str) -> Sequence[str]:
        await self._application.change_account()(name, AccountChange(password=password), self._person)
        return [f"The password of {name} is another one; every session of theirs has ended."]

    async def create_token(
        self, name: str, scopes: Sequence[Scope], pipeline: str | None, reporter: bool, expires_at: datetime | None
    ) -> Sequence[str]:
        kind = TokenKind.REPORTER if reporter else TokenKind.API
        new = NewToken(name, kind, [Scope.REPORT] if reporter else scopes, pipeline, expires_at)
        made = await self._application.create_token()(new, self._person)
        return [made.text]

    async def list_tokens(self) -> Sequence[str]:
        tokens = await self._application.access_queries().list_tokens()
        lines = []
        for each in tokens:
            state = "revoked" if each.revoked_at else f"until {each.expires_at:%Y-%m-%d}" if each.expires_at else "without an end"
            lines.append(f"{each.id:5} {each.name:30} …{each.hint} {','.join(each.scopes):30} {state}")
        return lines or ["There is no token. `headgate token create NAME --scope read` makes one."]

    async def revoke_token(self, token_id: int) -> Sequence[str]:
        token = await self._application.revoke_token()(token_id, self._person)
        return [f"{token.name} (…{token.hint}) is good for nothing any more."]


def run_with_application(settings: Settings, work: Callable[[AccountActions], Coroutine[Any, Any, Sequence[str]]]) -> Sequence[str]:
    """Do the work on the database of the settings. HeadgateError."""
    application = Application(settings=settings, adapters=Adapters(settings=settings))

    async def run() -> Sequence[str]:
        try:
            return await work(AccountActions(application))
        finally:
            await application.adapters.database().stop()

    return asyncio.run(run())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def _state(disabled_at: datetime | None, password: str | None) -> str:
    return "shut" if disabled_at else "open" if password else "open, by the identity provider"
