"""The prose of README, changelog and docs, of the examples, and of Datadog's dashboard and monitors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.support.paths import ROOT
from tests.support.strings.found_string import FoundString, Kind, join_spaces
from tests.support.strings.prose import is_prose

_COMMENT: Final = re.compile(r"(?:^|\s)#\s+(?P<text>.+)$")
_ECHO: Final = re.compile(r"""\becho ["'](?P<text>[^"']+)["']""")
_DESCRIPTION: Final = re.compile(r"^\s*(?:-\s+)?(?:description|title|message|question|why|note):\s*[\"']?(?P<text>[^\"'|>].*?)[\"']?$")


def find_document_strings() -> Iterator[FoundString]:
    """Yield the prose of every document, paragraph by paragraph."""
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for file in pages:
        yield from read_markdown(file.read_text("utf-8"), str(file.relative_to(ROOT)))
    for pattern in ("examples/**/*.yaml", "examples/**/*.sh", "docker/*.yaml", "docker/env.example", "docker/postgres/*.sh"):
        for file in sorted(ROOT.glob(pattern)):
            yield from read_comments(file.read_text("utf-8"), str(file.relative_to(ROOT)))
    for file in sorted((ROOT / "docker" / "datadog").rglob("*.json")):
        yield from read_json(file)


def read_markdown(source: str, path: str) -> Iterator[FoundString]:
    """Yield each paragraph, list item, heading and table row outside fenced blocks."""
    is_code, start, block = False, 0, list[str]()
    for number, line in enumerate([*source.splitlines(), ""], 1):
        is_fence = line.lstrip().startswith("```")
        if block and (is_fence or not line.strip() or re.match(r"\s*([-*|#>]|\d+\.)\s?", line)):
            yield FoundString(path, start, Kind.DOCUMENT, join_spaces(" ".join(block)))
            block = []
        is_code ^= is_fence
        if line.strip() and not is_fence and not is_code and not re.fullmatch(r"[\s|:-]+|<!--.*", line):
            start = start if block else number
            block.append(line.strip())
        elif is_code and (comment := _COMMENT.search(line)) and is_prose(comment["text"]):
            yield FoundString(path, number, Kind.DOCUMENT, comment["text"])


def read_comments(source: str, path: str) -> Iterator[FoundString]:
    """Yield the comments, descriptions and printed texts of a definition or a shell script."""
    for number, line in enumerate(source.splitlines(), 1):
        found = _COMMENT.search(line) or _DESCRIPTION.match(line) or _ECHO.search(line)
        if found and is_prose(found["text"]):
            yield FoundString(path, number, Kind.DOCUMENT, join_spaces(found["text"]))


def read_json(file: Path) -> Iterator[FoundString]:
    """Yield every text in a JSON document that has words, without queries."""
    for text in _walk(json.loads(file.read_text("utf-8"))):
        if is_prose(text) and not re.search(r"[a-z]+:[a-z.]+\.[a-z_]+\{|by \{", text):
            yield FoundString(str(file.relative_to(ROOT)), 1, Kind.DOCUMENT, join_spaces(text))


def _walk(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)
    elif isinstance(value, str):
        yield value
