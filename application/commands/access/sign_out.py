"""Sign out."""

from collections.abc import Callable
from dataclasses import dataclass

from application.ports.access.credentials import Credentials
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.access.audit import AuditAction, AuditEntry
from domain.access.caller import AuthMethod


@dataclass(frozen=True, slots=True)
class SignOut:
    """End the session, or all sessions of the account with `everywhere`. An expired session is not an error."""

    open_unit_of_work: OpenUnitOfWork
    credentials: Credentials
    clock: Clock
    invalidate_callers: Callable[[], None]
    """Clears the cache of authenticated callers."""

    async def __call__(self, key: str, address: str | None = None, everywhere: bool = False) -> None:
        digest = self.credentials.digest(key)
        async with self.open_unit_of_work() as work:
            found = await work.sessions.find(digest)
            if found is None:
                return
            account = found[1]
            await (work.sessions.remove_for_account(account.id) if everywhere else work.sessions.remove(digest))
            details = {"everywhere": True} if everywhere else {}
            entry = AuditEntry(
                self.clock.now(), AuditAction.SIGNED_OUT, account.name, AuthMethod.SESSION, address, f"account {account.name}", details
            )
            await work.audit.add([entry])
            await work.commit()
        self.invalidate_callers()
