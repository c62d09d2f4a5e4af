"""Share one running Headgate between the tests that do not stop it."""

from collections.abc import Iterator

import pytest

from tests.support.running_headgate import Headgate, temporary_headgate


@pytest.fixture(scope="package")
def running_headgate() -> Iterator[Headgate]:
    with temporary_headgate() as headgate:
        yield headgate.start()
