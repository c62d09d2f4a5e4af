"""Tests of a server in a thread use one application in two threads."""

import sys
import threading
from collections.abc import Iterator, Sequence

import pytest

from entrypoints.container import Application
from tests.support.in_process import InProcessHeadgate

_DEPENDENCIES = ("settings", "telemetry", "adapters")
ROUNDS = 10
"""In seven of ten rounds, one of the two threads failed while copies were made without a lock."""


@pytest.fixture
def rare_turns() -> Iterator[None]:
    """Let the interpreter change threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("rare_turns")
def test_two_threads_get_complete_providers() -> None:
    for _ in range(ROUNDS):
        assert _use_in_two_threads(InProcessHeadgate()) == []


def _use_in_two_threads(headgate: InProcessHeadgate) -> list[TypeError]:
    """Create every part of the application in two threads at once, in opposite orders. Return the errors."""
    names = [name for name in Application.providers if name not in _DEPENDENCIES]
    errors: list[TypeError] = []
    barrier = threading.Barrier(2)

    def create(order: Sequence[str]) -> None:
        barrier.wait()
        for name in order:
            try:
                getattr(headgate.application, name)()
            except TypeError as error:
                errors.append(error)

    threads = [threading.Thread(target=create, args=(order,)) for order in (names, names[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors
