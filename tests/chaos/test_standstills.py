"""After a web or the network stood still, no stage that started later is ended, a fence uses no retry, and no report comes too late."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence

import pytest

from tests.chaos.process import Process
from tests.chaos.relay import Relay
from tests.chaos.stack import Stack, chaos_stack
from tests.chaos.standstill import check_standstill, create_pipelines

LEASE, FREEZE = 5.0, 4.0
"""Workers fence their stages after three quarters of a lease."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with chaos_stack(workers=2, with_prefect=False, with_relays=True, HEADGATE_LEASE_SECONDS=str(LEASE)) as started:
        create_pipelines(started, seconds=FREEZE)
        yield started


def test_one_of_two_webs_is_frozen_and_goes_on(stack: Stack) -> None:
    check_standstill(stack, lambda: _freeze_webs(stack.webs[:1]), is_silence_seen=True)


def test_every_web_is_frozen_and_dies(stack: Stack) -> None:
    check_standstill(stack, lambda: _freeze_webs(stack.webs, dies=True), with_report=True)


def test_the_network_between_webs_and_database_stands_still(stack: Stack) -> None:
    check_standstill(stack, lambda: _freeze_network(stack.database_relays), with_report=True)


def test_the_network_between_workers_and_webs_stands_still_and_is_cut(stack: Stack) -> None:
    check_standstill(stack, lambda: _freeze_network(stack.web_relays, is_cut=True), is_silence_seen=True)


def _freeze_webs(webs: Sequence[Process], *, dies: bool = False) -> None:
    for web in webs:
        web.signal(signal.SIGSTOP)
    try:
        time.sleep(FREEZE)
    finally:
        for web in webs:
            if dies:
                web.kill()
                web.start()
            web.signal(signal.SIGCONT)


def _freeze_network(relays: Sequence[Relay], *, is_cut: bool = False) -> None:
    for relay in relays:
        relay.freeze()
    try:
        time.sleep(FREEZE)
    finally:
        for relay in relays:
            if is_cut:
                relay.cut()
            relay.resume()
