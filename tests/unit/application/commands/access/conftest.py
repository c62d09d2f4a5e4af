"""Fixtures of the access use cases."""

import pytest

from tests.unit.application.commands.access.access_use_cases import AccessUseCases


@pytest.fixture
def access() -> AccessUseCases:
    return AccessUseCases()
