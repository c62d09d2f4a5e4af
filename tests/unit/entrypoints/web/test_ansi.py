"""ANSI rendering: output is visible and inert."""

import re
from html.parser import HTMLParser
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from entrypoints.web.ansi import render_ansi_line
from tests.support.coloured_lines import LINES_WITH_CODES

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b[31m<b>red</b>\x1b[0m</code></li><li>",
    "\x1b]8;;javascript:alert(1)\x07click\x1b]8;;\x07",
    '\x1b[31" onmouseover="alert(1)m',
    "\x1b[38;2;999;1;1m deep \x1b[999m",
    "\x1b[" + "1;" * 200 + "m",
    "\x1b[38;5m\x1b[38m\x1b[48;2;1m",
    "&lt;script&gt;&#0;&amp",
    "\u202eevil\u202c \u2066x\u2069 \u200b \ufeff",
    "\x00\x08\x1b\x7f\x9b31m",
    "\ud800 half",
    "<" * 20_000,
]


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def handle_data(self, data: str) -> None:
        self.text += data


def _seen(line: str) -> _Seen:
    seen = _Seen()
    seen.feed(str(render_ansi_line(line)))
    seen.close()
    return seen


@pytest.mark.parametrize("line", HOSTILE)
def test_a_hostile_line_becomes_only_spans_and_text(line: str) -> None:
    seen = _seen(line)

    assert {tag for tag, _ in seen.tags} <= {"span"}
    assert all(set(attributes) <= {"class", "title"} for _, attributes in seen.tags)
    assert seen.depth == 0


@given(st.text(max_size=200))
@example("\x1b[1m\x1b[31m")
def test_any_text_is_inert_and_keeps_its_printable_part(line: str) -> None:
    seen = _seen(line)

    assert {tag for tag, _ in seen.tags} <= {"span"}
    assert seen.depth == 0
    if line.isprintable() and "\xad" not in line:
        assert seen.text == line


def test_colours_become_classes_and_end_with_reset() -> None:
    assert render_ansi_line("a \x1b[1;31mred\x1b[0m b") == 'a <span class="bold red">red</span> b'


def test_bright_indexed_and_true_colours_map_to_named_colours() -> None:
    assert render_ansi_line("\x1b[92mx") == '<span class="green">x</span>'
    assert render_ansi_line("\x1b[38;5;196mx") == '<span class="red">x</span>'
    assert render_ansi_line("\x1b[38;2;10;20;250mx") == '<span class="blue">x</span>'


def test_an_unprintable_character_is_shown_by_name() -> None:
    assert "U+202E" in render_ansi_line("a\u202eb")
    assert "␀" in render_ansi_line("a\0b")


@pytest.mark.parametrize("line", LINES_WITH_CODES)
def test_found_text_is_marked_across_all_codes_that_a_search_ignores(line: str) -> None:
    marked = re.findall("<mark>(.*?)</mark>", render_ansi_line(line, "Error 42"))

    assert "".join(marked) == "error 42"


def test_rendering_time_is_linear_in_the_length() -> None:
    line = "\x1b[" * 4_000

    begin = process_time()
    render_ansi_line(line)

    assert process_time() - begin < 0.5


def test_a_long_line_is_cut_with_a_note() -> None:
    assert "2,000 more characters" in render_ansi_line("x" * 10_000)
