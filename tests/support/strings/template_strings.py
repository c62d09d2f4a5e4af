"""The strings of Jinja templates: text, labels and titles of the page, and the literals in expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

from jinja2 import Environment

from tests.support.paths import ROOT
from tests.support.strings.found_string import FoundString, Kind, join_spaces
from tests.support.strings.prose import is_label, is_prose

TEMPLATES: Final = ROOT / "entrypoints" / "web" / "templates"
_ATTRIBUTES: Final = {"title", "aria-label", "placeholder", "alt", "aria-description", "data-toast"}
_INLINE: Final = {
    "a",
    "abbr",
    "b",
    "br",
    "code",
    "em",
    "i",
    "kbd",
    "mark",
    "q",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "svg",
    "time",
    "use",
    "wbr",
}
_HEADINGS: Final = {"h1", "h2", "h3", "h4", "th", "dt", "legend", "caption", "title"}
_WORD: Final = re.compile(r"[A-Za-z]{2,}")


def find_template_strings() -> Iterator[FoundString]:
    """Yield the strings of every template."""
    for file in sorted(TEMPLATES.rglob("*.html")):
        yield from read_template(file.read_text("utf-8"), str(file.relative_to(ROOT)))


def read_template(source: str, path: str) -> Iterator[FoundString]:
    """Yield the strings of one template, in order of their lines."""
    markup, literals = _split(source)
    reader = _PageReader(path)
    reader.feed(markup)
    reader.close()
    reader.end_block()
    found = [
        FoundString(path, line, Kind.EXPRESSION, text)
        for line, text in literals
        if (is_prose(text) or is_label(text)) and "\\n" not in text
    ]
    yield from sorted([*reader.found, *found], key=lambda found: found.line)


def _split(source: str) -> tuple[str, list[tuple[int, str]]]:
    """Return the markup with `{}` for each expression, on the same lines, and the literals in expressions with their lines."""
    markup: list[str] = []
    literals: list[tuple[int, str]] = []
    is_block = False
    for line, kind, value in Environment().lex(source):
        if kind == "data":
            markup.append(value)
            continue
        if kind == "variable_begin":
            markup.append("{}")
        if kind == "string":
            literals.append((line, join_spaces(value[1:-1])))
        is_block = kind == "block_begin" or (is_block and kind != "block_end")
        if is_block and kind == "name" and value in ("else", "elif"):
            markup.append("¦")
        markup.append("\n" * value.count("\n"))
    return "".join(markup), literals


class _PageReader(HTMLParser):
    """Collect the text of each block, with the text of its inline elements."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.found: list[FoundString] = []
        self._text: list[str] = []
        self._line = 0
        self._kind = Kind.TEXT

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in _ATTRIBUTES and value and _WORD.search(value.replace("{}", "")):
                self.found.append(FoundString(self.path, self.getpos()[0], Kind.ATTRIBUTE, join_spaces(value)))
        values = dict(attrs)
        classes = (values.get("class") or "").split()
        if tag not in _INLINE or "button" in classes or "label" in classes:
            self.end_block()
            self._kind = Kind.BUTTON if tag == "button" or "button" in classes else Kind.HEADING if tag in _HEADINGS else Kind.TEXT
        if tag == "br":
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _INLINE or (self._kind == Kind.BUTTON and tag == "a"):
            self.end_block()

    def handle_data(self, data: str) -> None:
        if not self._text and data.strip():
            self._line = self.getpos()[0] + len(data[: len(data) - len(data.lstrip())].splitlines()) - (1 if data[:1].isspace() else 0)
        if self._text or data.strip():
            self._text.append(data)

    def end_block(self) -> None:
        """Keep the text since the last block, if it has words."""
        text = " ".join("".join(self._text).split())
        if _WORD.search(text.replace("{}", "")):
            self.found.append(FoundString(self.path, max(self._line, 1), self._kind, text))
        self._text.clear()
        self._kind = Kind.TEXT
