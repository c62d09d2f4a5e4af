from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from application.ports.access.execution_tokens import AttemptClaims, ExecutionTokens, WorkerClaims

MakeTokens = Callable[..., ExecutionTokens]
CLAIMS = AttemptClaims(7, "extract", 2)


@pytest.mark.parametrize("claims", [CLAIMS, AttemptClaims(2**63 - 1, "a.b-c_D.9", 101)])
def test_an_attempt_token_contains_its_claims(make_tokens: MakeTokens, claims: AttemptClaims) -> None:
    tokens = make_tokens()

    assert tokens.read(tokens.issue_attempt_token(claims)) == claims


def test_a_worker_token_is_read_as_such(make_tokens: MakeTokens) -> None:
    assert make_tokens().read(make_tokens().issue_worker_token()) == WorkerClaims()


def test_every_process_with_the_secret_reads_the_tokens(make_tokens: MakeTokens) -> None:
    assert make_tokens("same").read(make_tokens("same").issue_attempt_token(CLAIMS)) == CLAIMS


def test_a_token_of_another_secret_is_invalid(make_tokens: MakeTokens) -> None:
    other = make_tokens("other")

    assert make_tokens().read(other.issue_attempt_token(CLAIMS)) is None
    assert make_tokens().read(other.issue_worker_token()) is None


def test_a_token_changed_at_any_position_is_invalid(make_tokens: MakeTokens) -> None:
    tokens = make_tokens()
    token = tokens.issue_worker_token()

    for position in range(len(token)):
        other = "A" if token[position] != "A" else "B"
        assert tokens.read(token[:position] + other + token[position + 1 :]) is None
    assert tokens.read(token[:-1]) is None
    assert tokens.read(token + "A") is None


def test_a_token_fits_into_a_header_and_an_environment_variable(make_tokens: MakeTokens) -> None:
    for token in (make_tokens().issue_attempt_token(CLAIMS), make_tokens().issue_worker_token()):
        assert token.isascii() and token.isprintable() and " " not in token
        assert len(token) < 500


@given(st.text())
@example("hg1..")
@example("hg1.é.é")
@example("\ud800")
def test_reading_never_raises(text: str) -> None:
    from adapters.identity.hmac_tokens import HmacTokens
    from tests.fakes import FakeExecutionTokens

    assert HmacTokens(b"s" * 32).read(text) is None
    assert FakeExecutionTokens().read(text) is None
