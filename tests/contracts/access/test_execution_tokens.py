from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from application.ports.access.execution_tokens import AttemptClaims, ExecutionTokens, WorkerClaims

MakeTokens = Callable[..., ExecutionTokens]
CLAIMS = AttemptClaims(7, "extract", 2)


@pytest.mark.parametrize("claims", [CLAIMS, AttemptClaims(2**63 - 1, "a.b-c_D.9", 101)])
def test_an_attempts_token_says_which_attempt_it_is_good_for(make_tokens: MakeTokens, claims: AttemptClaims) -> None:
    tokens = make_tokens()

    assert tokens.read(tokens.issue_attempt_token(claims)) == claims


def test_a_workers_token_is_read_as_such(make_tokens: MakeTokens) -> None:
    assert make_tokens().read(make_tokens().issue_worker_token()) == WorkerClaims()


def test_every_process_with_the_secret_reads_what_another_made(make_tokens: MakeTokens) -> None:
    assert make_tokens("same").read(make_tokens("same").issue_attempt_token(CLAIMS)) == CLAIMS


def test_a_token_of_another_secret_is_good_for_nothing(make_tokens: MakeTokens) -> None:
    stranger = make_tokens("stranger")

    assert make_tokens().read(stranger.issue_attempt_token(CLAIMS)) is None
    assert make_tokens().read(stranger.issue_worker_token()) is None


def test_a_token_changed_in_any_place_is_not_the_same_good(make_tokens: MakeTokens) -> None:
    tokens = make_tokens()
    token = tokens.issue_worker_token()

    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        assert tokens.read(token[:place] + other + token[place + 1 :]) is None
    assert tokens.read(token[:-1]) is None
    assert tokens.read(token + "A") is None


def test_a_token_is_fit_for_a_header_and_an_environment_variable(make_tokens: MakeTokens) -> None:
    for token in (make_tokens().issue_attempt_token(CLAIMS), make_tokens().issue_worker_token()):
        assert token.isascii() and token.isprintable() and " " not in token
        assert len(token) < 500


@given(st.text())
@example("hg1..")
@example("hg1.é.é")
@example("\ud800")
def test_no_text_makes_reading_fail(text: str) -> None:
    from adapters.identity.hmac_tokens import HmacTokens
    from tests.fakes import FakeExecutionTokens

    assert HmacTokens(b"s" * 32).read(text) is None
    assert FakeExecutionTokens().read(text) is None
