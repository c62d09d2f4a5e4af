"""Making and changing people's accounts."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from application.ports.clock import Clock
from application.ports.credentials import Credentials, Passwords
from application.ports.persistence import OpenUnitOfWork, UnitOfWork
from domain.access import Role
from domain.accounts import Account, account_name, check_password
from domain.audit import Deed, entry_of
from domain.controls import Person
from domain.errors import Conflict, InvalidInput, NotFound


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """InvalidInput, NameTaken."""

    open_unit_of_work: OpenUnitOfWork
    passwords: Passwords
    clock: Clock

    async def __call__(self, name: str, role: Role, password: str, person: Person) -> Account:
        known = account_name(name)
        check_password(password, known)
        hashed = await self.passwords.hash(password)
        async with self.open_unit_of_work() as work:
            now = self.clock.now()
            account = await work.accounts.add(known, role, hashed, None, now)
            await work.audit.add([entry_of(person, Deed.ACCOUNT_CREATED, f"account {known}", now, role=role.value)])
            await work.commit()
        return account


@dataclass(frozen=True, slots=True)
class ChangeAccount:
    """Give another role, or shut or open the account; either ends its sessions. NotFound; Conflict `last_admin` for the last one."""

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    forget: Callable[[], None]
    """Who was known may not be any more."""

    async def __call__(self, name: str, role: Role | None, disabled: bool | None, person: Person) -> Account:
        async with self.open_unit_of_work() as work:
            now = self.clock.now()
            account = await _found(work, name)
            shut = account.disabled_at if disabled is None else (account.disabled_at or now) if disabled else None
            changed = replace(account, role=role or account.role, disabled_at=shut)
            if changed == account:
                return account
            await self._check_admin_left(work, account, changed)
            await work.accounts.save(changed)
            await work.sessions.remove_of(account.id)
            told = {"role": role.value if role else None, "disabled": disabled}
            await work.audit.add([entry_of(person, Deed.ACCOUNT_CHANGED, f"account {account.name}", now, **told)])
            await work.commit()
        self.forget()
        return changed

    async def _check_admin_left(self, work: UnitOfWork, account: Account, changed: Account) -> None:
        def rules(each: Account) -> bool:
            return each.role is Role.ADMIN and each.disabled_at is None

        if rules(account) and not rules(changed) and not any(rules(each) for each in await work.accounts.all() if each.id != account.id):
            raise Conflict("last_admin", f"{account.name} is the last admin; make somebody else one first.")


@dataclass(frozen=True, slots=True)
class SetPassword:
    """An admin's act: ends every session of the account. NotFound, InvalidInput."""

    open_unit_of_work: OpenUnitOfWork
    passwords: Passwords
    clock: Clock
    forget: Callable[[], None]
    """Who was known may not be any more."""

    async def __call__(self, name: str, password: str, person: Person) -> None:
        check_password(password, account_name(name))
        hashed = await self.passwords.hash(password)
        async with self.open_unit_of_work() as work:
            account = await _found(work, name)
            await work.accounts.save(replace(account, password=hashed))
            await work.sessions.remove_of(account.id)
            await work.audit.add([entry_of(person, Deed.PASSWORD_CHANGED, f"account {account.name}", self.clock.now())])
            await work.commit()
        self.forget()


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Of one's own account, knowing the one before; ends every other session. InvalidInput."""

    open_unit_of_work: OpenUnitOfWork
    passwords: Passwords
    credentials: Credentials
    clock: Clock
    forget: Callable[[], None]
    """Who was known may not be any more."""

    async def __call__(self, account_id: int, session: str, before: str, password: str, person: Person) -> None:
        async with self.open_unit_of_work() as work:
            account = await work.accounts.by_id(account_id)
        if account is None or not await self.passwords.fits(before, account.password):
            raise InvalidInput.of("before", "is not the password until now")
        check_password(password, account.name)
        hashed = await self.passwords.hash(password)
        async with self.open_unit_of_work() as work:
            account = await _found(work, account.name)
            await work.accounts.save(replace(account, password=hashed))
            await work.sessions.remove_of(account.id, but=self.credentials.digest(session))
            await work.audit.add([entry_of(person, Deed.PASSWORD_CHANGED, f"account {account.name}", self.clock.now())])
            await work.commit()
        self.forget()


async def _found(work: UnitOfWork, name: str) -> Account:
    account = await work.accounts.find(account_name(name), lock=True)
    if account is None:
        raise NotFound("account", name)
    return account
