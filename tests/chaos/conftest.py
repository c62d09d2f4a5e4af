"""Share one stack between the tests of this package: starting it takes longer than most of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.chaos.pipelines import build_definitions
from tests.chaos.stack import Stack, chaos_stack


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """A stack of two webs, three workers and Prefect, with the pipelines created."""
    with chaos_stack() as started:
        for definition in build_definitions(started.starts_file):
            started.create(definition)
        yield started


@pytest.fixture
def run(stack: Stack) -> Iterator[asyncio.Runner]:
    """A runner for the test, after every process of the stack has been started again."""
    for process in (*stack.webs, *stack.workers):
        process.start()
    stack.wait_until_ready()
    with asyncio.Runner() as runner:
        yield runner
