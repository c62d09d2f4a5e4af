"""Lists of names name three, and count the others."""

import pytest

from domain.name_lists import format_names, format_path


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, "n1"), (2, "n1 and n2"), (3, "n1, n2 and n3"), (4, "n1, n2, n3 and 1 more"), (1_003, "n1, n2, n3 and 1,000 more")],
)
def test_three_names_are_written_out(count: int, text: str) -> None:
    assert format_names([f"n{number}" for number in range(1, count + 1)]) == text


def test_choices_are_joined_by_or() -> None:
    assert format_names(["ada", "mara"], last="or") == "ada or mara"
    assert format_names(list("abcde"), shown=4, last="or") == "a, b, c, d or 1 more"


def test_a_long_path_is_cut() -> None:
    assert format_path(["a", "b", "a"]) == "a → b → a"
    assert format_path([f"s{number}" for number in range(70)]) == "s0 → s1 → s2 → s3 → … → s69"
