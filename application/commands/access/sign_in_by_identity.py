"""Sign in with an identity provider."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from application.commands.access.open_session import OpenSession, SignInResult
from application.ports.access.identity_provider import ExternalIdentity
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from domain.access.accounts import Account, normalize_account_name
from domain.access.audit import AuditAction, AuditEntry
from domain.access.caller import AuthMethod
from domain.access.permissions import Role
from domain.errors import NameTaken, NotAllowed


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
                await work.audit.add(
                    [AuditEntry(now, AuditAction.SIGN_IN_FAILED, None, AuthMethod.ANONYMOUS, address, f"account {identity.name}"[:200])]
                )
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
