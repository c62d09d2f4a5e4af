"""Keys and hashes: one suite for the fakes and for the real ones; and what only the real ones promise."""

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
def attempts(request: pytest.FixtureRequest) -> SignInLimiter:
    return request.param()


@pytest.mark.parametrize("kind", list(TokenKind))
def test_a_new_token_is_another_one_each_time_and_looks_like_one(credentials: Credentials, kind: TokenKind) -> None:
    made = [credentials.new_token(kind) for _ in range(50)]

    assert len({*made, *map(credentials.digest, made)}) == 100
    assert all(credentials.is_token(text) and text.startswith("hg_") for text in made)


@pytest.mark.parametrize("text", ["", "hg_", "hg_api_", "Bearer", "hg_api_\ud800", "hg1.e30.x", "hg_worker_1_sum"])
def test_what_looks_like_no_token_is_none(credentials: Credentials, text: str) -> None:
    assert not credentials.is_token(text)
    assert len(credentials.digest(text)) == 32


def test_a_form_key_is_the_sessions_own_and_does_not_give_it_away(credentials: Credentials) -> None:
    one, two = credentials.new_session(), credentials.new_session()

    assert credentials.form_key(one) == credentials.form_key(one) != credentials.form_key(two)
    assert credentials.form_key(one) != one


async def test_a_password_fits_its_own_hash_alone(passwords: PasswordHasher) -> None:
    hashed, again = await passwords.hash("four words of mine"), await passwords.hash("four words of mine")

    assert hashed != again and "words" not in hashed
    assert await passwords.verify("four words of mine", hashed)
    assert not await passwords.verify("four words of mine ", hashed)
    assert not await passwords.verify("four words of mine", None)


def test_tries_that_go_wrong_use_up_what_is_permitted_from_there(attempts: SignInLimiter) -> None:
    assert attempts.allows("ada", "10.0.0.1")
    for _ in range(5):
        attempts.record_failure("ada", "10.0.0.1")

    assert not attempts.allows("ada", "10.0.0.1")
    assert attempts.allows("ada", "10.0.0.2")
    assert attempts.allows("eve", "10.0.0.1")


def test_a_token_holds_160_random_bits_and_every_slip_of_the_pen_is_found() -> None:
    credentials = RandomCredentials()
    text = credentials.new_token(TokenKind.API)
    assert re.fullmatch(r"hg_api_[0-9A-Za-z]{33}", text)
    assert 27 * math.log2(62) >= 160

    for place in range(len("hg_api_"), len(text)):
        wrong = text[:place] + ("a" if text[place] != "a" else "b") + text[place + 1 :]
        assert not credentials.is_token(wrong)
    assert not credentials.is_token(text + "\n")


async def test_the_hash_is_argon2id() -> None:
    assert (await Argon2Passwords().hash("four words of mine")).startswith("$argon2id$")


@pytest.mark.parametrize(("who", "limit"), [("address", 20), ("name", 50)])
def test_many_names_from_one_address_and_one_name_from_many_are_stopped_too(who: str, limit: int) -> None:
    attempts = InMemorySignInLimiter()

    def another(number: int) -> tuple[str, str]:
        return (f"n{number}", "10.0.0.1") if who == "address" else ("ada", f"10.0.{number}.1")

    for number in range(limit):
        assert attempts.allows(*another(number))
        attempts.record_failure(*another(number))

    assert not attempts.allows(*another(limit))
