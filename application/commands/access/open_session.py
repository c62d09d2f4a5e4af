"""Open a browser session."""

from dataclasses import dataclass, replace
from datetime import datetime

from application.ports.access.credentials import Credentials
from application.ports.persistence.unit_of_work import UnitOfWork
from domain.access.accounts import Account
from domain.access.audit import AuditAction, AuditEntry
from domain.access.caller import AuthMethod
from domain.access.sessions import Session, SessionRules


@dataclass(frozen=True, slots=True)
class SignInResult:
    """A new session. Only the browser gets its `key`."""

    key: str
    account: Account


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Open a session with a new key. `before` is the key of the browser's previous session, which is removed."""

    credentials: Credentials
    rules: SessionRules

    async def __call__(self, work: UnitOfWork, account: Account, before: str | None, address: str | None, now: datetime) -> SignInResult:
        key = self.credentials.new_session()
        await work.sessions.remove_created_before(now - self.rules.absolute)
        if before is not None:
            await work.sessions.remove(self.credentials.digest(before))
        await work.sessions.add(self.credentials.digest(key), Session(account.id, now, now))
        await work.accounts.save(replace(account, seen_at=now))
        await work.audit.add([AuditEntry(now, AuditAction.SIGNED_IN, account.name, AuthMethod.SESSION, address, f"account {account.name}")])
        return SignInResult(key, account)
