"""Sign in with an identity provider."""

import pytest

from application.commands.access.change_account import AccountChange
from application.ports.access.identity_provider import ExternalIdentity
from domain.access.audit import AuditAction
from domain.access.permissions import Role
from domain.errors import NotAllowed, NotSignedIn
from tests.unit.application.commands.access.access_use_cases import ADMIN, PASSWORD, AccessUseCases


async def test_an_identity_gets_the_highest_role_of_its_groups_and_email() -> None:
    access = AccessUseCases({"platform": Role.ADMIN, "data": Role.OPERATOR, "eve@example.com": Role.OPERATOR, "*": Role.VIEWER})

    async def role(email: str, *groups: str) -> Role:
        return (await access.sign_in_by_identity(ExternalIdentity(f"issuer|{email}", email, groups, email))).account.role

    assert await role("ada@example.com", "data", "platform") is Role.ADMIN
    assert await role("Eve@example.com") is Role.OPERATOR
    assert await role("bob@example.com", "other") is Role.VIEWER
    assert await role("ada@example.com") is Role.VIEWER, "a role that was taken away there is gone at the next sign-in"


async def test_the_name_of_an_identity_gives_no_role() -> None:
    access = AccessUseCases({"boss@example.com": Role.ADMIN, "*": Role.VIEWER})

    assert (await access.sign_in_by_identity(ExternalIdentity("issuer|1", "boss@example.com"))).account.role is Role.VIEWER


async def test_an_identity_without_a_role_is_denied() -> None:
    access = AccessUseCases({"platform": Role.ADMIN})
    with pytest.raises(NotAllowed):
        await access.sign_in_by_identity(ExternalIdentity("issuer|1", "ada", ["other"]))

    assert access.audited == [(AuditAction.SIGN_IN_FAILED, None)]
    assert not access.fakes.store.committed.accounts


async def test_an_identity_cannot_take_over_a_local_account_of_the_same_name() -> None:
    access = AccessUseCases({"*": Role.ADMIN})
    await access.create("ada", Role.VIEWER, PASSWORD, ADMIN)

    with pytest.raises(NotAllowed, match="Another account is named ada"):
        await access.sign_in_by_identity(ExternalIdentity("issuer|1", "ada"))


async def test_a_disabled_account_stays_disabled_for_its_identity() -> None:
    access = AccessUseCases({"*": Role.VIEWER})
    await access.sign_in_by_identity(ExternalIdentity("issuer|1", "ada"))
    await access.change("ada", AccountChange(disabled=True), ADMIN)

    with pytest.raises(NotAllowed):
        await access.sign_in_by_identity(ExternalIdentity("issuer|1", "ada"))


async def test_an_account_without_a_password_accepts_no_password() -> None:
    access = AccessUseCases({"*": Role.VIEWER})
    await access.sign_in_by_identity(ExternalIdentity("issuer|1", "ada"))

    for password in ("", "None", PASSWORD):
        with pytest.raises(NotSignedIn):
            await access.sign_in("ada", password)
