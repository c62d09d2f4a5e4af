from collections.abc import AsyncIterator

import pytest

from tests.support.api_harness import ApiHarness


@pytest.fixture
async def house() -> AsyncIterator[ApiHarness]:
    house = ApiHarness()
    await house.start_change_feed()
    async with house.client:
        yield house
