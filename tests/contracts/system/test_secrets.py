"""The contract of secret stores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.system.secret_store import ENVIRONMENT_PREFIX, LocalSecretStore
from application.ports.system.secrets import MIN_SECRET_LENGTH, Secrets, SecretUnavailable
from tests.fakes.system.secrets import FakeSecrets

CreateStore = Callable[..., Secrets]
VALUE = "s3cr3t-canary-value"


@pytest.fixture(params=["fake", "environment", "file"])
def create_store(request: pytest.FixtureRequest, tmp_path: Path) -> CreateStore:
    """Return a function that creates a store with the given secrets."""

    def in_file(**secrets: str) -> Secrets:
        file = tmp_path / "secrets"
        file.touch(0o600)
        file.write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
        return LocalSecretStore(file, {})

    def in_environment(**secrets: str) -> Secrets:
        return LocalSecretStore(None, {ENVIRONMENT_PREFIX + name: value for name, value in secrets.items()})

    return {"fake": FakeSecrets, "environment": in_environment, "file": in_file}[str(request.param)]


def test_only_the_requested_secrets_are_returned(create_store: CreateStore) -> None:
    secrets = create_store(A=VALUE, B="another-canary = 1", C="not-asked-for")

    assert secrets.read(["B", "A", "A"]) == {"A": VALUE, "B": "another-canary = 1"}
    assert secrets.read([]) == {}


def test_a_lowercase_name_finds_an_uppercase_secret(create_store: CreateStore) -> None:
    assert create_store(API_KEY=VALUE).read(["api_key"]) == {"api_key": VALUE}


def test_names_may_be_any_iterable(create_store: CreateStore) -> None:
    assert create_store(A=VALUE).read(name for name in ("A",)) == {"A": VALUE}


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        ({}, "no secret named A"),
        ({"A": ""}, "no secret named A"),
        ({"A": "x" * (MIN_SECRET_LENGTH - 1)}, "shorter than 8"),
        ({"A": "x" * MIN_SECRET_LENGTH + "\0"}, "NUL"),
    ],
)
def test_the_error_names_the_secret_and_contains_no_value(create_store: CreateStore, secrets: dict[str, str], message: str) -> None:
    with pytest.raises(SecretUnavailable, match=message) as error:
        create_store(**secrets, B=VALUE).read(["B", "A"])

    assert "A" in str(error.value)
    assert not [value for value in (VALUE, *secrets.values()) if value and value in str(error.value)]


def test_a_secret_of_the_minimum_length_is_returned(create_store: CreateStore) -> None:
    assert create_store(A="x" * MIN_SECRET_LENGTH).read(["A"]) == {"A": "x" * MIN_SECRET_LENGTH}
