"""What a person searches for is marked in a line of output, whatever its colours are."""

import pytest

from entrypoints.web.ansi import render_ansi_line
from entrypoints.web.text_matches import MAX_MATCHES


@pytest.mark.parametrize(
    ("line", "search_text", "html"),
    [
        ("3 rows too few", "ROWS", "3 <mark>rows</mark> too few"),
        ("rows rows", "rows", "<mark>rows</mark> <mark>rows</mark>"),
        ("aaa", "aa", "<mark>aa</mark>a"),
        ("3 rows", "x", "3 rows"),
        ("3 rows", "", "3 rows"),
        ("\x1b[31m3 rows\x1b[0m too", "rows too", '<span class="red">3 <mark>rows</mark></span><mark> too</mark>'),
        ("r\x1b[1mo\x1b[0mws", "rows", '<mark>r</mark><span class="bold"><mark>o</mark></span><mark>ws</mark>'),
        ("a<b>c", "<b", "a<mark>&lt;b</mark>&gt;c"),
        ("İstanbul", "stan", "İstanbul"),
        ("a\x01rows", "rows", 'a<span class="unprintable" title="control character 0x01">␁</span><mark>rows</mark>'),
    ],
)
def test_matches_are_marked_across_colours(line: str, search_text: str, html: str) -> None:
    assert render_ansi_line(line, search_text) == html


def test_a_line_has_a_bounded_number_of_marks() -> None:
    assert render_ansi_line("a" * 8_000, "a").count("<mark>") == MAX_MATCHES
