"""Signing in and out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from application.ports.access.credentials import Credentials, ExternalIdentity, PasswordHasher, SignInLimiter
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from domain.access.accounts import Account, Session, SessionRules, normalize_account_name
from domain.access.audit import AuditAction, AuditEntry
from domain.access.permissions import AuthMethod, Role
from domain.errors import InvalidInput, NameTaken, NotAllowed, NotSignedIn

WRONG_CREDENTIALS = "The name and the password do not go together."
TOO_MANY_ATTEMPTS = "Too many tries went wrong; wait a few minutes and try again."


class TooManySignInAttempts(NotSignedIn):
    """Whether the password would have been right is not said."""


@dataclass(frozen=True, slots=True)
class SignInResult:
    """`key` is the session's, for the browser alone."""

    key: str
    account: Account


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A new session with a new key; the one before, if any, ends."""

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


@dataclass(frozen=True, slots=True)
class SignIn:
    """By name and password. NotSignedIn, which never tells whether there is such a name, nor by the time it takes."""

    open_unit_of_work: OpenUnitOfWork
    passwords: PasswordHasher
    attempts: SignInLimiter
    clock: Clock
    open_session: OpenSession

    async def __call__(self, name: str, password: str, address: str | None = None, before: str | None = None) -> SignInResult:
        try:
            known = normalize_account_name(name)
        except InvalidInput:
            known = ""
        if not self.attempts.allows(known, address):
            raise TooManySignInAttempts(TOO_MANY_ATTEMPTS)
        async with self.open_unit_of_work() as work:
            account = await work.accounts.find(known)
        is_right = await self.passwords.verify(password, account.password if account else None)
        async with self.open_unit_of_work() as work:
            account = await work.accounts.find(known, lock=True)
            if account is None or not is_right or account.disabled_at is not None:
                self.attempts.record_failure(known, address)
                await self._note(work, known, address)
                raise NotSignedIn(WRONG_CREDENTIALS)
            signed_in = await self.open_session(work, account, before, address, self.clock.now())
            await work.commit()
        return signed_in

    async def _note(self, work: UnitOfWork, name: str, address: str | None) -> None:
        await work.audit.add([AuditEntry(self.clock.now(), AuditAction.SIGN_IN_FAILED, None, AuthMethod.ANONYMOUS, address, f"account {name}".strip())])
        await work.commit()


@dataclass(frozen=True, slots=True)
class SignInByIdentity:
    """By what an identity provider says. Who is new gets an account, and at every sign-in the role that their groups and address give.

    `roles` maps groups and verified addresses to roles; `*` is everybody. NotAllowed for who has none of them, or is disabled.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    open_session: OpenSession
    roles: Mapping[str, Role]

    async def __call__(self, identity: ExternalIdentity, address: str | None = None, before: str | None = None) -> SignInResult:
        role, now = self._role_of(identity), self.clock.now()
        async with self.open_unit_of_work() as work:
            account = await work.accounts.find_by_subject(identity.subject)
            if role is None or (account is not None and account.disabled_at is not None):
                await work.audit.add([AuditEntry(now, AuditAction.SIGN_IN_FAILED, None, AuthMethod.ANONYMOUS, address, f"account {identity.name}"[:200])])
                await work.commit()
                raise NotAllowed("You are known, but have no role here; ask whoever runs this Headgate.")
            if account is None:
                account = await self._new(work, identity, role, now)
            if account.role is not role:
                account = replace(account, role=role)
            signed_in = await self.open_session(work, account, before, address, now)
            await work.commit()
        return signed_in

    async def _new(self, work: UnitOfWork, identity: ExternalIdentity, role: Role, now: datetime) -> Account:
        try:
            return await work.accounts.add(normalize_account_name(identity.name), role, None, identity.subject, now)
        except NameTaken:
            # Never the account of somebody else who happens to have that name here.
            raise NotAllowed(f"There is another account named {identity.name}; ask whoever runs this Headgate.") from None

    def _role_of(self, identity: ExternalIdentity) -> Role | None:
        order = list(Role)
        found = [self.roles[key] for key in (*identity.groups, (identity.email or "").lower(), "*") if key in self.roles]
        return max(found, key=order.index, default=None)


@dataclass(frozen=True, slots=True)
class SignOut:
    """End the session; one that is over already is no error. `everywhere`: all of the account's."""

    open_unit_of_work: OpenUnitOfWork
    credentials: Credentials
    clock: Clock
    invalidate_callers: Callable[[], None]
    """Who was known may not be any more."""

    async def __call__(self, key: str, address: str | None = None, everywhere: bool = False) -> None:
        digest = self.credentials.digest(key)
        async with self.open_unit_of_work() as work:
            found = await work.sessions.find(digest)
            if found is None:
                return
            account = found[1]
            await (work.sessions.remove_for_account(account.id) if everywhere else work.sessions.remove(digest))
            details = {"everywhere": True} if everywhere else {}
            entry = AuditEntry(self.clock.now(), AuditAction.SIGNED_OUT, account.name, AuthMethod.SESSION, address, f"account {account.name}", details)
            await work.audit.add([entry])
            await work.commit()
        self.invalidate_callers()
