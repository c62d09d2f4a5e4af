"""The log of a flow run, from a server in the place of Prefect that filters, sorts and pages as Prefect does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from adapters.orchestration.prefect_deployments import PrefectDeployments
from application.ports.dispatch.deployments import FlowLogPosition
from tests.fakes import FakeClock
from tests.support.prefect_stub import a_prefect_stub, respond

ID = "00000000-0000-4000-8000-000000000001"


class StubLog:
    """Messages by their ids, each with its time."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.requests = 0
        self._records: list[dict[str, Any]] = []

    def add(self, text: str, seconds_ago: float) -> None:
        at = self.clock.now() - timedelta(seconds=seconds_ago)
        number = len(self._records) + 1
        self._records.append(
            {"id": f"00000000-0000-4000-8000-{number:012d}", "timestamp": at.isoformat(), "level": 20, "message": text, "name": "x"}
        )

    def answer(self, path: str, body: Any) -> bytes:
        assert path == "/logs/filter"
        self.requests += 1
        times = body["logs"].get("timestamp", {})
        found = [record for record in self._records if _is_within(record["timestamp"], times)]
        found.sort(key=lambda record: str(record["timestamp"]))
        return respond(found[body["offset"] : body["offset"] + body["limit"]])

    @asynccontextmanager
    async def served(self) -> AsyncIterator[PrefectDeployments]:
        async with a_prefect_stub(self.answer) as url:
            port = PrefectDeployments(url, None, self.clock)
            try:
                yield port
            finally:
                await port.close()


def _is_within(time: str, times: dict[str, str]) -> bool:
    at = datetime.fromisoformat(time)
    after, before = times.get("after_"), times.get("before_")
    return (after is None or at >= datetime.fromisoformat(after)) and (before is None or at <= datetime.fromisoformat(before))


async def read_rest(port: PrefectDeployments, position: FlowLogPosition) -> tuple[list[str], FlowLogPosition]:
    texts, has_more = [], True
    while has_more:
        page = await port.read_log(ID, position, is_over=True)
        texts += [line.text for line in page.lines]
        position, has_more = page.position, page.has_more
    return texts, position


async def test_a_late_message_between_many_others_is_read_once_and_they_are_not_read_again() -> None:
    log = StubLog()
    for number in range(390):
        log.add(f"message {number}", 14 - number / 100)

    async with log.served() as port:
        texts, position = await read_rest(port, FlowLogPosition())
        log.add("late", 13.5)
        again = []
        for _ in range(3):
            found, position = await read_rest(port, position)
            again.append(found)

    assert texts == [f"message {number}" for number in range(390)]
    assert again == [["late"], [], []]


async def test_many_late_messages_do_not_make_earlier_ones_be_read_again() -> None:
    log = StubLog()
    for number in range(100):
        log.add(f"message {number}", 14 - number / 100)

    async with log.served() as port:
        _, position = await read_rest(port, FlowLogPosition())
        for number in range(250):
            log.add(f"late {number}", 16 - number / 1_000)
        late, position = await read_rest(port, position)
        again, _ = await read_rest(port, position)

    assert late == [f"late {number}" for number in range(250)]
    assert again == []


async def test_many_messages_of_one_moment_are_read_once() -> None:
    log = StubLog()
    for number in range(900):
        log.add(f"message {number}", 20)

    async with log.served() as port:
        texts, position = await read_rest(port, FlowLogPosition())
        log.add("last", 10)
        last, _ = await read_rest(port, position)

    assert sorted(texts) == sorted(f"message {number}" for number in range(900))
    assert last == ["last"]


async def test_the_position_of_a_dense_log_stays_small() -> None:
    log = StubLog()
    for number in range(3_000):
        log.add(f"message {number}", 20 - number / 1_000)

    async with log.served() as port:
        texts, position = await read_rest(port, FlowLogPosition())

    assert texts == [f"message {number}" for number in range(3_000)]
    assert len(position.read_ids) <= 400


async def test_nothing_new_leaves_the_position_as_it_is() -> None:
    log = StubLog()
    log.add("first", 20)

    async with log.served() as port:
        _, position = await read_rest(port, FlowLogPosition())
        before = log.requests
        again = await port.read_log(ID, position, is_over=False)

    assert (list(again.lines), again.position, again.has_more) == ([], position, False)
    assert log.requests - before == 1
