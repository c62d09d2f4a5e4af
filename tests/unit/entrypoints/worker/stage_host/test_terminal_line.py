"""Progress bars and other redrawn lines are stored as a terminal shows them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrypoints.worker.stage_host.job import LINE_LIMIT, LineSplitter

RED, RESET = "\x1b[31m", "\x1b[0m"


def split(*chunks: bytes) -> list[str]:
    splitter = LineSplitter()
    return [line for chunk in chunks for line in splitter.feed(chunk)] + list(splitter.flush())


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\r1 of 6\r2 of 6\r6 of 6\n", ["6 of 6"]),
        ("10%\r100%\rdone\n", ["done"]),
        ("downloading 100%\rdone            \n", ["done"]),
        ("1 of 10\r2\n", ["2 of 10"]),
        ("a\r\nb\r\r\nc\r", ["a", "b", "c"]),
        ("\r\r\r\n", [""]),
        ("old text\r\x1b[Knew\n", ["new"]),
        ("old text\x1b[2K\rnew\n", ["new"]),
        ("old text\rnew\x1b[K\n", ["new"]),
        ("working |\b/\b-\bok\n", ["working ok"]),
        ("  5%\b\b\b\b 10%\n", [" 10%"]),
        (f"{RED}bad{RESET}\r{RED}worse{RESET}\n", [f"{RED}worse{RESET}"]),
        (f"plain\r{RED}re{RESET}\n", [f"{RED}re{RESET}ain"]),
        ("abc\x1b[3Dx\x1b[1Cy\r\n\n", ["abc\x1b[3Dx\x1b[1Cy", ""]),
        ("abc\r\x1b[1Cx\n", ["axc"]),
        ("größe 1\rgröße 2\n", ["größe 2"]),
        ("████    50%\r████████ 100%\nnext\n", ["████████ 100%", "next"]),
        ("a\rb", ["b"]),
        ("\x1b]0;title\x07x\ry\n", ["y"]),
    ],
)
def test_a_redrawn_line_is_its_last_state(printed: str, shown: list[str]) -> None:
    assert split(printed.encode()) == shown


REDRAWN = st.lists(
    st.sampled_from(
        [b"\r", b"\b", b"\n", b"a", b"bc", b" ", b"\x1b[K", b"\x1b[2K", b"\x1b[31m", b"\x1b[0m", b"\x1b[", b"\x1b", "ü".encode(), b"\xff"]
    ),
    max_size=60,
).map(b"".join)


@settings(deadline=None)
@given(REDRAWN, st.lists(st.integers(0, 200)))
def test_cuts_in_the_stream_change_no_redrawn_line(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})

    assert split(*(data[a:b] for a, b in pairwise(places))) == split(data)


def test_a_bar_of_any_length_is_one_line_in_bounded_memory() -> None:
    splitter = LineSplitter()
    lines: list[str] = []
    for number in range(50_000):
        lines += splitter.feed(b"\r%d of 50000 [%s]" % (number, b"#" * 60))

    assert lines == []
    assert splitter.get_unfinished().startswith("49999 of 50000 [")
    assert len(splitter.get_unfinished()) < 100
    assert [*splitter.feed(b"\rdone" + b" " * 80 + b"\n")] == ["done"]


def test_overwritten_states_beyond_the_limit_of_a_line_are_dropped() -> None:
    states = b"".join(b"\x1b[32m\r%d\x1b[K" % number for number in range(LINE_LIMIT // 4))

    assert split(states[: LINE_LIMIT + 100], states[LINE_LIMIT + 100 :], b"\n") == [f"\x1b[32m{LINE_LIMIT // 4 - 1}\x1b[0m"]
