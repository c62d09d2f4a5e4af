"""One whole Headgate for the tests that only use it."""

from collections.abc import Iterator

import pytest

from tests.system.headgate import Headgate, a_headgate


@pytest.fixture(scope="session")
def running_headgate() -> Iterator[Headgate]:
    with a_headgate() as headgate:
        yield headgate.start()
