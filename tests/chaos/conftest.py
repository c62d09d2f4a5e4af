"""One stack for the tests here, for its start costs more than most of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.chaos.pipelines import definitions
from tests.chaos.stack import Stack, chaos_stack


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """Two webs and three workers, and Prefect; the pipelines are there."""
    with chaos_stack() as started:
        for definition in definitions(started.starts_file):
            started.create(definition)
        yield started


@pytest.fixture
def run(stack: Stack) -> Iterator[asyncio.Runner]:
    """The stack as a test must find it, and leave it."""
    for process in (*stack.webs, *stack.workers):
        process.start()
    stack.wait_until_ready()
    with asyncio.Runner() as runner:
        yield runner
