"""Signing in and out."""

from dataclasses import dataclass

from application.commands.access.open_session import OpenSession, SignInResult
from application.ports.access.password_hasher import PasswordHasher
from application.ports.access.sign_in_limiter import SignInLimiter
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from domain.access.accounts import normalize_account_name
from domain.access.audit import AuditAction, AuditEntry
from domain.access.caller import AuthMethod
from domain.errors import InvalidInput, NotSignedIn

WRONG_CREDENTIALS = "The name and the password do not go together."
TOO_MANY_ATTEMPTS = "Too many tries went wrong; wait a few minutes and try again."


class TooManySignInAttempts(NotSignedIn):
    """Whether the password would have been right is not said."""


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
        await work.audit.add(
            [AuditEntry(self.clock.now(), AuditAction.SIGN_IN_FAILED, None, AuthMethod.ANONYMOUS, address, f"account {name}".strip())]
        )
        await work.commit()
