"""Sign in, sessions, and sign out."""

import pytest

from application.commands.access.change_account import AccountChange
from application.commands.access.sign_in import TooManySignInAttempts
from domain.access.audit import AuditAction
from domain.access.caller import AuthMethod
from domain.access.permissions import ROLE_PERMISSIONS, Role
from domain.errors import NotSignedIn
from tests.unit.application.commands.access.access_use_cases import ADMIN, PASSWORD, AccessUseCases


async def test_name_and_password_open_a_session(access: AccessUseCases) -> None:
    await access.create("Ada", Role.OPERATOR, PASSWORD, ADMIN)

    signed_in = await access.sign_in(" ADA ", PASSWORD, "10.0.0.1")
    caller = await access.authenticator.authenticate_session(signed_in.key)

    assert caller is not None
    assert (caller.auth_method, caller.name, caller.permissions) == (AuthMethod.SESSION, "ada", ROLE_PERMISSIONS[Role.OPERATOR])
    assert access.audited == [(AuditAction.ACCOUNT_CREATED, "root"), (AuditAction.SIGNED_IN, "ada")]


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("nobody", PASSWORD), ("\0", PASSWORD), ("a b", PASSWORD), ("", "")])
async def test_a_failed_sign_in_does_not_reveal_whether_the_account_exists(access: AccessUseCases, name: str, password: str) -> None:
    await access.create("ada", Role.VIEWER, PASSWORD, ADMIN)

    with pytest.raises(NotSignedIn) as error:
        await access.sign_in(name, password)

    assert str(error.value) == "Wrong name or password."
    assert access.fakes.passwords.compared == 1
    assert access.audited[-1] == (AuditAction.SIGN_IN_FAILED, None)


async def test_a_disabled_account_gets_the_same_error_as_a_wrong_password(access: AccessUseCases) -> None:
    await access.create("ada", Role.VIEWER, PASSWORD, ADMIN)
    await access.change("ada", AccountChange(disabled=True), ADMIN)

    with pytest.raises(NotSignedIn, match="Wrong name or password"):
        await access.sign_in("ada", PASSWORD)


async def test_too_many_failed_sign_ins_also_block_the_right_password(access: AccessUseCases) -> None:
    await access.create("ada", Role.VIEWER, PASSWORD, ADMIN)
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            await access.sign_in("ada", "wrong", "10.0.0.1")

    with pytest.raises(TooManySignInAttempts):
        await access.sign_in("ada", PASSWORD, "10.0.0.1")
    assert (await access.sign_in("ada", PASSWORD, "10.0.0.2")).account.name == "ada"


async def test_every_sign_in_has_a_new_key_and_ends_the_previous_session(access: AccessUseCases) -> None:
    first = await access.sign_in_ada()
    second = await access.sign_in("ada", PASSWORD, before=first.key)
    access.authenticator.invalidate_callers()

    assert first.key != second.key
    assert await access.authenticator.authenticate_session(first.key) is None
    assert await access.authenticator.authenticate_session(second.key) is not None


async def test_a_session_ends_after_its_idle_time_or_its_absolute_time(access: AccessUseCases) -> None:
    busy, idle = await access.sign_in_ada(), await access.sign_in("ada", PASSWORD)
    for _ in range(14):
        access.fakes.clock.advance(11 * 3600)
        assert await access.authenticator.authenticate_session(busy.key) is not None
    assert await access.authenticator.authenticate_session(idle.key) is None

    access.fakes.clock.advance(14 * 3600)
    assert await access.authenticator.authenticate_session(busy.key) is None


async def test_frequent_requests_of_a_session_are_not_all_written(access: AccessUseCases) -> None:
    key = (await access.sign_in_ada()).key
    digest = access.fakes.credentials.digest(key)
    first_seen_at = access.fakes.store.committed.sessions[digest].seen_at

    for _ in range(20):
        access.fakes.clock.advance(2.5)
        assert await access.authenticator.authenticate_session(key) is not None

    assert access.fakes.store.committed.sessions[digest].seen_at == first_seen_at


async def test_signing_out_everywhere_ends_every_session(access: AccessUseCases) -> None:
    first, second = await access.sign_in_ada(), await access.sign_in("ada", PASSWORD)
    await access.sign_out(first.key, None, everywhere=True)
    await access.sign_out("unknown")

    assert await access.authenticator.authenticate_session(first.key) is None
    assert await access.authenticator.authenticate_session(second.key) is None
