"""Create an account."""

from dataclasses import dataclass

from application.ports.access.password_hasher import PasswordHasher
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.access.accounts import Account, check_password, normalize_account_name
from domain.access.actor import Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.access.permissions import Role


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """Create an account with a password. Raises InvalidInput; NameTaken."""

    open_unit_of_work: OpenUnitOfWork
    passwords: PasswordHasher
    clock: Clock

    async def __call__(self, name: str, role: Role, password: str, actor: Actor) -> Account:
        name = normalize_account_name(name)
        check_password(password, name)
        hashed = await self.passwords.hash(password)
        async with self.open_unit_of_work() as work:
            now = self.clock.now()
            account = await work.accounts.add(name, role, hashed, None, now)
            await work.audit.add([create_audit_entry(actor, AuditAction.ACCOUNT_CREATED, f"account {name}", now, role=role.value)])
            await work.commit()
        return account
