"""The newest lines are kept in bounded memory, and what is left out is counted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.worker.runner.tail_buffer import NumberedLine, TailBuffer
from tests.support.builders import NOW


def keep(texts: list[str], max_bytes: int, first: int = 0) -> list[NumberedLine]:
    tail = TailBuffer(max_bytes)
    for index, text in enumerate(texts, start=first):
        tail.add(NumberedLine(index, NOW + timedelta(seconds=index), "stdout", text))
    return list(tail.take_lines())


@pytest.mark.parametrize(
    ("texts", "max_bytes", "kept"),
    [
        ([], 1_000, []),
        (["a", "b"], 1_000, ["a", "b"]),
        (["a", "b"], 302, ["a", "b"]),
        (["a", "bc", "d"], 303, ["1 line (1 byte) are left out here.", "bc", "d"]),
        (["ü" * 3, "x", "d"], 152, ["2 lines (7 bytes) are left out here.", "d"]),
        (["a" * 1_500, "", "b" * 10_000], 450, ["2 lines (1,500 bytes) are left out here.", "b" * 10_000]),
    ],
)
def test_the_newest_lines_are_kept_after_a_note(texts: list[str], max_bytes: int, kept: list[str]) -> None:
    assert [line.text for line in keep(texts, max_bytes)] == kept


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=60), max_size=60), st.integers(1, 5_000), st.integers(0, 10**9))
def test_no_line_is_lost_without_being_counted(texts: list[str], max_bytes: int, first: int) -> None:
    kept = keep(texts, max_bytes, first)

    has_note = bool(kept) and kept[0].stream == "headgate"
    own = kept[1:] if has_note else kept
    dropped = texts[: len(texts) - len(own)]
    assert [line.text for line in own] == texts[len(dropped) :]
    assert [line.number for line in kept] == list(range(first + len(texts) - len(kept), first + len(texts)))
    assert has_note == bool(dropped)
    if has_note:
        lines, size = kept[0].text.split(" ")[0], kept[0].text.split("(")[1].split(" ")[0]
        assert (int(lines.replace(",", "")), int(size.replace(",", ""))) == (len(dropped), sum(len(text.encode()) for text in dropped))


def test_memory_is_bounded_whatever_comes() -> None:
    tail = TailBuffer(100_000)
    for index in range(100_000):
        tail.add(NumberedLine(index, NOW, "stdout", "x" * (index % 200)))

    assert sum(line.size for line in tail.take_lines()) < 100_000
