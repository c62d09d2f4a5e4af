"""What every place of secrets promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.system.secret_store import ENVIRONMENT_PREFIX, LocalSecretStore
from application.ports.system.secrets import MIN_SECRET_LENGTH, Secrets, SecretUnavailable
from tests.fakes.system.secrets import FakeSecrets

Keeping = Callable[..., Secrets]
VALUE = "s3cr3t-canary-value"


@pytest.fixture(params=["fake", "environment", "file"])
def keeping(request: pytest.FixtureRequest, tmp_path: Path) -> Keeping:
    """Makes a place that keeps these secrets."""

    def in_file(**kept: str) -> Secrets:
        file = tmp_path / "secrets"
        file.touch(0o600)
        file.write_text("".join(f"{name}={value}\n" for name, value in kept.items()))
        return LocalSecretStore(file, {})

    def in_environment(**kept: str) -> Secrets:
        return LocalSecretStore(None, {ENVIRONMENT_PREFIX + name: value for name, value in kept.items()})

    return {"fake": FakeSecrets, "environment": in_environment, "file": in_file}[str(request.param)]


def test_the_secrets_asked_for_are_given_and_no_other(keeping: Keeping) -> None:
    secrets = keeping(A=VALUE, B="another-canary = 1", C="not-asked-for")

    assert secrets.read(["B", "A", "A"]) == {"A": VALUE, "B": "another-canary = 1"}
    assert secrets.read([]) == {}


def test_a_name_is_found_in_small_letters_too_and_given_back_as_asked(keeping: Keeping) -> None:
    assert keeping(API_KEY=VALUE).read(["api_key"]) == {"api_key": VALUE}


def test_several_are_asked_of_any_iterable(keeping: Keeping) -> None:
    assert keeping(A=VALUE).read(name for name in ("A",)) == {"A": VALUE}


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ({}, "no secret named A"),
        ({"A": ""}, "no secret named A"),
        ({"A": "x" * (MIN_SECRET_LENGTH - 1)}, "shorter than 8"),
        ({"A": "x" * MIN_SECRET_LENGTH + "\0"}, "NUL"),
    ],
)
def test_what_cannot_be_given_is_refused_by_name_and_without_any_value(keeping: Keeping, kept: dict[str, str], words: str) -> None:
    with pytest.raises(SecretUnavailable, match=words) as refused:
        keeping(**kept, B=VALUE).read(["B", "A"])

    assert "A" in str(refused.value)
    assert not [value for value in (VALUE, *kept.values()) if value and value in str(refused.value)]


def test_the_shortest_is_given(keeping: Keeping) -> None:
    assert keeping(A="x" * MIN_SECRET_LENGTH).read(["A"]) == {"A": "x" * MIN_SECRET_LENGTH}
