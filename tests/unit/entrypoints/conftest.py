from collections.abc import AsyncIterator

import pytest

from tests.support.in_process import InProcessHeadgate


@pytest.fixture
async def headgate() -> AsyncIterator[InProcessHeadgate]:
    headgate = InProcessHeadgate()
    await headgate.start_change_feed()
    async with headgate.client:
        yield headgate
