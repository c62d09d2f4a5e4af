from collections.abc import AsyncIterator

import pytest

from tests.api.house import House


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    await house.start_feed()
    async with house.client:
        yield house
