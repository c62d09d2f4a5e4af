"""Progress bars and other redrawn lines are stored as a terminal shows them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrypoints.worker.stage_host.line_splitter import LINE_LIMIT, LineSplitter

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
        ("abc\x1b[3Dx\x1b[1Cy\r\n\n", ["xby", ""]),
        ("1%\x1b[1G\x1b[2K50%\x1b[1G\x1b[2Kdone\n", ["done"]),
        ("\x1b[2K\x1b[1G| a\x1b[2K\x1b[1G/ a\x1b[2K\x1b[1Gok a\nb\n", ["ok a", "b"]),
        ("abcdef\x1b[4D\x1b[2P\x1b[1@-\x1b[2D\x1b[1X\n", ["a -ef"]),
        ("a\tb\tc\n", ["a\tb\tc"]),
        ("a\tb\rxy\n", ["xy      b"]),
        ("xxxxxxxxx\ra\tb\n", ["axxxxxxxb"]),
        ("\r10%\tx\r20%\n", ["20%\tx"]),
        ("\u4e2d\u6587 10%\r\u4e2d\u6587 20%\n", ["\u4e2d\u6587 20%"]),
        ("\u4e2d\u6587\rab\n", ["ab\u6587"]),
        ("\u4e2d\u6587\ra\n", ["a \u6587"]),
        ("\U0001f680 go\r\x1b[3Cno\n", ["\U0001f680 no"]),
        ("cafe\u0301 1\rcafe\u0301 2\n", ["cafe\u0301 2"]),
        (f"{RED}\r10%\r20%{RESET}\n", [f"{RED}20%{RESET}"]),
        ("\x1b[32mok\x1b[0m\r\n", ["\x1b[32mok\x1b[0m"]),
        ("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\ text\n", ["link text"]),
        ("\x1bPsecret\x1b\\done\x07\n", ["done"]),
        ("\x1b[?25lhidden cursor\x1b[?25h\n", ["hidden cursor"]),
        ("\x1b[2J\x1b[Htop\n", ["top"]),
        (f"{RED}one\ntwo\n{RESET}three\n", [f"{RED}one", f"{RED}two{RESET}", "three"]),
        (f"\x1b[1m{RED}one\n\n\x1b[39mtwo\n\x1b[mthree\n", [f"\x1b[1m{RED}one", "", f"\x1b[1m{RED}\x1b[39mtwo{RESET}", "three"]),
        ("abc\r\x1b[1Cx\n", ["axc"]),
        ("größe 1\rgröße 2\n", ["größe 2"]),
        ("████    50%\r████████ 100%\nnext\n", ["████████ 100%", "next"]),
        ("a\rb", ["b"]),
        ("\x1b]0;title\x07x\ry\n", ["y"]),
    ],
)
def test_a_redrawn_line_is_its_last_state(printed: str, shown: list[str]) -> None:
    assert split(printed.encode()) == shown


UP = "\x1b[A"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("outer 0\ninner 0" + UP + "\router 1\n\rinner 1" + UP + "\router 2\n\rinner 2\n", ["outer 0", "outer 2", "inner 2"]),
        ("a 0\nb 0\n\x1b[2Aa 1\nb 1\n\x1b[2Aa 2\nb 2\nafter\n", ["a 0", "b 0", "a 2", "b 2", "after"]),
        ("a 0\nb 0\n\x1b[2F\x1b[Ja 1\nb 1\n", ["a 0", "b 0", "a 1", "b 1"]),
        ("x\n\x1b[2A\x1b[2Bnext\n", ["x", "next"]),
        ("log 1\nbar 10%\x1b[1A\r\x1b[Klog 2\n\rbar 20%\n", ["log 1", "log 2", "bar 20%"]),
    ],
)
def test_lines_that_a_program_moves_up_to_are_their_last_states(printed: str, shown: list[str]) -> None:
    assert split(printed.encode()) == shown


@pytest.mark.parametrize(("last", "shown"), [(b"\x1b]0;no end", ["]0;no end"]), (b"\x1b[3", ["[3"]), (b"half \xe4\xb8", ["half \ufffd"])])
def test_output_that_ends_within_a_code_or_a_character_is_not_lost(last: bytes, shown: list[str]) -> None:
    assert split(b"outer 0\n" + UP.encode() + b"outer 1\n" + last) == ["outer 0", "outer 1", *shown]


def test_a_code_without_an_end_hides_no_lines() -> None:
    assert split(UP.encode() + b"one\n\x1b]0;no end\ntwo\n", b"\x1bPno end\nthree\n") == ["one", "]0;no end", "two", "Pno end", "three"]


def test_a_block_that_is_redrawn_is_unfinished_until_more_is_printed_below_it() -> None:
    splitter = LineSplitter()

    assert [*splitter.feed(b"start\na 0\nb 0\n")] == ["start", "a 0", "b 0"]
    assert [*splitter.feed(b"\x1b[2Aa 1\nb 1\n")] == []
    assert splitter.get_unfinished() == "a 1\nb 1"
    assert [*splitter.feed(b"\x1b[2Aa 2\x1b[Kx\nb 2\n")] == []
    assert splitter.get_unfinished() == "a 2x\nb 2"
    printed = b"".join(b"line %d\n" % number for number in range(9))
    assert [*splitter.feed(printed)] == ["a 2x", "b 2", *(f"line {number}" for number in range(9))]
    assert splitter.get_unfinished() == ""
    assert [*splitter.feed(b"plain again  \n")] == ["plain again  "]


@pytest.mark.parametrize("state", ["\r%7d of 9 [\u2588\u2588\u2588]", "\x1b[2K\x1b[1G%d", "\x1b[A\r%d\n", "\b\b\b\b\b\b\b%7d", "%d\x1b[7D"])
def test_much_output_without_a_line_takes_bounded_memory(state: str) -> None:
    splitter = LineSplitter()
    block = "".join(state % number for number in range(1_000)).encode()
    sizes = []
    for _ in range(300_000 // len(block) + 2):
        assert [*splitter.feed(block)] == []
        sizes.append(len(splitter.get_unfinished()))

    assert max(sizes) < 100
    assert "999" in [*splitter.feed(b"\n"), *splitter.flush()][0]


def test_a_line_of_ten_megabytes_is_cut_into_lines() -> None:
    splitter = LineSplitter()
    lines = [line for _ in range(160) for line in splitter.feed(b"x" * LINE_LIMIT)]

    assert [*lines, *splitter.flush()] == ["x" * LINE_LIMIT] * 160


TOKENS = (
    *(b"\r", b"\b", b"\n", b"\t", b"a", b"bc", b" ", "ü".encode(), "中".encode(), b"\xff", b"\x1b[", b"\x1b"),
    *(b"\x1b[K", b"\x1b[2K", b"\x1b[31m", b"\x1b[0m", b"\x1b[A", b"\x1b[2A", b"\x1b[B", b"\x1b[G", b"\x1b[3D", b"\x1b]0;t\x07", b"\x1b[J"),
)
REDRAWN = st.lists(st.sampled_from(TOKENS), max_size=60).map(b"".join)


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
