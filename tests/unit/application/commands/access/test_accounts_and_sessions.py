"""Who may come in, by the use cases over fakes."""

from datetime import timedelta

import pytest

from application.commands.access.change_account import AccountChange, ChangeAccount
from application.commands.access.change_password import ChangePassword
from application.commands.access.create_account import CreateAccount
from application.commands.access.create_token import CreateToken, NewToken
from application.commands.access.open_session import OpenSession, SignInResult
from application.commands.access.revoke_token import RevokeToken
from application.commands.access.sign_in import SignIn, TooManySignInAttempts
from application.commands.access.sign_in_by_identity import SignInByIdentity
from application.commands.access.sign_out import SignOut
from application.ports.access.identity_provider import ExternalIdentity
from application.queries.access.authenticator import Authenticator
from domain.access.actor import Actor
from domain.access.api_tokens import TokenKind
from domain.access.audit import AuditAction
from domain.access.caller import ANONYMOUS, OPEN_ACCESS, AuthMethod
from domain.access.permissions import ROLE_PERMISSIONS, Permission, Role, Scope, describe_required_role, describe_required_scope
from domain.access.sessions import SessionRules
from domain.errors import Conflict, InvalidInput, NameTaken, NotAllowed, NotFound, NotSignedIn
from tests.fakes import FakeAdapters
from tests.support.builders import a_definition

PASSWORD = "four words of mine"
RULES = SessionRules(idle=timedelta(hours=12), absolute=timedelta(days=7))
ADMIN = Actor("root", ("admin",), "session", "10.0.0.9")


class Door:
    """The use cases, wired as the container does."""

    def __init__(self, roles: dict[str, Role] | None = None) -> None:
        self.fakes = fakes = FakeAdapters()
        opened, clock = fakes.open_unit_of_work, fakes.clock
        open_session = OpenSession(fakes.credentials, RULES)
        self.authenticator = Authenticator(opened, fakes.credentials, clock, RULES)
        invalidate_callers = self.authenticator.invalidate_callers
        self.sign_in = SignIn(opened, fakes.passwords, fakes.sign_in_limiter, clock, open_session)
        self.by_identity = SignInByIdentity(opened, clock, open_session, roles or {})
        self.sign_out = SignOut(opened, fakes.credentials, clock, invalidate_callers)
        self.create = CreateAccount(opened, fakes.passwords, clock)
        self.change = ChangeAccount(opened, fakes.passwords, clock, invalidate_callers)
        self.change_password = ChangePassword(opened, fakes.passwords, fakes.credentials, clock, invalidate_callers)
        self.create_token = CreateToken(opened, fakes.credentials, clock)
        self.revoke_token = RevokeToken(opened, clock, invalidate_callers)

    async def ada(self, role: Role = Role.OPERATOR) -> SignInResult:
        await self.create("ada", role, PASSWORD, ADMIN)
        return await self.sign_in("ada", PASSWORD, "10.0.0.1")

    async def pipeline(self, name: str = "flights") -> int:
        async with self.fakes.open_unit_of_work() as work:
            made = await work.pipelines.add(a_definition(name), self.fakes.clock.now())
            await work.commit()
        return made.id

    @property
    def deeds(self) -> list[tuple[AuditAction, str | None]]:
        return [(entry.action, entry.actor) for entry in self.fakes.store.committed.audit.values()]


@pytest.fixture
def door() -> Door:
    return Door()


async def test_a_name_and_its_password_open_a_session(door: Door) -> None:
    await door.create("Ada", Role.OPERATOR, PASSWORD, ADMIN)

    signed_in = await door.sign_in(" ADA ", PASSWORD, "10.0.0.1")
    caller = await door.authenticator.authenticate_session(signed_in.key)

    assert caller is not None
    assert (caller.auth_method, caller.name, caller.permissions) == (AuthMethod.SESSION, "ada", ROLE_PERMISSIONS[Role.OPERATOR])
    assert door.deeds == [(AuditAction.ACCOUNT_CREATED, "root"), (AuditAction.SIGNED_IN, "ada")]


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("nobody", PASSWORD), ("\0", PASSWORD), ("a b", PASSWORD), ("", "")])
async def test_what_is_wrong_is_not_told_and_costs_the_same(door: Door, name: str, password: str) -> None:
    await door.create("ada", Role.VIEWER, PASSWORD, ADMIN)

    with pytest.raises(NotSignedIn) as refused:
        await door.sign_in(name, password)

    assert str(refused.value) == "The name or the password is wrong."
    assert door.fakes.passwords.compared == 1
    assert door.deeds[-1] == (AuditAction.SIGN_IN_FAILED, None)


async def test_a_shut_account_is_told_no_more_than_a_wrong_password(door: Door) -> None:
    await door.create("ada", Role.VIEWER, PASSWORD, ADMIN)
    await door.change("ada", AccountChange(disabled=True), ADMIN)

    with pytest.raises(NotSignedIn, match="is wrong"):
        await door.sign_in("ada", PASSWORD)


async def test_too_many_tries_are_stopped_though_the_next_one_is_right(door: Door) -> None:
    await door.create("ada", Role.VIEWER, PASSWORD, ADMIN)
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            await door.sign_in("ada", "wrong", "10.0.0.1")

    with pytest.raises(TooManySignInAttempts):
        await door.sign_in("ada", PASSWORD, "10.0.0.1")
    assert (await door.sign_in("ada", PASSWORD, "10.0.0.2")).account.name == "ada"


async def test_the_key_is_another_one_at_every_sign_in_and_the_one_before_is_over(door: Door) -> None:
    first = await door.ada()
    second = await door.sign_in("ada", PASSWORD, before=first.key)
    door.authenticator.invalidate_callers()

    assert first.key != second.key
    assert await door.authenticator.authenticate_session(first.key) is None
    assert await door.authenticator.authenticate_session(second.key) is not None


async def test_a_session_ends_when_it_is_idle_and_after_its_days_in_any_case(door: Door) -> None:
    busy, idle = await door.ada(), await door.sign_in("ada", PASSWORD)
    for _ in range(14):
        door.fakes.clock.advance(11 * 3600)
        assert await door.authenticator.authenticate_session(busy.key) is not None
    assert await door.authenticator.authenticate_session(idle.key) is None

    door.fakes.clock.advance(14 * 3600)
    assert await door.authenticator.authenticate_session(busy.key) is None


async def test_a_session_that_is_used_often_costs_no_write_each_time(door: Door) -> None:
    key = (await door.ada()).key
    digest = door.fakes.credentials.digest(key)
    begun = door.fakes.store.committed.sessions[digest].seen_at

    for _ in range(20):
        door.fakes.clock.advance(2.5)
        assert await door.authenticator.authenticate_session(key) is not None

    assert door.fakes.store.committed.sessions[digest].seen_at == begun


@pytest.mark.parametrize(
    "change", [AccountChange(role=Role.VIEWER), AccountChange(disabled=True), AccountChange(password="another four words")]
)
async def test_what_changes_an_account_ends_its_sessions_at_once(door: Door, change: AccountChange) -> None:
    key = (await door.ada()).key
    assert await door.authenticator.authenticate_session(key) is not None

    await door.change("ada", change, ADMIN)

    assert await door.authenticator.authenticate_session(key) is None


async def test_the_last_admin_stays_one(door: Door) -> None:
    await door.create("ada", Role.ADMIN, PASSWORD, ADMIN)
    for change in (
        AccountChange(role=Role.VIEWER),
        AccountChange(disabled=True),
        AccountChange(role=Role.VIEWER, password="another four words"),
    ):
        with pytest.raises(Conflict) as refused:
            await door.change("ada", change, ADMIN)
        assert refused.value.kind == "last_admin"

    await door.create("eve", Role.ADMIN, PASSWORD, ADMIN)
    assert (await door.sign_in("ada", PASSWORD)).account.name == "ada", "nothing of what was refused was done"
    assert (await door.change("ada", AccountChange(role=Role.VIEWER), ADMIN)).role is Role.VIEWER


async def test_a_password_of_ones_own_needs_the_one_before_and_ends_the_other_sessions(door: Door) -> None:
    here, elsewhere = await door.ada(), await door.sign_in("ada", PASSWORD)
    with pytest.raises(InvalidInput, match="before"):
        await door.change_password(here.account.id, here.key, "wrong", "another four words", Actor("ada"))

    await door.change_password(here.account.id, here.key, PASSWORD, "another four words", Actor("ada"))

    assert await door.authenticator.authenticate_session(here.key) is not None
    assert await door.authenticator.authenticate_session(elsewhere.key) is None


@pytest.mark.parametrize("password", ["", "short", "a" * 12, "x" * 201, "abababababab"])
async def test_a_password_that_is_easily_guessed_is_refused(door: Door, password: str) -> None:
    with pytest.raises(InvalidInput, match="password"):
        await door.create("ada", Role.VIEWER, password, ADMIN)


@pytest.mark.parametrize("name", ["", " ", "-a", "a b", "ä", "x" * 101, "a/b", "a\0"])
async def test_a_name_that_cannot_be_is_refused(door: Door, name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        await door.create(name, Role.VIEWER, PASSWORD, ADMIN)


async def test_a_name_is_somebodys_once(door: Door) -> None:
    await door.create("ada", Role.VIEWER, PASSWORD, ADMIN)
    with pytest.raises(NameTaken, match="account named ada"):
        await door.create("ADA", Role.VIEWER, PASSWORD, ADMIN)


async def test_signing_out_everywhere_ends_every_session(door: Door) -> None:
    first, second = await door.ada(), await door.sign_in("ada", PASSWORD)
    await door.sign_out(first.key, None, everywhere=True)
    await door.sign_out("unknown")

    assert await door.authenticator.authenticate_session(first.key) is None
    assert await door.authenticator.authenticate_session(second.key) is None


# -- by an identity provider ------------------------------------------------------------------------------------------


async def test_who_comes_by_the_provider_has_the_highest_role_that_group_or_name_gives() -> None:
    door = Door({"platform": Role.ADMIN, "data": Role.OPERATOR, "eve@example.com": Role.OPERATOR, "*": Role.VIEWER})

    async def role(email: str, *groups: str) -> Role:
        return (await door.by_identity(ExternalIdentity(f"issuer|{email}", email, groups, email))).account.role

    assert await role("ada@example.com", "data", "platform") is Role.ADMIN
    assert await role("Eve@example.com") is Role.OPERATOR
    assert await role("bob@example.com", "other") is Role.VIEWER
    assert await role("ada@example.com") is Role.VIEWER, "a role that was taken away there is gone at the next sign-in"


async def test_what_people_call_themselves_gives_them_no_role() -> None:
    door = Door({"boss@example.com": Role.ADMIN, "*": Role.VIEWER})

    assert (await door.by_identity(ExternalIdentity("issuer|1", "boss@example.com"))).account.role is Role.VIEWER


async def test_who_has_no_role_does_not_come_in() -> None:
    door = Door({"platform": Role.ADMIN})
    with pytest.raises(NotAllowed):
        await door.by_identity(ExternalIdentity("issuer|1", "ada", ["other"]))

    assert door.deeds == [(AuditAction.SIGN_IN_FAILED, None)]
    assert not door.fakes.store.committed.accounts


async def test_a_provider_never_opens_somebody_elses_local_account() -> None:
    door = Door({"*": Role.ADMIN})
    await door.create("ada", Role.VIEWER, PASSWORD, ADMIN)

    with pytest.raises(NotAllowed, match="another account named ada"):
        await door.by_identity(ExternalIdentity("issuer|1", "ada"))


async def test_an_account_that_was_shut_here_stays_shut_whatever_the_provider_says() -> None:
    door = Door({"*": Role.VIEWER})
    await door.by_identity(ExternalIdentity("issuer|1", "ada"))
    await door.change("ada", AccountChange(disabled=True), ADMIN)

    with pytest.raises(NotAllowed):
        await door.by_identity(ExternalIdentity("issuer|1", "ada"))


async def test_an_account_without_a_password_opens_to_no_password() -> None:
    door = Door({"*": Role.VIEWER})
    await door.by_identity(ExternalIdentity("issuer|1", "ada"))

    for password in ("", "None", PASSWORD):
        with pytest.raises(NotSignedIn):
            await door.sign_in("ada", password)


# -- tokens -----------------------------------------------------------------------------------------------------------


async def test_a_token_is_good_for_its_scopes_until_it_is_revoked(door: Door) -> None:
    made = await door.create_token(NewToken("ci", TokenKind.API, [Scope.TRIGGER, Scope.READ]), ADMIN)
    caller = await door.authenticator.authenticate_token(made.text)

    assert caller is not None
    assert caller.permissions == {Permission.READ, Permission.TRIGGER, Permission.OPERATE}
    assert caller.to_actor("10.0.0.1") == Actor("token ci", (), "token", "10.0.0.1")
    assert made.text not in str(door.fakes.store.committed.api_tokens)

    await door.revoke_token(made.token.id, ADMIN)
    assert await door.authenticator.authenticate_token(made.text) is None
    assert (await door.revoke_token(made.token.id, ADMIN)).revoked_at is not None
    assert door.deeds == [(AuditAction.TOKEN_CREATED, "root"), (AuditAction.TOKEN_REVOKED, "root")]
    with pytest.raises(NotFound):
        await door.revoke_token(99, ADMIN)


async def test_what_another_process_revoked_is_refused_here_within_seconds(door: Door) -> None:
    made = await door.create_token(NewToken("ci", TokenKind.API, [Scope.READ]), ADMIN)
    assert await door.authenticator.authenticate_token(made.text) is not None
    async with door.fakes.open_unit_of_work() as work:
        await work.api_tokens.revoke(made.token.id, door.fakes.clock.now())
        await work.commit()

    door.fakes.clock.advance(2)
    assert await door.authenticator.authenticate_token(made.text) is None


async def test_a_token_ends_at_its_time_and_tells_the_day_it_was_used(door: Door) -> None:
    now = door.fakes.clock.now()
    made = await door.create_token(NewToken("ci", TokenKind.API, [Scope.READ], None, now + timedelta(days=1)), ADMIN)
    await door.authenticator.authenticate_token(made.text)
    (stored,) = door.fakes.store.committed.api_tokens.values()
    assert stored.used_on == now.replace(hour=0, minute=0, second=0, microsecond=0)

    door.fakes.clock.advance(86_400)
    assert await door.authenticator.authenticate_token(made.text) is None


@pytest.mark.parametrize("text", ["", "hg_", "hg_api_", "hg_api_1_sun", "Bearer", "hg_api_1"])
async def test_what_is_no_token_is_known_without_the_store(door: Door, text: str) -> None:
    door.fakes.store.is_down = True
    assert await door.authenticator.authenticate_token(text) is None


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (NewToken("", TokenKind.API, [Scope.READ]), "name"),
        (NewToken("a\nb", TokenKind.API, [Scope.READ]), "name"),
        (NewToken("ci", TokenKind.API, []), "scopes"),
        (NewToken("ci", TokenKind.REPORTER, [Scope.REPORT]), "kind"),
        (NewToken("ci", TokenKind.REPORTER, [Scope.REPORT, Scope.READ], "flights"), "kind"),
        (NewToken("ci", TokenKind.API, [Scope.ADMIN], "flights"), "scopes"),
        (NewToken("ci", TokenKind.API, [Scope.READ], "unknown"), "pipeline"),
    ],
)
async def test_a_token_that_makes_no_sense_is_refused_by_field(door: Door, new: NewToken, field: str) -> None:
    await door.pipeline()
    with pytest.raises(InvalidInput) as refused:
        await door.create_token(new, ADMIN)
    assert field in {problem.field for problem in refused.value.problems}


@pytest.mark.parametrize("days", [-1, 0, 4_000])
async def test_a_token_ends_in_the_future_and_not_in_a_lifetime(door: Door, days: int) -> None:
    ends = door.fakes.clock.now() + timedelta(days=days)
    with pytest.raises(InvalidInput, match="expires_at"):
        await door.create_token(NewToken("ci", TokenKind.API, [Scope.READ], None, ends), ADMIN)


def test_every_refusal_names_a_role_and_a_scope_that_would_do() -> None:
    for permission in Permission:
        assert any(role in describe_required_role(permission) for role in Role)
        assert any(scope in describe_required_scope(permission) for scope in Scope)
    assert ANONYMOUS.permissions == frozenset() and OPEN_ACCESS.permissions == frozenset(Permission)
