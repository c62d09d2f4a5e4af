"""Settings for tests: the product's own model, without the environment."""

from functools import cache
from typing import Any, Final

from domain.access.permissions import Role
from entrypoints.settings import Settings

BASE_URL: Final = "http://localhost:8000"
"""Where the clients of an in-process Headgate send their requests."""


def make_settings(**overrides: Any) -> Settings:
    """Return the default settings with these changes. Nothing is read from the environment and nothing is validated."""
    return _make_defaults().model_copy(update=overrides)


@cache
def _make_defaults() -> Settings:
    """Return settings to copy: computing the defaults of all fields takes longer than many tests."""
    return Settings.model_construct(url=BASE_URL, allowed_hosts=["gate.example"], oidc_roles={"*": Role.VIEWER})
