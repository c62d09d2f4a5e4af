from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.identity.hmac_action_tokens import HmacActionTokens
from adapters.identity.hmac_tokens import HmacTokens
from application.ports.access.action_tokens import ActionClaims, ActionTokens, LinkAction
from tests.fakes.access.action_tokens import FakeActionTokens

MakeActionTokens = Callable[..., ActionTokens]
CLAIMS = ActionClaims(LinkAction.RETRY, 7, datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture(params=[FakeActionTokens, lambda secret="secret": HmacActionTokens(secret.encode() * 8)], ids=["fake", "real"])
def make_tokens(request: pytest.FixtureRequest) -> MakeActionTokens:
    """Makes tokens of the given secret; without one, of the same secret each time."""
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("action", list(LinkAction))
@pytest.mark.parametrize("delivery_id", [1, 2**63 - 1])
def test_a_token_contains_its_claims(make_tokens: MakeActionTokens, action: LinkAction, delivery_id: int) -> None:
    claims = ActionClaims(action, delivery_id, CLAIMS.issued_at)

    assert make_tokens().read(make_tokens().issue(claims)) == claims


def test_equal_claims_have_the_same_token(make_tokens: MakeActionTokens) -> None:
    assert make_tokens().issue(CLAIMS) == make_tokens().issue(CLAIMS)


def test_a_token_of_another_secret_is_invalid(make_tokens: MakeActionTokens) -> None:
    assert make_tokens().read(make_tokens("other-").issue(CLAIMS)) is None


def test_a_token_changed_at_any_position_is_invalid_or_another_one(make_tokens: MakeActionTokens) -> None:
    tokens = HmacActionTokens(b"x" * 32)
    token = tokens.issue(CLAIMS)

    for position in range(len(token)):
        other = "A" if token[position] != "A" else "B"
        assert tokens.read(token[:position] + other + token[position + 1 :]) is None


@given(token=st.text(max_size=100))
def test_any_text_can_be_read(token: str) -> None:
    assert HmacActionTokens(b"x" * 32).read(token) is None


def test_tokens_of_the_previous_secret_are_valid_while_it_is_changed() -> None:
    old, new = b"o" * 32, b"n" * 32
    token = HmacActionTokens(old).issue(CLAIMS)

    assert HmacActionTokens(new, old).read(token) == CLAIMS
    assert HmacActionTokens(new).read(token) is None


def test_a_token_of_a_worker_is_no_link() -> None:
    assert HmacActionTokens(b"x" * 32).read(HmacTokens(b"x" * 32).issue_worker_token()) is None
