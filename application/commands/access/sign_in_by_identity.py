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
    """Sign in with an identity of the identity provider. The first sign-in creates the account, and each sign-in updates its role.

    `roles` maps groups and verified email addresses to roles; `*` matches everyone. The highest role wins. Raises NotAllowed for an
    identity without a role, or with a disabled account.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    open_session: OpenSession
    roles: Mapping[str, Role]

    async def __call__(self, identity: ExternalIdentity, address: str | None = None, before: str | None = None) -> SignInResult:
        role, now = self._get_role(identity), self.clock.now()
        async with self.open_unit_of_work() as work:
            account = await work.accounts.find_by_subject(identity.subject)
            if role is None or (account is not None and account.disabled_at is not None):
                await work.audit.add(
                    [AuditEntry(now, AuditAction.SIGN_IN_FAILED, None, AuthMethod.ANONYMOUS, address, f"account {identity.name}"[:200])]
                )
                await work.commit()
                raise NotAllowed("Your account has no role in Headgate. Ask an admin for access.")
            if account is None:
                account = await self._create_account(work, identity, role, now)
            if account.role is not role:
                account = replace(account, role=role)
            signed_in = await self.open_session(work, account, before, address, now)
            await work.commit()
        return signed_in

    async def _create_account(self, work: UnitOfWork, identity: ExternalIdentity, role: Role, now: datetime) -> Account:
        try:
            return await work.accounts.add(normalize_account_name(identity.name), role, None, identity.subject, now)
        except NameTaken:
            # The identity must not get access to an existing account that happens to have the same name.
            raise NotAllowed(f"Another account is named {identity.name}. Ask an admin for help.") from None

    def _get_role(self, identity: ExternalIdentity) -> Role | None:
        order = list(Role)
        roles = [self.roles[key] for key in (*identity.groups, (identity.email or "").lower(), "*") if key in self.roles]
        return max(roles, key=order.index, default=None)
