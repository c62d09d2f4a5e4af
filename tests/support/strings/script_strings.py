"""The strings of the pages' own scripts: literals and templates, with `{}` for each value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tests.support.paths import ROOT
from tests.support.strings.found_string import FoundString, Kind, join_spaces
from tests.support.strings.prose import is_prose

SCRIPTS: Final = ROOT / "entrypoints" / "web" / "static"
_OF_OTHERS: Final = re.compile(r"htmx|idiomorph|\.min\.")
_TOKEN: Final = re.compile(
    r"""//[^\n]*|/\*.*?\*/|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|\$\{[^}]*\}|[^`\\])*`)|(?<=[(,=:?&|!;])\s*/(?:\\.|\[[^\]\n]*\]|[^/\\\n])+/[gimsuy]*""",
    re.VERBOSE | re.DOTALL,
)


def find_script_strings() -> Iterator[FoundString]:
    """Yield the strings of every script of the pages, without the libraries."""
    for file in sorted(SCRIPTS.rglob("*.js")):
        if not _OF_OTHERS.search(file.name):
            yield from read_script(file.read_text("utf-8"), str(file.relative_to(ROOT)))


def read_script(source: str, path: str) -> Iterator[FoundString]:
    """Yield the strings of one script that have words for people."""
    for token in _TOKEN.finditer(source):
        literal = token.group("string")
        if literal is None:
            continue
        text = join_spaces(re.sub(r"\$\{[^}]*\}", "{}", literal[1:-1]))
        if is_prose(text) or re.fullmatch(r"[A-Z][a-z]+[.…]?", text):
            yield FoundString(path, source.count("\n", 0, token.start()) + 1, Kind.SCRIPT, text)
