import asyncio

import pytest

from application.ports.persistence.logs import NewLogLine
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_pipeline, a_stored_run, seconds_later

LIMIT = 10_000


def some_lines(first: int, count: int, text: str = "line") -> list[NewLogLine]:
    return [NewLogLine(index, seconds_later(index), "stdout", f"{text} {index}") for index in range(first, first + count)]


async def a_run_id(store: StoreUnderTest) -> int:
    return await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work))


async def append(store: StoreUnderTest, run_id: int, lines: list[NewLogLine], stage: str = "a", limit: int = LIMIT) -> int:
    async with store.open_unit_of_work() as work:
        stored = await work.logs.append(run_id, stage, 1, lines, limit)
        await work.commit()
        return stored


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


async def test_after_the_limit_one_line_says_so_and_the_rest_is_dropped(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)

    await append(store, run_id, some_lines(0, 20, "x" * 40), limit=200)
    await append(store, run_id, some_lines(20, 20, "x" * 40), limit=200)
    await append(store, run_id, some_lines(0, 1), stage="b", limit=200)

    lines = await store.reader.log(run_id, stage=None, attempt=None, after=0, limit=100)
    own = [line for line in lines if line.stage == "a" and line.stream == "stdout"]
    said = [line for line in lines if line.stream == "headgate"]
    assert sum(len(line.text) for line in own) <= 200
    assert len(own) >= 3
    assert len(said) == 1
    assert [line.stage for line in lines] == ["a"] * len(own) + ["a", "b"]


@pytest.mark.parametrize("bad", ["a\0b", "\ud800"])
async def test_text_that_cannot_be_stored_is_refused(store: StoreUnderTest, bad: str) -> None:
    run_id = await a_run_id(store)

    with pytest.raises(store.refusals):
        await append(store, run_id, [NewLogLine(0, NOW, "stdout", bad)])

    assert await texts(store, run_id) == []
