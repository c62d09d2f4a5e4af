"""Share one browser and one Headgate with example runs between the tests of this folder, none of which is `async`."""

from collections.abc import Iterator

import pytest

from tests.support.browser_contexts import BrowserContexts
from tests.unit.entrypoints.web.conftest import a_browser


@pytest.fixture(scope="package")
def browser_contexts() -> Iterator[BrowserContexts]:
    with a_browser() as browser:
        yield BrowserContexts(browser)
