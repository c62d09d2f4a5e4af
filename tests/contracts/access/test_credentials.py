"""The contracts of credentials, password hashers and sign-in limiters, and what only the real ones guarantee."""

import math
import re

import pytest

from adapters.identity.argon2_passwords import Argon2Passwords
from adapters.identity.random_credentials import RandomCredentials
from adapters.identity.sign_in_limiter import InMemorySignInLimiter
from application.ports.access.credentials import Credentials
from application.ports.access.password_hasher import PasswordHasher
from application.ports.access.sign_in_limiter import SignInLimiter
from domain.access.api_tokens import TokenKind
from tests.fakes.access.credentials import FakeCredentials
from tests.fakes.access.password_hasher import FakePasswordHasher
from tests.fakes.access.sign_in_limiter import FakeSignInLimiter


@pytest.fixture(params=[FakeCredentials, RandomCredentials], ids=["fake", "real"])
def credentials(request: pytest.FixtureRequest) -> Credentials:
    return request.param()


@pytest.fixture(params=[FakePasswordHasher, Argon2Passwords], ids=["fake", "real"])
def passwords(request: pytest.FixtureRequest) -> PasswordHasher:
    return request.param()


@pytest.fixture(params=[FakeSignInLimiter, InMemorySignInLimiter], ids=["fake", "real"])
def limiter(request: pytest.FixtureRequest) -> SignInLimiter:
    return request.param()


@pytest.mark.parametrize("kind", list(TokenKind))
def test_new_tokens_are_unique_and_valid(credentials: Credentials, kind: TokenKind) -> None:
    tokens = [credentials.new_token(kind) for _ in range(50)]

    assert len({*tokens, *map(credentials.digest, tokens)}) == 100
    assert all(credentials.is_token(text) and text.startswith("hg_") for text in tokens)


@pytest.mark.parametrize("text", ["", "hg_", "hg_api_", "Bearer", "hg_api_\ud800", "hg1.e30.x", "hg_other_1_sum"])
def test_other_text_is_not_a_token(credentials: Credentials, text: str) -> None:
    assert not credentials.is_token(text)
    assert len(credentials.digest(text)) == 32


def test_a_form_key_belongs_to_its_session_and_does_not_reveal_it(credentials: Credentials) -> None:
    one, two = credentials.new_session(), credentials.new_session()

    assert credentials.form_key(one) == credentials.form_key(one) != credentials.form_key(two)
    assert credentials.form_key(one) != one


async def test_a_password_matches_only_its_own_hash(passwords: PasswordHasher) -> None:
    hashed, again = await passwords.hash("four words of mine"), await passwords.hash("four words of mine")

    assert hashed != again and "words" not in hashed
    assert await passwords.verify("four words of mine", hashed)
    assert not await passwords.verify("four words of mine ", hashed)
    assert not await passwords.verify("four words of mine", None)


def test_failed_sign_ins_exhaust_the_limit_of_a_name_and_address(limiter: SignInLimiter) -> None:
    assert limiter.allows("ada", "10.0.0.1")
    for _ in range(5):
        limiter.record_failure("ada", "10.0.0.1")

    assert not limiter.allows("ada", "10.0.0.1")
    assert limiter.allows("ada", "10.0.0.2")
    assert limiter.allows("eve", "10.0.0.1")


def test_a_token_has_160_random_bits_and_its_checksum_finds_typos() -> None:
    credentials = RandomCredentials()
    text = credentials.new_token(TokenKind.API)
    assert re.fullmatch(r"hg_api_[0-9A-Za-z]{33}", text)
    assert 27 * math.log2(62) >= 160

    for position in range(len("hg_api_"), len(text)):
        wrong = text[:position] + ("a" if text[position] != "a" else "b") + text[position + 1 :]
        assert not credentials.is_token(wrong)
    assert not credentials.is_token(text + "\n")


async def test_the_hash_is_argon2id() -> None:
    assert (await Argon2Passwords().hash("four words of mine")).startswith("$argon2id$")


@pytest.mark.parametrize(("limited_by", "limit"), [("address", 20), ("name", 50)])
def test_one_address_and_one_name_are_limited_on_their_own_too(limited_by: str, limit: int) -> None:
    limiter = InMemorySignInLimiter()

    def get_key(number: int) -> tuple[str, str]:
        return (f"n{number}", "10.0.0.1") if limited_by == "address" else ("ada", f"10.0.{number}.1")

    for number in range(limit):
        assert limiter.allows(*get_key(number))
        limiter.record_failure(*get_key(number))

    assert not limiter.allows(*get_key(limit))
