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
    """A change of an account. Fields that are None stay as they are."""

    role: Role | None = None
    disabled: bool | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeAccount:
    """Apply a change to an account, and end the account's sessions.

    Raises NotFound; InvalidInput; Conflict `last_admin` if no enabled admin would be left.
    """

    open_unit_of_work: OpenUnitOfWork
    passwords: PasswordHasher
    clock: Clock
    invalidate_callers: Callable[[], None]
    """Clears the cache of authenticated callers."""

    async def __call__(self, name: str, change: AccountChange, actor: Actor) -> Account:
        hashed = await self._hash_password(name, change.password)
        async with self.open_unit_of_work() as work:
            account = await lock_account(work, name)
            changed = self._apply(account, change, hashed)
            if changed == account:
                return account
            await self._check_admin_left(work, account, changed)
            await work.accounts.save(changed)
            await work.sessions.remove_for_account(account.id)
            await work.audit.add(self._create_audit_entries(account, change, actor))
            await work.commit()
        self.invalidate_callers()
        return changed

    async def _hash_password(self, name: str, password: str | None) -> str | None:
        if password is None:
            return None
        check_password(password, normalize_account_name(name))
        return await self.passwords.hash(password)

    def _apply(self, account: Account, change: AccountChange, hashed: str | None) -> Account:
        disabled_at = account.disabled_at
        if change.disabled is not None:
            disabled_at = (account.disabled_at or self.clock.now()) if change.disabled else None
        return replace(account, role=change.role or account.role, disabled_at=disabled_at, password=hashed or account.password)

    def _create_audit_entries(self, account: Account, change: AccountChange, actor: Actor) -> list[AuditEntry]:
        now, subject = self.clock.now(), f"account {account.name}"
        entries = [create_audit_entry(actor, AuditAction.PASSWORD_CHANGED, subject, now)] if change.password is not None else []
        if change.role is not None or change.disabled is not None:
            details = {"role": change.role.value if change.role else None, "disabled": change.disabled}
            entries.append(create_audit_entry(actor, AuditAction.ACCOUNT_CHANGED, subject, now, **details))
        return entries

    async def _check_admin_left(self, work: UnitOfWork, account: Account, changed: Account) -> None:
        if not _is_enabled_admin(account) or _is_enabled_admin(changed):
            return
        others = [other for other in await work.accounts.list_all() if other.id != account.id]
        if not any(_is_enabled_admin(other) for other in others):
            raise Conflict("last_admin", f"{account.name} is the last admin. Give another account the role admin first.")


def _is_enabled_admin(account: Account) -> bool:
    return account.role is Role.ADMIN and account.disabled_at is None


async def lock_account(work: UnitOfWork, name: str) -> Account:
    """Return the account, its row locked. Raises NotFound."""
    account = await work.accounts.find(normalize_account_name(name), lock=True)
    if account is None:
        raise NotFound("account", name)
    return account
