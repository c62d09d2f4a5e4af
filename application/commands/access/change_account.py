"""Change an account's role, password or disabled state."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from application.ports.access.password_hasher import PasswordHasher
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from domain.access.accounts import Account, check_password, normalize_account_name
from domain.access.actor import Actor
from domain.access.audit import AuditAction, AuditEntry, create_audit_entry
from domain.access.permissions import Role
from domain.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What is None stays as it is."""

    role: Role | None = None
    disabled: bool | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeAccount:
    """Another role, another password, shut or open: all of it or nothing. Each ends the account's sessions.

    NotFound, InvalidInput; Conflict `last_admin` for the last one.
    """

    open_unit_of_work: OpenUnitOfWork
    passwords: PasswordHasher
    clock: Clock
    invalidate_callers: Callable[[], None]
    """Who was known may not be any more."""

    async def __call__(self, name: str, change: AccountChange, actor: Actor) -> Account:
        hashed = await self._hashed(name, change.password)
        async with self.open_unit_of_work() as work:
            account = await lock_account(work, name)
            changed = self._changed(account, change, hashed)
            if changed == account:
                return account
            await self._check_admin_left(work, account, changed)
            await work.accounts.save(changed)
            await work.sessions.remove_for_account(account.id)
            await work.audit.add(self._entries(account, change, actor))
            await work.commit()
        self.invalidate_callers()
        return changed

    async def _hashed(self, name: str, password: str | None) -> str | None:
        if password is None:
            return None
        check_password(password, normalize_account_name(name))
        return await self.passwords.hash(password)

    def _changed(self, account: Account, change: AccountChange, hashed: str | None) -> Account:
        shut = account.disabled_at
        if change.disabled is not None:
            shut = (account.disabled_at or self.clock.now()) if change.disabled else None
        return replace(account, role=change.role or account.role, disabled_at=shut, password=hashed or account.password)

    def _entries(self, account: Account, change: AccountChange, actor: Actor) -> list[AuditEntry]:
        now, thing = self.clock.now(), f"account {account.name}"
        entries = [create_audit_entry(actor, AuditAction.PASSWORD_CHANGED, thing, now)] if change.password is not None else []
        if change.role is not None or change.disabled is not None:
            told = {"role": change.role.value if change.role else None, "disabled": change.disabled}
            entries.append(create_audit_entry(actor, AuditAction.ACCOUNT_CHANGED, thing, now, **told))
        return entries

    async def _check_admin_left(self, work: UnitOfWork, account: Account, changed: Account) -> None:
        def rules(each: Account) -> bool:
            return each.role is Role.ADMIN and each.disabled_at is None

        if (
            rules(account)
            and not rules(changed)
            and not any(rules(each) for each in await work.accounts.list_all() if each.id != account.id)
        ):
            raise Conflict("last_admin", f"{account.name} is the last admin; make somebody else one first.")


async def lock_account(work: UnitOfWork, name: str) -> Account:
    account = await work.accounts.find(normalize_account_name(name), lock=True)
    if account is None:
        raise NotFound("account", name)
    return account
