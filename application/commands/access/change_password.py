"""Change the password of the signed-in account."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from application.commands.access.change_account import lock_account
from application.ports.access.credentials import Credentials
from application.ports.access.password_hasher import PasswordHasher
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.access.accounts import check_password
from domain.access.actor import Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Change the password of the signed-in account, and end its other sessions.

    `session` is the key of the current session, `before` the present password. Raises InvalidInput.
    """

    open_unit_of_work: OpenUnitOfWork
    passwords: PasswordHasher
    credentials: Credentials
    clock: Clock
    invalidate_callers: Callable[[], None]
    """Clears the cache of authenticated callers."""

    async def __call__(self, account_id: int, session: str, before: str, password: str, actor: Actor) -> None:
        async with self.open_unit_of_work() as work:
            account = await work.accounts.find_by_id(account_id)
        if account is None or not await self.passwords.verify(before, account.password):
            raise InvalidInput.for_field("before", "is not the current password")
        check_password(password, account.name)
        hashed = await self.passwords.hash(password)
        async with self.open_unit_of_work() as work:
            account = await lock_account(work, account.name)
            await work.accounts.save(replace(account, password=hashed))
            await work.sessions.remove_for_account(account.id, but=self.credentials.digest(session))
            await work.audit.add([create_audit_entry(actor, AuditAction.PASSWORD_CHANGED, f"account {account.name}", self.clock.now())])
            await work.commit()
        self.invalidate_callers()
