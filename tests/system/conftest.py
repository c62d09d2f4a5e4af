"""Share one running Headgate between the tests that do not stop it."""

from collections.abc import Iterator

import pytest

from tests.support.page_blocks import find_start_command
from tests.support.running_headgate import Headgate, temporary_headgate


@pytest.fixture(scope="package")
def running_headgate() -> Iterator[Headgate]:
    """A Headgate without sign-in, started in a new home as the page about workers says."""
    with temporary_headgate(has_new_home=True, command=find_start_command("docs/how-to/add-workers.md")) as headgate:
        yield headgate.start()
