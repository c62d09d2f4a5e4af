"""Create, use and revoke API tokens."""

from datetime import timedelta

import pytest

from application.commands.access.create_token import NewToken
from domain.access.actor import Actor
from domain.access.api_tokens import TokenKind
from domain.access.audit import AuditAction
from domain.access.caller import ANONYMOUS, OPEN_ACCESS
from domain.access.permissions import Permission, Role, Scope, describe_required_role, describe_required_scope
from domain.errors import InvalidInput, NotFound
from tests.unit.application.commands.access.access_use_cases import ADMIN, AccessUseCases


async def test_a_token_has_the_permissions_of_its_scopes_until_it_is_revoked(access: AccessUseCases) -> None:
    created = await access.create_token(NewToken("ci", TokenKind.API, [Scope.TRIGGER, Scope.READ]), ADMIN)
    caller = await access.authenticator.authenticate_token(created.text)

    assert caller is not None
    assert caller.permissions == {Permission.READ, Permission.TRIGGER, Permission.OPERATE}
    assert caller.to_actor("10.0.0.1") == Actor("token ci", (), "token", "10.0.0.1")
    assert created.text not in str(access.fakes.store.committed.api_tokens)

    await access.revoke_token(created.token.id, ADMIN)
    assert await access.authenticator.authenticate_token(created.text) is None
    assert (await access.revoke_token(created.token.id, ADMIN)).revoked_at is not None
    assert access.audited == [(AuditAction.TOKEN_CREATED, "root"), (AuditAction.TOKEN_REVOKED, "root")]
    with pytest.raises(NotFound):
        await access.revoke_token(99, ADMIN)


async def test_a_token_revoked_by_another_process_is_refused_within_seconds(access: AccessUseCases) -> None:
    created = await access.create_token(NewToken("ci", TokenKind.API, [Scope.READ]), ADMIN)
    assert await access.authenticator.authenticate_token(created.text) is not None
    async with access.fakes.open_unit_of_work() as work:
        await work.api_tokens.revoke(created.token.id, access.fakes.clock.now())
        await work.commit()

    access.fakes.clock.advance(2)
    assert await access.authenticator.authenticate_token(created.text) is None


async def test_a_token_expires_and_records_the_day_of_its_last_use(access: AccessUseCases) -> None:
    now = access.fakes.clock.now()
    created = await access.create_token(NewToken("ci", TokenKind.API, [Scope.READ], None, now + timedelta(days=1)), ADMIN)
    await access.authenticator.authenticate_token(created.text)
    (stored,) = access.fakes.store.committed.api_tokens.values()
    assert stored.used_on == now.replace(hour=0, minute=0, second=0, microsecond=0)

    access.fakes.clock.advance(86_400)
    assert await access.authenticator.authenticate_token(created.text) is None


@pytest.mark.parametrize("text", ["", "hg_", "hg_api_", "hg_api_1_sun", "Bearer", "hg_api_1"])
async def test_a_malformed_token_is_refused_without_the_store(access: AccessUseCases, text: str) -> None:
    access.fakes.store.is_down = True
    assert await access.authenticator.authenticate_token(text) is None


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (NewToken("", TokenKind.API, [Scope.READ]), "name"),
        (NewToken("a\nb", TokenKind.API, [Scope.READ]), "name"),
        (NewToken("ci", TokenKind.API, []), "scopes"),
        (NewToken("lab", TokenKind.WORKER, [Scope.READ]), "kind"),
        (NewToken("lab", TokenKind.WORKER, [], "flights"), "kind"),
        (NewToken("ci", TokenKind.REPORTER, [Scope.REPORT]), "kind"),
        (NewToken("ci", TokenKind.REPORTER, [Scope.REPORT, Scope.READ], "flights"), "kind"),
        (NewToken("ci", TokenKind.API, [Scope.ADMIN], "flights"), "scopes"),
        (NewToken("ci", TokenKind.API, [Scope.READ], "unknown"), "pipeline"),
    ],
)
async def test_an_invalid_token_request_names_the_invalid_field(access: AccessUseCases, new: NewToken, field: str) -> None:
    await access.create_pipeline()
    with pytest.raises(InvalidInput) as error:
        await access.create_token(new, ADMIN)
    assert field in {problem.field for problem in error.value.problems}


@pytest.mark.parametrize("days", [-1, 0, 4_000])
async def test_a_token_must_expire_in_the_future_within_ten_years(access: AccessUseCases, days: int) -> None:
    ends = access.fakes.clock.now() + timedelta(days=days)
    with pytest.raises(InvalidInput, match="expires_at"):
        await access.create_token(NewToken("ci", TokenKind.API, [Scope.READ], None, ends), ADMIN)


def test_every_missing_permission_names_a_sufficient_role_and_scope() -> None:
    for permission in Permission:
        assert any(role in describe_required_role(permission) for role in Role)
        assert any(scope in describe_required_scope(permission) for scope in Scope)
    assert ANONYMOUS.permissions == frozenset() and OPEN_ACCESS.permissions == frozenset(Permission)
