"""Share one browser and one Headgate with example runs between the tests of this folder, none of which is `async`."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.unit.entrypoints.web.conftest import a_browser


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser
