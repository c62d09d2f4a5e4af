import asyncio
from dataclasses import replace
from typing import Any

import pytest

from application.ports.persistence.logs import AppendedLines, NewLogLine, UnfinishedLine, UnfinishedLines
from application.queries.views.logs import LogFilter
from domain.runs.attempt_log import LogLimit, TailStart
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_pipeline, a_stored_run, seconds_later

LIMIT = 10_000


def some_lines(first: int, count: int, text: str = "line") -> list[NewLogLine]:
    return [NewLogLine(index, seconds_later(index), "stdout", f"{text} {index}") for index in range(first, first + count)]


async def a_run_id(store: StoreUnderTest) -> int:
    return await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work))


async def append(store: StoreUnderTest, run_id: int, lines: list[NewLogLine], stage: str = "a", limit: int = LIMIT) -> int:
    return (await append_part(store, run_id, lines, stage, limit)).stored


async def append_part(
    store: StoreUnderTest, run_id: int, lines: list[NewLogLine], stage: str = "a", limit: int = LIMIT, *, is_tail: bool = False
) -> AppendedLines:
    async with store.open_unit_of_work() as work:
        appended = await work.logs.append(run_id, stage, 1, lines, LogLimit(limit), is_tail=is_tail)
        await work.commit()
        return appended


async def texts(store: StoreUnderTest, run_id: int) -> list[str]:
    return [line.text for line in await store.reader.log(run_id, stage=None, attempt=None, after=0, limit=10_000)]


async def test_lines_are_numbered_consecutively_within_the_run(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)

    assert await append(store, run_id, some_lines(0, 2)) == 2
    assert await append(store, run_id, some_lines(0, 1, "ü 😀"), stage="b") == 1
    assert await append(store, run_id, some_lines(2, 1)) == 1
    assert await append(store, run_id, []) == 0

    lines = await store.reader.log(run_id, stage=None, attempt=None, after=0, limit=10)
    assert [(line.n, line.stage, line.attempt, line.text) for line in lines] == [
        (1, "a", 1, "line 0"),
        (2, "a", 1, "line 1"),
        (3, "b", 1, "ü 😀 0"),
        (4, "a", 1, "line 2"),
    ]
    assert (lines[0].at, lines[0].stream) == (NOW, "stdout")


async def test_a_line_keeps_whether_its_order_is_approximate(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)
    exact, approximate = some_lines(0, 2)

    await append(store, run_id, [exact, replace(approximate, is_order_approximate=True)])

    lines = await store.reader.log(run_id, stage=None, attempt=None, after=0, limit=10)
    assert [line.is_order_approximate for line in lines] == [False, True]


async def test_a_repeated_append_stores_no_line_twice(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)
    await append(store, run_id, some_lines(0, 3))

    assert await append(store, run_id, some_lines(0, 3)) == 0
    assert await append(store, run_id, some_lines(1, 4)) == 2

    assert await texts(store, run_id) == [f"line {n}" for n in range(5)]


async def test_concurrent_appends_of_the_same_lines_store_them_once(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)

    counts = await asyncio.gather(*(append(store, run_id, some_lines(0, 5)) for _ in range(4)))

    assert sorted(counts) == [0, 0, 0, 5]
    assert await texts(store, run_id) == [f"line {n}" for n in range(5)]


async def test_concurrent_appends_leave_no_gap(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)

    await asyncio.gather(*(append(store, run_id, some_lines(0, 5), stage=stage) for stage in "abc"))

    lines = await store.reader.log(run_id, stage=None, attempt=None, after=0, limit=100)
    assert [line.n for line in lines] == list(range(1, 16))


async def test_after_the_head_one_note_follows_until_the_tail_comes(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)

    # "xx… 0" has 42 bytes and "xx… 10" has 43. Of 400 bytes, 300 are for the head.
    first = await append_part(store, run_id, some_lines(0, 20, "x" * 40), limit=400)
    again = await append_part(store, run_id, some_lines(0, 20, "x" * 40), limit=400)
    later = await append_part(store, run_id, some_lines(20, 20, "x" * 40), limit=400)
    await append(store, run_id, some_lines(0, 1), stage="b", limit=400)

    start = TailStart(7, 100)
    assert [first, again, later] == [AppendedLines(8, start), AppendedLines(0, start), AppendedLines(0, start)]
    lines = await store.reader.log(run_id, stage=None, attempt=None, after=0, limit=100)
    assert [(line.stage, line.stream) for line in lines] == [("a", "stdout")] * 7 + [("a", "headgate"), ("b", "stdout")]
    assert lines[7].text == "This attempt has written 300 bytes. The last 100 bytes of what follows are shown when it ends."


async def test_the_tail_is_stored_once_after_the_head(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)
    await append(store, run_id, some_lines(0, 20, "x" * 40), limit=400)

    for batch in (some_lines(500, 2, "tail"), some_lines(500, 2, "tail"), some_lines(501, 2, "tail")):
        await append_part(store, run_id, batch, limit=400, is_tail=True)
    late_repeat = await append(store, run_id, some_lines(7, 10, "x" * 40), limit=400)

    assert late_repeat == 0
    assert (await texts(store, run_id))[8:] == ["tail 500", "tail 501", "tail 502"]


async def test_concurrent_appends_of_the_tail_store_it_once(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)
    await append(store, run_id, some_lines(0, 20, "x" * 40), limit=400)

    await asyncio.gather(*(append_part(store, run_id, some_lines(90, 5, "t"), limit=400, is_tail=True) for _ in range(4)))

    assert (await texts(store, run_id))[8:] == [f"t {n}" for n in range(90, 95)]


async def test_a_tail_past_the_limit_is_not_stored(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)
    await append(store, run_id, some_lines(0, 20, "x" * 40), limit=400)

    appended = await append_part(store, run_id, some_lines(100, 50, "x" * 40), limit=400, is_tail=True)

    lines = await store.reader.log(run_id, stage=None, attempt=None, after=0, limit=100)
    assert appended.stored == 2
    assert sum(len(line.text) for line in lines if line.stream == "stdout") <= 400


async def test_a_log_within_the_head_has_no_note(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)

    appended = await append_part(store, run_id, some_lines(0, 5, "x" * 40), limit=400)

    assert appended == AppendedLines(5, None)


@pytest.mark.parametrize("bad", ["a\0b", "\ud800"])
async def test_text_that_cannot_be_stored_is_refused(store: StoreUnderTest, bad: str) -> None:
    run_id = await a_run_id(store)

    with pytest.raises(store.refusals):
        await append(store, run_id, [NewLogLine(0, NOW, "stdout", bad)])

    assert await texts(store, run_id) == []


def unfinished(version: int, *texts: str) -> UnfinishedLines:
    return UnfinishedLines(version, [UnfinishedLine(NOW, "stderr" if text.isupper() else "stdout", text) for text in texts])


async def show(store: StoreUnderTest, run_id: int, state: UnfinishedLines, lines: list[NewLogLine] | None = None, stage: str = "a") -> bool:
    async with store.open_unit_of_work() as work:
        appended = await work.logs.append(run_id, stage, 1, lines or [], LogLimit(LIMIT), unfinished=state)
        await work.commit()
        return appended.has_new_unfinished


async def shown(store: StoreUnderTest, run_id: int, **selection: Any) -> list[tuple[str, str, str]]:
    lines = await store.reader.unfinished_lines(run_id, LogFilter(**selection), 0)
    assert all(line.is_unfinished and line.n == 0 and line.at == NOW for line in lines)
    return [(line.stage, line.stream, line.text) for line in lines]


async def test_the_newest_state_of_unfinished_lines_is_shown(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)

    answers = [
        await show(store, run_id, unfinished(1, "10%")),
        await show(store, run_id, unfinished(3, "ü 30%", "E")),
        await show(store, run_id, unfinished(2, "20%")),
        await show(store, run_id, unfinished(3, "again")),
        await show(store, run_id, unfinished(1, "b"), stage="b"),
    ]

    assert answers == [True, True, False, False, True]
    assert await shown(store, run_id) == [("a", "stdout", "ü 30%"), ("a", "stderr", "E"), ("b", "stdout", "b")]
    assert await texts(store, run_id) == []


async def test_a_finished_line_takes_the_place_of_its_state(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)
    await show(store, run_id, unfinished(1, "10%"))

    await show(store, run_id, unfinished(2), some_lines(0, 1))
    await show(store, run_id, unfinished(1, "10%"))

    assert await shown(store, run_id) == []
    assert await texts(store, run_id) == ["line 0"]


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        ({"stage": "a"}, ["out", "ERR"]),
        ({"stage": "b"}, ["other"]),
        ({"stream": "stderr"}, ["ERR"]),
        ({"stage": "a", "attempt": 2}, []),
        ({"attempt": 1, "stream": "stdout"}, ["out", "other"]),
        ({"text": "out"}, []),
    ],
)
async def test_unfinished_lines_are_selected(store: StoreUnderTest, selection: dict[str, Any], found: list[str]) -> None:
    run_id = await a_run_id(store)
    await show(store, run_id, unfinished(1, "out", "ERR"))
    await show(store, run_id, unfinished(1, "other"), stage="b")

    assert [text for *_, text in await shown(store, run_id, **selection)] == found


async def test_unfinished_lines_have_the_position_that_was_read_up_to_and_none_is_after_the_end(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)
    await show(store, run_id, unfinished(1, "10%"), some_lines(0, 2))

    found = {
        after: [line.n for line in await store.reader.unfinished_lines(run_id, LogFilter(), after)] for after in (0, 1, 2, 3, 2**63 - 1)
    }

    assert found == {0: [0], 1: [1], 2: [2], 3: [], 2**63 - 1: []}


async def test_the_feed_lists_runs_whose_unfinished_lines_changed(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)
    cursor = await store.change_feed.position()

    await show(store, run_id, unfinished(1, "10%"))

    assert list((await store.change_feed.read(cursor)).logs) == [run_id]
