"""Text is read without the codes that control a terminal."""

import pytest

from domain.output.terminal_codes import strip_terminal_codes
from tests.support.coloured_lines import LINES_WITH_CODES


@pytest.mark.parametrize("line", [*LINES_WITH_CODES, "error 42: no"])
def test_terminal_codes_are_no_part_of_the_text(line: str) -> None:
    assert strip_terminal_codes(line) == "error 42: no"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("an open title \x1b]0;lost", "an open title ]0;lost"),
        ("an open link \x1b]8;;x and \x1b[1mbold", "an open link ]8;;x and bold"),
        ("half a colour \x1b[31", "half a colour [31"),
        ("100 % [31m\ttab größe", "100 % [31m\ttab größe"),
        ("", ""),
    ],
)
def test_text_that_is_no_complete_code_stays(line: str, text: str) -> None:
    assert strip_terminal_codes(line) == text
