"""Permissions that only some requests to a route need."""

import pytest
from fastapi import Request

from domain.access.caller import AuthMethod, Caller
from domain.access.permissions import Permission
from domain.errors import NotAllowed
from entrypoints.http.auth.caller import CALLER, require_permission


def a_request(auth_method: AuthMethod, *permissions: Permission) -> Request:
    return Request({"type": "http", CALLER: Caller(auth_method, frozenset(permissions))})


@pytest.mark.parametrize(
    ("auth_method", "sentence"),
    [
        (AuthMethod.SESSION, "This requires the role operator or higher."),
        (AuthMethod.TOKEN, "This requires a token with the scope trigger."),
        (AuthMethod.ANONYMOUS, "This requires the role operator or higher."),
    ],
)
def test_a_caller_without_the_permission_is_told_what_it_needs(auth_method: AuthMethod, sentence: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        require_permission(a_request(auth_method, Permission.TRIGGER), Permission.OPERATE)

    assert str(refused.value) == sentence


def test_a_caller_with_the_permission_may_go_on() -> None:
    require_permission(a_request(AuthMethod.SESSION, Permission.OPERATE), Permission.OPERATE)
