"""Settings for tests: the product's own model, without the environment."""

from typing import Any, Final

from domain.access.permissions import Role
from entrypoints.settings import Settings

BASE_URL: Final = "http://localhost:8000"
"""Where the clients of an in-process Headgate send their requests."""


def make_settings(**overrides: Any) -> Settings:
    """Return the default settings with these changes. Nothing is read from the environment and nothing is validated."""
    defaults: dict[str, Any] = {"url": BASE_URL, "allowed_hosts": ["gate.example"], "oidc_roles": {"*": Role.VIEWER}}
    return Settings.model_construct(**defaults | overrides)
