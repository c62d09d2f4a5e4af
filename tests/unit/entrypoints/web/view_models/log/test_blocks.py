"""Lines of the log are grouped in blocks by attempt, and short alternating runs of lines in one mixed block."""

import pytest
from markupsafe import Markup

from entrypoints.web.view_models.log.attempts import AttemptLabel, shorten_name
from entrypoints.web.view_models.log.blocks import LogBlock, group_lines
from entrypoints.web.view_models.log.lines import LogLine


def some_lines(attempts: str) -> list[LogLine]:
    """Return a line for each letter, which stands for an attempt."""
    return [LogLine(n, None, "", "", AttemptLabel(each, each, "", "", "", 1, None), Markup("")) for n, each in enumerate(attempts, 1)]


def to_text(blocks: list[LogBlock]) -> str:
    return " ".join("".join(line.attempt.key for line in block.lines) for block in blocks)


@pytest.mark.parametrize(
    ("attempts", "grouped"),
    [
        ("", ""),
        ("a", "a"),
        ("aaaaabbbb", "aaaaa bbbb"),
        ("ab", "ab"),
        ("aabbaabb", "aabbaabb"),
        ("aaaabab", "aaaa bab"),
        ("ababbbbb", "aba bbbbb"),
        ("abbbb", "a bbbb"),
        ("abbbbaaaac", "a bbbb aaaa c"),
        ("abcabcaaaab", "abcabc aaaa b"),
        ("aaaabaaaa", "aaaa b aaaa"),
    ],
)
def test_consecutive_lines_of_an_attempt_are_a_block(attempts: str, grouped: str) -> None:
    assert to_text(group_lines(some_lines(attempts))) == grouped


@pytest.mark.parametrize("attempts", ["abcabcabcabc", "aaaabcbbbbcca", "abcd" * 9, "a" * 9 + "b" * 3 + "c" * 5])
def test_grouping_keeps_every_line_in_its_order(attempts: str) -> None:
    assert to_text(group_lines(some_lines(attempts))).replace(" ", "") == attempts


def test_a_heading_names_three_attempts_and_counts_the_others() -> None:
    single, mixed, many = (group_lines(some_lines(text))[0] for text in ("aaaa", "abab", "abcde"))

    assert [[each.stage for each in block.attempts] for block in (single, mixed, many)] == [["a"], ["a", "b"], ["a", "b", "c"]]
    assert [block.more for block in (single, mixed, many)] == ["", "", "and 2 more"]
    assert [block.count for block in (group_lines(some_lines("a"))[0], many)] == ["1 line", "5 lines"]


def test_folded_blocks_leave_the_one_with_the_chosen_line_open() -> None:
    lines = some_lines("aaaabbbbcccc")

    assert [block.is_open for block in group_lines(lines)] == [True, True, True]
    assert [block.is_open for block in group_lines(lines, are_folded=True, target=6)] == [False, True, False]


@pytest.mark.parametrize(
    ("name", "length", "shown"),
    [("extract", 8, ""), ("shard-001", 8, "shar…001"), ("load-customers-eu", 16, "load-custome…-eu"), ("x" * 100, 16, "x" * 12 + "…xxx")],
)
def test_a_long_name_is_cut_in_its_middle(name: str, length: int, shown: str) -> None:
    assert shorten_name(name, length) == shown and len(shown) <= length
