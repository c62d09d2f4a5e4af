"""The importer of flow runs' logs, stepped by hand over fakes."""

import asyncio
from datetime import timedelta

import pytest

from application.queries.views.logs import LogFilter
from application.services.flow_runs import log_interest
from domain.flow_runs.flow_state import FlowState
from domain.runs.status import Status
from entrypoints.api.logs.log_tail import LogTail
from tests.support.followed_flow_runs import FlowRunHeadgate


@pytest.fixture
def headgate() -> FlowRunHeadgate:
    return FlowRunHeadgate()


async def start_running(headgate: FlowRunHeadgate) -> tuple[int, str]:
    """Return a run and its flow run, which is running."""
    run_id = await headgate.start_followed()
    flow_run_id = headgate.get_flow_run_id(run_id)
    headgate.prefect.set_state(flow_run_id, FlowState.RUNNING)
    await headgate.follow()
    return run_id, flow_run_id


async def copy(headgate: FlowRunHeadgate) -> None:
    headgate.fakes.clock.advance(4)
    await headgate.application.flow_log_importer().run_once()


async def test_the_log_of_a_running_flow_run_is_copied_while_it_is_read(headgate: FlowRunHeadgate) -> None:
    run_id, flow_run_id = await start_running(headgate)
    headgate.prefect.log(flow_run_id, "one")
    await copy(headgate)
    unread = headgate.get_log(run_id)

    headgate.application.log_interest().mark(run_id)
    headgate.prefect.log(flow_run_id, "two\nthree", level=30)
    await copy(headgate)
    await copy(headgate)

    assert unread == []
    assert headgate.get_log(run_id) == ["one", "two", "three"]
    lines = headgate.fakes.store.committed.log_lines
    assert [line.stream for _, line in sorted(lines.items())] == ["stdout", "stderr", "stderr"]
    assert run_id in headgate.application.wakeups().log_run_ids


async def test_prefect_is_not_asked_for_logs_that_are_not_read(headgate: FlowRunHeadgate) -> None:
    now = 100.0
    interest = log_interest.LogInterest(lambda: now)
    interest.mark(1)
    assert interest.list_run_ids() == [1]

    now += log_interest.EXPIRES_AFTER_SECONDS

    assert interest.list_run_ids() == []
    await start_running(headgate)
    await copy(headgate)
    assert headgate.prefect.requests["read_log"] == 0


async def test_a_log_that_is_read_wakes_the_importer(headgate: FlowRunHeadgate) -> None:
    importer = headgate.application.flow_log_importer()
    await importer.run_once()

    headgate.application.log_interest().mark(1)

    async with asyncio.timeout(5):
        await importer.wait()


@pytest.mark.parametrize("path", ["/ui/runs/{}", "/ui/runs/{}/lines", "/ui/runs/{}/log.txt", "/runs/{}/logs"])
async def test_pages_and_readers_of_a_log_have_it_copied(headgate: FlowRunHeadgate, path: str) -> None:
    run_id, flow_run_id = await start_running(headgate)
    headgate.prefect.log(flow_run_id, "one")
    client = headgate.page_client if "ui" in path else headgate.client

    async with headgate:
        assert (await client.get(path.format(run_id))).status_code == 200
    await copy(headgate)

    assert headgate.get_log(run_id) == ["one"]


async def test_a_stream_of_a_log_has_it_copied_as_long_as_it_is_read(headgate: FlowRunHeadgate) -> None:
    run_id, _ = await start_running(headgate)
    marks: list[int] = []
    tail = LogTail(headgate.hub, heartbeat=0.01)
    stream = tail.stream(headgate.fakes.reader, run_id, LogFilter(), 0, lambda: marks.append(run_id))

    for _ in range(3):
        await anext(stream)
    await stream.aclose()

    assert len(marks) >= 3


async def test_two_webs_store_each_line_once(headgate: FlowRunHeadgate) -> None:
    other = headgate.start_second_web()
    run_id, flow_run_id = await start_running(headgate)
    for number in range(500):
        headgate.prefect.log(flow_run_id, f"line {number}")
    headgate.fakes.clock.advance(4)
    for web in (headgate, other):
        web.application.log_interest().mark(run_id)

    await asyncio.gather(*(web.application.flow_log_importer().run_once() for web in (headgate, other)))
    await copy(headgate)

    assert headgate.get_log(run_id) == [f"line {number}" for number in range(500)]


async def test_the_rest_of_a_log_is_copied_at_the_end(headgate: FlowRunHeadgate) -> None:
    run_id, flow_run_id = await start_running(headgate)
    headgate.application.log_interest().mark(run_id)
    headgate.prefect.log(flow_run_id, "first")
    await copy(headgate)
    for number in range(450):
        headgate.prefect.log(flow_run_id, f"line {number}")

    await headgate.end(run_id, FlowState.COMPLETED)

    assert headgate.get_log(run_id) == ["first", *(f"line {number}" for number in range(450))]


async def test_of_a_log_that_is_too_long_the_first_and_the_last_lines_are_stored() -> None:
    headgate = FlowRunHeadgate(log_bytes_per_stage=65_536)
    run_id, flow_run_id = await start_running(headgate)
    headgate.application.log_interest().mark(run_id)
    for number in range(1_000):
        headgate.prefect.log(flow_run_id, f"{number:04} {'x' * 150}")
    await copy(headgate)
    requests = headgate.prefect.requests["read_log"]
    for _ in range(5):
        await copy(headgate)
    assert headgate.prefect.requests["read_log"] == requests, "a full log is not read again"

    await headgate.end(run_id, FlowState.COMPLETED)

    log = headgate.get_log(run_id)
    [note] = [index for index, text in enumerate(log) if text.startswith("This attempt has written")]
    assert (log[0][:4], log[-1][:4]) == ("0000", "0999")
    assert [int(text[:4]) for text in log[note + 1 :]] == list(range(1_000 - len(log[note + 1 :]), 1_000))
    assert 0 < len(log[note + 1 :]) < 110
    assert headgate.get_status(run_id) is Status.COMPLETED


async def test_a_message_with_a_wrong_time_gets_the_time_of_the_store(headgate: FlowRunHeadgate) -> None:
    run_id, flow_run_id = await start_running(headgate)
    headgate.prefect.log(flow_run_id, "late", at=headgate.fakes.clock.now() - timedelta(days=30))

    await headgate.end(run_id, FlowState.COMPLETED)

    [line] = headgate.fakes.store.committed.log_lines.values()
    assert line.at == headgate.fakes.clock.now()


async def test_progress_bars_are_stored_as_a_terminal_shows_them(headgate: FlowRunHeadgate) -> None:
    run_id, flow_run_id = await start_running(headgate)
    headgate.prefect.log(flow_run_id, "\r 50%\r100%\r\n\x1b]0;title\x07\x1b[32mdone\x1b[0m")

    await headgate.end(run_id, FlowState.COMPLETED)

    assert headgate.get_log(run_id) == ["100%", "\x1b[32mdone\x1b[0m"]


async def test_text_that_the_store_cannot_hold_is_replaced(headgate: FlowRunHeadgate) -> None:
    run_id, flow_run_id = await start_running(headgate)
    headgate.prefect.log(flow_run_id, "a\x00b\r\n\ud800")

    await headgate.end(run_id, FlowState.COMPLETED)

    assert headgate.get_log(run_id) == ["a\ufffdb", "\ufffd"]
