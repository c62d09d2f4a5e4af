"""Sign in with name and password."""

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

WRONG_CREDENTIALS = "Wrong name or password."
TOO_MANY_ATTEMPTS = "Too many failed sign-ins. Wait a few minutes and try again."


class TooManySignInAttempts(NotSignedIn):
    """The limit of failed sign-ins is reached. This error does not reveal whether the password was right."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Sign in with name and password.

    Raises TooManySignInAttempts; NotSignedIn. Neither the error nor the time it takes reveals whether the account exists.
    """

    open_unit_of_work: OpenUnitOfWork
    passwords: PasswordHasher
    attempts: SignInLimiter
    clock: Clock
    open_session: OpenSession

    async def __call__(self, name: str, password: str, address: str | None = None, before: str | None = None) -> SignInResult:
        try:
            name = normalize_account_name(name)
        except InvalidInput:
            name = ""
        if not self.attempts.allows(name, address):
            raise TooManySignInAttempts(TOO_MANY_ATTEMPTS)
        async with self.open_unit_of_work() as work:
            account = await work.accounts.find(name)
        is_correct = await self.passwords.verify(password, account.password if account else None)
        async with self.open_unit_of_work() as work:
            account = await work.accounts.find(name, lock=True)
            if account is None or not is_correct or account.disabled_at is not None:
                self.attempts.record_failure(name, address)
                await self._record_failure(work, name, address)
                raise NotSignedIn(WRONG_CREDENTIALS)
            signed_in = await self.open_session(work, account, before, address, self.clock.now())
            await work.commit()
        return signed_in

    async def _record_failure(self, work: UnitOfWork, name: str, address: str | None) -> None:
        await work.audit.add(
            [AuditEntry(self.clock.now(), AuditAction.SIGN_IN_FAILED, None, AuthMethod.ANONYMOUS, address, f"account {name}".strip())]
        )
        await work.commit()
