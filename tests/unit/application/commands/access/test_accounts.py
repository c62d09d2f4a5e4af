"""Create and change accounts."""

import pytest

from application.commands.access.change_account import AccountChange
from domain.access.actor import Actor
from domain.access.permissions import Role
from domain.errors import Conflict, InvalidInput, NameTaken
from tests.unit.application.commands.access.access_use_cases import ADMIN, PASSWORD, AccessUseCases


@pytest.mark.parametrize(
    "change", [AccountChange(role=Role.VIEWER), AccountChange(disabled=True), AccountChange(password="another four words")]
)
async def test_changing_an_account_ends_its_sessions_immediately(access: AccessUseCases, change: AccountChange) -> None:
    key = (await access.sign_in_ada()).key
    assert await access.authenticator.authenticate_session(key) is not None

    await access.change("ada", change, ADMIN)

    assert await access.authenticator.authenticate_session(key) is None


async def test_the_last_admin_cannot_be_demoted_or_disabled(access: AccessUseCases) -> None:
    await access.create("ada", Role.ADMIN, PASSWORD, ADMIN)
    for change in (
        AccountChange(role=Role.VIEWER),
        AccountChange(disabled=True),
        AccountChange(role=Role.VIEWER, password="another four words"),
    ):
        with pytest.raises(Conflict) as error:
            await access.change("ada", change, ADMIN)
        assert error.value.kind == "last_admin"

    await access.create("eve", Role.ADMIN, PASSWORD, ADMIN)
    assert (await access.sign_in("ada", PASSWORD)).account.name == "ada", "nothing of what was error was done"
    assert (await access.change("ada", AccountChange(role=Role.VIEWER), ADMIN)).role is Role.VIEWER


async def test_changing_a_password_needs_the_old_one_and_ends_other_sessions(access: AccessUseCases) -> None:
    current, elsewhere = await access.sign_in_ada(), await access.sign_in("ada", PASSWORD)
    with pytest.raises(InvalidInput, match="before"):
        await access.change_password(current.account.id, current.key, "wrong", "another four words", Actor("ada"))

    await access.change_password(current.account.id, current.key, PASSWORD, "another four words", Actor("ada"))

    assert await access.authenticator.authenticate_session(current.key) is not None
    assert await access.authenticator.authenticate_session(elsewhere.key) is None


@pytest.mark.parametrize("password", ["", "short", "a" * 12, "x" * 201, "abababababab"])
async def test_a_password_that_is_easy_to_guess_is_refused(access: AccessUseCases, password: str) -> None:
    with pytest.raises(InvalidInput, match="password"):
        await access.create("ada", Role.VIEWER, password, ADMIN)


@pytest.mark.parametrize("name", ["", " ", "-a", "a b", "ä", "x" * 101, "a/b", "a\0"])
async def test_an_invalid_account_name_is_refused(access: AccessUseCases, name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        await access.create(name, Role.VIEWER, PASSWORD, ADMIN)


async def test_an_account_name_is_unique(access: AccessUseCases) -> None:
    await access.create("ada", Role.VIEWER, PASSWORD, ADMIN)
    with pytest.raises(NameTaken, match="already named ada"):
        await access.create("ADA", Role.VIEWER, PASSWORD, ADMIN)
